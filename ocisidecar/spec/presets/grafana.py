"""Grafana: dashboards for the Prometheus of the same instance."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.http_client import LOOPBACK
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import SCRAPE_INTERVAL_VARIABLE, ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.volume import HALF_A_PAIR, FileContent, VolumeSpec
from ocisidecar.spec.web_config import (
    READER_PASSWORD_FILE,
    READER_URL_VARIABLE,
    READER_USER_VARIABLE,
    USER_NAME,
)

PORT = 3000
_USER = 472
_SECRETS = "/etc/grafana-secret"
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?")
_BESIDE = "http://127.0.0.1:9090"

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
_WITH_ADMIN = {"GF_SECURITY_ADMIN_PASSWORD__FILE": f"{_SECRETS}/admin_password"}


def grafana(
    *,
    image_url: str | None = None,
    admin_password: FileContent | None = None,
    certificate: FileContent | None = None,
    private_key: FileContent | None = None,
    version: str = "1",
    scrape_interval_in_seconds: int = 15,
    prometheus_url: str = "http://127.0.0.1:9090",
    prometheus_user: str | None = None,
    prometheus_password: FileContent | None = None,
) -> SidecarSpec:
    """Return Grafana with data source and dashboards.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        admin_password: of the user `admin`, best as `SecretRef`; None creates no such user; anyone who reaches the
            port may then view the dashboards, but change nothing; it may be opened to the VCN only.
        certificate: with `private_key`: of the server, in PEM form; the port then speaks HTTPS.
        private_key: of the certificate, best as `SecretRef`.
        version: change it together with a password or a key given literally, which enter no digest.
        scrape_interval_in_seconds: of a Prometheus with a configuration of your own; that of a generated one is
            known.
        prometheus_url: of the data source; `https://127.0.0.1:9090` for a Prometheus beside it that has a
            certificate, which is not checked then: a certificate names no loopback address, and what is sent there
            stays among the containers of the instance.  Elsewhere certificates are checked.
        prometheus_user: with `prometheus_password`: as whom it reads Prometheus; one of the `users` of the preset.
            Given the spec, `verify()` reads as this user too.
        prometheus_password: of that user, best as `SecretRef`; the hash in `users` must be of the same password.

    Its data ends with the instance.  Port 3000 is not opened by this: add it to the instance's `ports` for that.
    With a certificate Prometheus does not scrape it, and OCI checks only that it accepts connections.
    """
    mounts = {"/var/lib/grafana": VolumeSpec.empty_dir("grafana-data")}
    given = {
        "admin_password": admin_password,
        "tls.crt": certificate,
        "tls.key": private_key,
        READER_PASSWORD_FILE: prometheus_password,
    }
    files = {name: content for name, content in given.items() if content is not None}
    has_tls = {"tls.crt", "tls.key"} <= files.keys()
    environment = _environment(scrape_interval_in_seconds, has_admin=admin_password is not None, has_tls=has_tls)
    environment |= _source(prometheus_url, prometheus_user)
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
        problems=tuple(_problems(files.keys(), prometheus_url, prometheus_user)),
    )


def _environment(interval: int, *, has_admin: bool, has_tls: bool) -> dict[str, str]:
    return {
        "GF_SERVER_HTTP_PORT": str(PORT),
        **_NOTHING_OUTSIDE,
        SCRAPE_INTERVAL_VARIABLE: f"{interval}s",
        **(_WITH_ADMIN if has_admin else _WITHOUT_ADMIN),
        **(_TLS if has_tls else {}),
    }


def _source(url: str, user: str | None) -> dict[str, str]:
    """Return the variables of a data source that is not the one in the image."""
    given = {READER_URL_VARIABLE: None if url == _BESIDE else url, READER_USER_VARIABLE: user}
    return {name: value for name, value in given.items() if value is not None}


def _problems(files: Collection[str], url: str, user: str | None) -> Iterator[str]:
    has_password = READER_PASSWORD_FILE in files
    if len({"tls.crt", "tls.key"} & {*files}) == 1:
        yield HALF_A_PAIR
    if not _URL.fullmatch(url):
        yield f"prometheus_url must be http://host:port or https://host:port, got {url!r}"
    elif has_password and url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK:
        yield f"prometheus_password would be sent unencrypted to {url}: give an https URL"
    if (user is not None) != has_password:
        yield "prometheus_user and prometheus_password: give both, or neither"
    if user is not None and not USER_NAME.fullmatch(user):
        yield f"prometheus_user must have no colon and no control characters, got {user!r}"
