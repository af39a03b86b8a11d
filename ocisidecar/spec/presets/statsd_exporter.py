"""StatsD exporter: metrics that an app sends in StatsD's format."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import STATSD_EXPORTER
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = STATSD_EXPORTER.url
PORT = 9102
RECEIVE_PORT = 9125
_NOBODY = 65534
_DIRECTORY = "/etc/statsd-exporter"


def statsd_exporter(*, image_url: str | None = None, mapping: FileContent | None = None) -> SidecarSpec:
    """Return the StatsD exporter, to which apps send to 127.0.0.1:9125, by UDP or TCP.

    The port is not reachable from outside the instance.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        mapping: the exporter's file that makes labels of parts of names; None means that names stay as they are,
            with `_` for what Prometheus does not take.

    Source: github.com/prometheus/statsd_exporter at v0.30.0.  No test runs it: Debian has no package.
    """
    receive = f"127.0.0.1:{RECEIVE_PORT}"
    arguments = [
        f"--statsd.listen-udp={receive}",
        f"--statsd.listen-tcp={receive}",
        f"--web.listen-address=0.0.0.0:{PORT}",
    ]
    mounts = {}
    if mapping is not None:
        arguments.append(f"--statsd.mapping-config={_DIRECTORY}/mapping.yml")
        mounts[_DIRECTORY] = VolumeSpec.config_file("statsd-exporter-config", {"mapping.yml": mapping})
    return SidecarSpec(
        "statsd-exporter",
        image_url=image_url or IMAGE,
        arguments=arguments,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT, path="/-/healthy"),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
    )
