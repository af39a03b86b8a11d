"""Node exporter: CPU, memory, disk and network as the containers of the instance see them."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import NODE_EXPORTER

IMAGE = NODE_EXPORTER.url
PORT = 9100
_NOBODY = 65534


def node_exporter(*, image_url: str | None = None) -> SidecarSpec:
    """Return the node exporter, reading the container's own /proc and /sys: OCI offers no path of its host.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
    """
    return SidecarSpec(
        "node-exporter",
        image_url=image_url or IMAGE,
        arguments=(f"--web.listen-address=0.0.0.0:{PORT}",),
        health_checks=(HealthCheck.http(PORT),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
    )
