"""MySQL exporter: connections, queries, InnoDB and replication of a MySQL."""

from __future__ import annotations

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import MYSQLD_EXPORTER
from ocisidecar.spec.volume import FileContent, VolumeSpec

IMAGE = MYSQLD_EXPORTER.url
PORT = 9104
_NOBODY = 65534
_SECRETS = "/etc/mysql-exporter"


def mysql_exporter(
    *,
    image_url: str | None = None,
    address: str = "127.0.0.1:3306",
    user: str = "exporter",
    my_cnf: FileContent | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return the MySQL exporter: for a server in the instance, or one elsewhere, such as a managed database.

    The exporter ignores DATA_SOURCE_NAME since version 0.15.

    Args:
        image_url: an image with the same command line instead of the pinned official one.
        address: `host:port` of the server, e.g. `10.0.1.6:3306` for one elsewhere.
        user: database user with PROCESS, REPLICATION CLIENT and SELECT.
        my_cnf: an option file with `[client]` and `password = …`, best as `SecretRef`; None means that the server
            asks for no password.
        version: change it together with a `my_cnf` given literally, which enters no digest.
    """
    arguments = [
        f"--mysqld.address={address}",
        f"--mysqld.username={user}",
        f"--web.listen-address=0.0.0.0:{PORT}",
    ]
    mounts = {}
    if my_cnf is not None:
        arguments.append(f"--config.my-cnf={_SECRETS}/my.cnf")
        mounts[_SECRETS] = VolumeSpec.config_file(
            "mysql-exporter-secret", {"my.cnf": my_cnf}, secret_version=version
        )
    return SidecarSpec(
        "mysql-exporter",
        image_url=image_url or IMAGE,
        arguments=arguments,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
    )
