"""PostgreSQL exporter: connections, transactions, locks and replication of a PostgreSQL."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import POSTGRES_EXPORTER
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = POSTGRES_EXPORTER.url
PORT = 9187
_NOBODY = 65534
_SECRETS = "/etc/postgres-exporter"


def postgres_exporter(
    *,
    image_url: str | None = None,
    data_source_uri: str = "127.0.0.1:5432/postgres?sslmode=disable",
    user: str = "postgres_exporter",
    password: FileContent | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return the PostgreSQL exporter: for a server in the instance, or one elsewhere, such as a managed database.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        data_source_uri: `host:port/database?options`, without user and password; for a server elsewhere e.g.
            `10.0.1.5:5432/shop?sslmode=require`.
        user: database user, preferably a member of `pg_monitor`.
        password: its password, best as `SecretRef`, with any characters; blanks and newlines at its ends are
            dropped by the exporter, so a literal that begins or ends with a blank is refused.  None means that the
            server asks for none.
        version: change it together with a `password` given literally, which enters no digest.
    """
    environment = {"DATA_SOURCE_URI": data_source_uri, "DATA_SOURCE_USER": user}
    mounts = {}
    problems: tuple[str, ...] = ()
    if password is not None:
        environment["DATA_SOURCE_PASS_FILE"] = f"{_SECRETS}/password"
        secret = VolumeSpec.config_file("postgres-exporter-secret", {"password": password}, secret_version=version)
        mounts[_SECRETS] = secret
        content = secret.files["password"]
        if isinstance(content, bytes) and content.strip() != content.rstrip(b"\r\n"):
            problems = ("password must not begin or end with a blank, because the exporter drops it",)
    return SidecarSpec(
        "postgres-exporter",
        image_url=image_url or IMAGE,
        arguments=(f"--web.listen-address=0.0.0.0:{PORT}",),
        environment_variables=environment,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        problems=problems,
    )
