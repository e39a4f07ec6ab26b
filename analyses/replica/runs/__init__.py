"""Runs of a study's notebook: checked before they start, recorded, shown and compared."""
