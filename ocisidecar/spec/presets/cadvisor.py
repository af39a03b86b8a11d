"""cAdvisor: container statistics of a Docker host, of which OCI Container Instances shows nothing."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.sidecar import SidecarSpec

IMAGE = "gcr.io/cadvisor/cadvisor:v0.52.1"
PORT = 8080

BLINDNESS = (
    "cadvisor is blind in OCI Container Instances: there is no Docker socket, no host path and no privileged mode, "
    "so it sees its own container at most. Container Instances emit ContainerCpuUsed, ContainerMemoryUsed and "
    "ContainerEphemeralStorageUsed for every container (namespace oci_computecontainerinstance): use those."
)


def cadvisor(*, image_url: str | None = None) -> SidecarSpec:
    """Return cAdvisor, with a warning: OCI hides from it what it is there to see.

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
        warnings=(BLINDNESS,),
    )
