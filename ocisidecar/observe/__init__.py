"""Read what exists: resources, container instances, logs, and metrics."""
