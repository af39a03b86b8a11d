"""Grafana: dashboards for the Prometheus of the same instance."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import SCRAPE_INTERVAL_VARIABLE, ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import FileContent, VolumeSpec

PORT = 3000
_USER = 472
_SECRETS = "/etc/grafana-secret"

_WITHOUT_ADMIN = {
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_AUTH_DISABLE_LOGIN_FORM": "true",
}


def grafana(
    *,
    image_url: str | None = None,
    admin_password: FileContent | None = None,
    version: str = "1",
    scrape_interval_in_seconds: int = 15,
) -> SidecarSpec:
    """Return Grafana with data source and dashboards.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        admin_password: of the user `admin`, best as `SecretRef`; None creates no such user; anyone who reaches the
            port may then view the dashboards, but change nothing.
        version: change it together with an `admin_password` given literally, which enters no digest.
        scrape_interval_in_seconds: of a Prometheus with a configuration of your own; that of a generated one is
            known.

    Its data ends with the instance.  Port 3000 is not opened by this: add it to the instance's `ports` for that.
    """
    environment = {
        "GF_SERVER_HTTP_PORT": str(PORT),
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        SCRAPE_INTERVAL_VARIABLE: f"{scrape_interval_in_seconds}s",
    }
    mounts = {"/var/lib/grafana": VolumeSpec.empty_dir("grafana-data")}
    if admin_password is None:
        environment |= _WITHOUT_ADMIN
    else:
        environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] = f"{_SECRETS}/admin_password"
        mounts[_SECRETS] = VolumeSpec.config_file(
            "grafana-secret", {"admin_password": admin_password}, secret_version=version
        )
    return SidecarSpec(
        "grafana",
        image_url=image_url or own_image("grafana"),
        environment_variables=environment,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT, path="/api/health"),),
        scrape=ScrapeTarget(PORT),
        is_essential=False,
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.5,
        ephemeral_storage_in_gbs=0.5,
        security_context=SecurityContext.restricted(run_as_user=_USER),
    )
