"""Read live resources, container instances, logs and metrics."""
