"""Decide what must be done to get from the observed to the desired state."""
