"""Prometheus: scrapes the other containers and stores their metrics."""

from __future__ import annotations

from collections.abc import Sequence

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import PrometheusConfig, ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import PROMETHEUS
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = PROMETHEUS.url
PORT = 9090
_NOBODY = 65534
_COMPACTION_GBS = 1
"""Beyond the limit for a while: a compaction writes a block before it removes those that the block replaces."""


def prometheus(
    *,
    image_url: str | None = None,
    config: FileContent | None = None,
    scrape_interval_in_seconds: int = 15,
    remote_write: Sequence[str] = (),
    retention_size_in_gbs: int = 4,
) -> SidecarSpec:
    """Return Prometheus, which scrapes every other container of the instance that declares metrics.

    Args:
        image_url: an image with the same command line instead of the pinned official one: Prometheus 3.
        config: your own `prometheus.yml` instead of the generated one; the next two arguments then mean nothing.
        scrape_interval_in_seconds: time between two scrapes of a target.
        remote_write: URLs that receive every sample, without credentials; for those write your own `config`.
        retention_size_in_gbs: GB that samples and the write-ahead log take, of the instance's 15 GB; 1 GB more is
            reserved for compactions.

    Its data ends with the instance.  Port 9090 is not opened by this: add it to the instance's `ports` for that.
    """
    generated = PrometheusConfig(
        scrape_interval_in_seconds=scrape_interval_in_seconds, remote_write=tuple(remote_write)
    )
    content = generated if config is None else config
    return SidecarSpec(
        "prometheus",
        image_url=image_url or IMAGE,
        arguments=(
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            # In the configuration this is possible only from a version after 3.5 on, and 3.5 refuses to start then;
            # the flag, deprecated since, works in all of version 3, and with a configuration of your own.
            f"--storage.tsdb.retention.size={retention_size_in_gbs}GB",
            # By default any page that an operator opens may read what is served.
            "--web.cors.origin=none",
            f"--web.listen-address=0.0.0.0:{PORT}",
        ),
        mounts={
            "/etc/prometheus": VolumeSpec.config_file("prometheus-config", {"prometheus.yml": content}),
            "/prometheus": VolumeSpec.empty_dir("prometheus-data"),
        },
        health_checks=(HealthCheck.http(PORT, path="/-/healthy"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.5,
        memory_limit_in_gbs=1,
        ephemeral_storage_in_gbs=retention_size_in_gbs + _COMPACTION_GBS,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
    )
