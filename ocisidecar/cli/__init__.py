"""The command line, and the modules that the programs in `scripts/` share with it."""
