"""The command line, and what the programs in `scripts/` share with it."""
