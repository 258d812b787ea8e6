"""Rules that every store must keep, as checks."""
