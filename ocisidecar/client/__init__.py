"""Calls to OCI: the session around the SDK, retries, and the rate of requests."""
