"""The commands of `replica`, one module each; every module's `register` adds them to the app."""
