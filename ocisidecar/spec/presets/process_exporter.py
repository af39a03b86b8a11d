"""Process exporter: CPU, memory and open files of groups of processes, as far as it sees them."""

from __future__ import annotations

import json

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import PROCESS_EXPORTER
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = PROCESS_EXPORTER.url
PORT = 9256
_NOBODY = 65534
_DIRECTORY = "/etc/process-exporter"
_EVERYTHING = {"process_names": [{"name": "{{.Comm}}", "cmdline": [".+"]}]}
_SEES_ITSELF = (
    "sees only its own process: the containers of an instance share no process namespace.  For the app's CPU and "
    "memory use OCI's own metrics or a client library in the app, or run this exporter inside the app's image"
)


def process_exporter(*, image_url: str | None = None, config: FileContent | None = None) -> SidecarSpec:
    """Return the process exporter, which in a container of its own measures nothing but itself.

    The containers of a container instance share a network and volumes, and no process namespace; OCI has no setting
    for it.  Every plan warns of that.  The preset is of use with an `image_url` in which the processes to be
    measured run beside the exporter.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        config: the exporter's file with names and patterns of processes; None means one group for each name.

    Source: oci.container_instances.models.CreateContainerInstanceDetails, which has no such field.
    """
    return SidecarSpec(
        "process-exporter",
        image_url=image_url or IMAGE,
        arguments=(f"--config.path={_DIRECTORY}/config.yml", f"--web.listen-address=0.0.0.0:{PORT}"),
        mounts={
            _DIRECTORY: VolumeSpec.config_file(
                "process-exporter-config", {"config.yml": config or json.dumps(_EVERYTHING, indent=2) + "\n"}
            )
        },
        health_checks=(HealthCheck.http(PORT),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        warnings=() if image_url else (_SEES_ITSELF,),
    )
