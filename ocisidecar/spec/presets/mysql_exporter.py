"""MySQL exporter: connections, queries, InnoDB and replication of a MySQL."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.scrape import ScrapeTarget
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import MYSQLD_EXPORTER
from ocisidecar.spec.volume import FileContent, StoredContent, VolumeSpec

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
        user: database user with PROCESS, REPLICATION CLIENT and SELECT, in MariaDB also SLAVE MONITOR.
        my_cnf: an option file with `[client]` and ``password = `…` ``, best as `SecretRef`; None means that the
            server asks for no password.  In backquotes the password stands as it is, with quotes, blanks, `#` and
            backslashes; only `$` is written `${DOLLAR}`, because the exporter expands variables there, and with a
            `?` in its password it cannot log in at all.
        version: change it together with a `my_cnf` given literally, which enters no digest.
    """
    arguments = [
        f"--mysqld.address={address}",
        f"--mysqld.username={user}",
        f"--web.listen-address=0.0.0.0:{PORT}",
    ]
    environment, mounts = {}, {}
    problems: tuple[str, ...] = ()
    if my_cnf is not None:
        arguments.append(f"--config.my-cnf={_SECRETS}/my.cnf")
        environment["DOLLAR"] = "$"
        secret = VolumeSpec.config_file("mysql-exporter-secret", {"my.cnf": my_cnf}, secret_version=version)
        mounts[_SECRETS] = secret
        problems = tuple(_problems(secret.files["my.cnf"]))
    return SidecarSpec(
        "mysql-exporter",
        image_url=image_url or IMAGE,
        arguments=arguments,
        environment_variables=environment,
        mounts=mounts,
        health_checks=(HealthCheck.http(PORT),),
        scrape=ScrapeTarget(PORT),
        vcpus_limit=0.1,
        memory_limit_in_gbs=0.125,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        problems=problems,
    )


def _problems(my_cnf: StoredContent) -> Iterator[str]:
    """Yield what the exporter would read otherwise than it is meant; a secret is not known here.

    Source: github.com/prometheus/mysqld_exporter, config.go: os.ExpandEnv on every value that gopkg.in/ini reads;
    exporter.go: options are added to the data source after `&` where it has a `?`; both measured with 0.19.
    """
    if not isinstance(my_cnf, bytes):
        return
    for number, line in enumerate(my_cnf.decode(errors="replace").splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not equals or line.lstrip().startswith(("#", ";")):
            continue
        if "$" in value.replace("${DOLLAR}", ""):
            yield f"my_cnf, line {number}: the exporter expands variables: write ${{DOLLAR}} for each $"
        if name.strip() == "password" and "?" in value:
            yield f"my_cnf, line {number}: the exporter cannot log in with a ? in the password: choose another one"
        if value.rstrip().endswith("\\"):
            yield f"my_cnf, line {number}: a backslash at the end joins the next line: put the value in backquotes"
