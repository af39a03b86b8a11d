"""Grafana: dashboards for the Prometheus of the same instance."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import HALF_A_PAIR, FileContent, VolumeSpec

PORT = 3000
_USER = 472
_SECRETS = "/etc/grafana-secret"

_NOTHING_OUTSIDE = {
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
}
"""It sends nothing to others, and an administrator cannot install plugins, which are programs."""
_TLS = {
    "GF_SECURITY_COOKIE_SECURE": "true",
    "GF_SERVER_CERT_FILE": f"{_SECRETS}/tls.crt",
    "GF_SERVER_CERT_KEY": f"{_SECRETS}/tls.key",
    "GF_SERVER_PROTOCOL": "https",
}
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
    certificate: FileContent | None = None,
    private_key: FileContent | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return Grafana with data source and dashboards.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        admin_password: of the user `admin`, best as `SecretRef`; None creates no such user; anyone who reaches the
            port may then view the dashboards, but change nothing.
            Such a Grafana may be opened to the VCN only.
        certificate: with `private_key`: of the server, in PEM form; the port then speaks HTTPS.
        private_key: of the certificate, best as `SecretRef`.
        version: change it together with an `admin_password` or a key given literally, which enter no digest.

    Its data ends with the instance.  Port 3000 is not opened by this: add it to the instance's `ports` for that.
    With a certificate Prometheus does not scrape it, and OCI checks only that it accepts connections.
    """
    environment = {"GF_SERVER_HTTP_PORT": str(PORT), **_NOTHING_OUTSIDE}
    mounts = {"/var/lib/grafana": VolumeSpec.empty_dir("grafana-data")}
    files: dict[str, FileContent] = {}
    if admin_password is None:
        environment |= _WITHOUT_ADMIN
    else:
        environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] = f"{_SECRETS}/admin_password"
        files["admin_password"] = admin_password
    has_tls = certificate is not None and private_key is not None
    if certificate is not None and private_key is not None:
        environment |= _TLS
        files |= {"tls.crt": certificate, "tls.key": private_key}
    if files:
        mounts[_SECRETS] = VolumeSpec.config_file("grafana-secret", files, secret_version=version)
    return SidecarSpec(
        "grafana",
        image_url=image_url or own_image("grafana"),
        environment_variables=environment,
        mounts=mounts,
        health_checks=(HealthCheck.tcp(PORT) if has_tls else HealthCheck.http(PORT, path="/api/health"),),
        scrape=None if has_tls else ScrapeTarget(PORT),
        is_essential=False,
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.5,
        ephemeral_storage_in_gbs=0.5,
        security_context=SecurityContext.restricted(run_as_user=_USER),
        problems=() if (certificate is None) == (private_key is None) else (HALF_A_PAIR,),
    )
