"""Check a deployment, and find the cause where it does not work."""
