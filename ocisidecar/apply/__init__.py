"""Carry out a plan: requests, waiting, and what became of them."""
