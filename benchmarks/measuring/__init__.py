"""Measuring the package beside its peers: same arrays, one run, one process for each timing."""
