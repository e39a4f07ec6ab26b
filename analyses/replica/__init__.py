"""Re-runnable, checkable reproductions of published observational oncology studies."""
