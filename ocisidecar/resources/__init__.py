"""The kinds of resources, one module for each family."""
