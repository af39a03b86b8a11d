"""OpenTelemetry Collector: takes metrics by OTLP and shows them to Prometheus."""

from __future__ import annotations

import json

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import OTEL_COLLECTOR
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = OTEL_COLLECTOR.url
PORT = 8889
HEALTH_PORT = 13133
_USER = 10001
_DIRECTORY = "/etc/otelcol-contrib"
_CONFIG = {
    "extensions": {"health_check": {"endpoint": f"0.0.0.0:{HEALTH_PORT}"}},
    "receivers": {
        "otlp": {
            "protocols": {"grpc": {"endpoint": "127.0.0.1:4317"}, "http": {"endpoint": "127.0.0.1:4318"}},
        }
    },
    "processors": {
        "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20},
        "batch": {},
    },
    "exporters": {
        "prometheus": {"endpoint": f"0.0.0.0:{PORT}", "resource_to_telemetry_conversion": {"enabled": True}}
    },
    "service": {
        "extensions": ["health_check"],
        "pipelines": {
            "metrics": {
                "receivers": ["otlp"],
                "processors": ["memory_limiter", "batch"],
                "exporters": ["prometheus"],
            }
        },
    },
}


def otel_collector(*, image_url: str | None = None, config: FileContent | None = None) -> SidecarSpec:
    """Return the collector, to which OpenTelemetry SDKs send to 127.0.0.1:4317 (gRPC) or :4318 (HTTP).

    Prometheus scrapes what they sent at port 8889.  Where it shall only reach OCI Monitoring,
    `SidecarSpec.metrics_forwarder()` takes OTLP itself, with less memory.

    Args:
        image_url: an image with the same command line instead of the pinned official one, which has the components
            of "contrib".
        config: your own configuration instead of the generated one: it must show metrics at port 8889 and have the
            extension `health_check` at 0.0.0.0:13133.

    Source: github.com/open-telemetry/opentelemetry-collector-contrib at v0.165.0.  No test runs it: Debian
    has no package.
    """
    return SidecarSpec(
        "otel-collector",
        image_url=image_url or IMAGE,
        arguments=(f"--config={_DIRECTORY}/config.yaml",),
        mounts={
            _DIRECTORY: VolumeSpec.config_file(
                "otel-collector-config", {"config.yaml": config or json.dumps(_CONFIG, indent=2) + "\n"}
            )
        },
        health_checks=(HealthCheck.http(HEALTH_PORT, path="/"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.25,
        security_context=SecurityContext.restricted(run_as_user=_USER),
    )
