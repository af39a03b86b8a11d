"""The spec that the demo shows and deploys; the code below is what a user would write."""

from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    ScrapeTarget,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)

METRICS = [
    "up",  # whether Prometheus reaches a container
    "scrape_duration_seconds",
    "app_requests_total",
    "nginx_connections_active",
    "redis_memory_used_bytes",
    "node_load1",
]

web = (
    InstanceSpec(
        "web",
        image_url="ocisidecar/app-with-metrics:0.1.0",  # a small web page instead of your app
        memory_in_gbs=4,
        ports=[8080, 9090],
        health_checks=[HealthCheck.http(8080, path="/health")],
        scrape=ScrapeTarget(8081),
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec("redis", image_url="docker.io/library/redis:8.0.6-alpine"))
    .with_sidecar(SidecarSpec.node_exporter())  # metrics of the host
    .with_sidecar(SidecarSpec.nginx_exporter(scrape_uri="http://127.0.0.1:8080/stub_status"))
    .with_sidecar(SidecarSpec.redis_exporter())  # metrics of the database
    .with_sidecar(SidecarSpec.prometheus(scrape_interval_in_seconds=5))  # collects all metrics
    .with_sidecar(SidecarSpec.metrics_forwarder(metrics=METRICS, interval_in_seconds=5))
    .with_sidecar(SidecarSpec.log_forwarder())  # sends the log files in /logs to OCI Logging
)


def watched(instance: InstanceSpec, endpoint: str) -> DeploymentSpec:
    """Return the instance with an alarm that sends its notifications to the URL `endpoint`."""
    target_down = evolve(AlarmSpec.scrape_target_down(), pending_duration="PT1M")
    oncall = TopicSpec("oncall", subscriptions=[endpoint])
    return DeploymentSpec("web", [instance], alarms=[target_down], topic=oncall)
