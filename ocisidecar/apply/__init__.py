"""Carry out a plan: requests, waiting, and their outcome."""
