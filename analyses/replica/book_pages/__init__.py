"""Home, verification and printing: what the book shows of all studies together."""
