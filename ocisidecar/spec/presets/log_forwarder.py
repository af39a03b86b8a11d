"""Log forwarder: ships the files below /logs to OCI Logging."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.wire import Key, Ref

PORT = 9180
_USER = 10001


def log_forwarder(*, image_url: str | None = None, volume: str = "logs", log_name: str = "app") -> SidecarSpec:
    """Return the forwarder, which ships every `*.log` below /logs, and keeps its offsets there.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        volume: name of the instance's volume that the app writes its log files to.
        log_name: which log of the deployment receives the lines.
    """
    return SidecarSpec(
        "log-forwarder",
        image_url=image_url or own_image("log-forwarder"),
        environment_variables={
            "OCISIDECAR_LOG_ID": Ref(Key("log", log_name)),
            "OCISIDECAR_LOG_DIRECTORY": "/logs",
        },
        mounts={"/logs": volume},
        # It is unhealthy while its lines are rejected, which a restart does not fix.
        health_checks=(HealthCheck.http(PORT, path="/healthy", failure_action="NONE"),),
        scrape=ScrapeTarget(PORT),
        statements=(
            Statement(
                "use",
                "log-content",
                where="request.permission='LOG_CONTENT_PUSH'",
                reason="log-forwarder pushes log lines with PutLogs",
            ),
        ),
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.25,
        security_context=SecurityContext.restricted(run_as_user=_USER),
    )
