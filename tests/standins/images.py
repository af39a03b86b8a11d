"""The stand-ins of official images, which `build.sh` in this directory builds."""

from __future__ import annotations

from ocisidecar.spec import third_party_images as official

STAND_INS = {
    official.DEBIAN.url: "ocisidecar-test/debian:1",
    official.NGINX.url: "ocisidecar-test/nginx:1",
    official.REDIS.url: "ocisidecar-test/redis:1",
    official.NGINX_EXPORTER.url: "ocisidecar-test/nginx-exporter:1",
    official.NODE_EXPORTER.url: "ocisidecar-test/node-exporter:1",
    official.PROMETHEUS.url: "ocisidecar-test/prometheus:1",
    official.REDIS_EXPORTER.url: "ocisidecar-test/redis-exporter:1",
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
