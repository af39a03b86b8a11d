"""cAdvisor: container statistics of a Docker host, which OCI Container Instances does not expose."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import CADVISOR

IMAGE = CADVISOR.url
PORT = 8080
_NOBODY = 65534

_WARNING = (
    "cadvisor has almost nothing to report in OCI Container Instances: without a Docker socket, host paths and "
    "privileged mode it sees its own container at most. Container Instances emit ContainerCpuUsed, "
    "ContainerMemoryUsed and ContainerEphemeralStorageUsed for every container (namespace "
    "oci_computecontainerinstance): use those."
)


def cadvisor(*, image_url: str | None = None) -> SidecarSpec:
    """Return cAdvisor, with a warning: OCI exposes almost none of its data sources.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
    """
    return SidecarSpec(
        "cadvisor",
        image_url=image_url or IMAGE,
        arguments=(f"--port={PORT}", "--housekeeping_interval=15s", "--store_container_labels=false"),
        health_checks=(HealthCheck.http(PORT, path="/healthz"),),
        scrape=ScrapeTarget(PORT),
        is_essential=False,
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.25,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        warnings=(_WARNING,),
    )
