"""Desired and observed state as values, and the tags that connect them."""
