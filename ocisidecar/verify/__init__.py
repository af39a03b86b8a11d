"""Check a deployment, and diagnose the causes of what does not work."""
