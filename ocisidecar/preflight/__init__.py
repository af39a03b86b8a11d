"""Checks before an apply: what can be known by reading only."""
