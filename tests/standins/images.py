"""The stand-ins of official images, which `build.sh` in this directory builds."""

from __future__ import annotations

from ocisidecar.spec.presets import nginx_exporter, node_exporter, prometheus, redis_exporter

STAND_INS = {
    "docker.io/library/debian:bookworm-slim": "ocisidecar-test/debian:1",
    "docker.io/library/nginx:1.28.0-alpine": "ocisidecar-test/nginx:1",
    "docker.io/library/redis:7.4.5-alpine": "ocisidecar-test/redis:1",
    nginx_exporter.IMAGE: "ocisidecar-test/nginx-exporter:1",
    node_exporter.IMAGE: "ocisidecar-test/node-exporter:1",
    prometheus.IMAGE: "ocisidecar-test/prometheus:1",
    redis_exporter.IMAGE: "ocisidecar-test/redis-exporter:1",
}
"""Official image → stand-in, for the `images` argument of the emulator and of pods."""

BASES = {
    "app-with-metrics": "ocisidecar-test/nginx:1",
    "grafana": "ocisidecar-test/grafana:1",
    "log-forwarder": "ocisidecar-test/debian:1",
    "management-agent": "ocisidecar-test/management-agent:1",
    "prometheus": "ocisidecar-test/prometheus:1",
}
"""Directory of `docker/` → the stand-in for its `BASE_IMAGE`."""
