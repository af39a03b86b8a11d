"""Prometheus: scrapes the other containers and stores their metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.remote_write import RemoteWrite
from ocisidecar.spec.rules import Rule
from ocisidecar.spec.scrape import PrometheusConfig, ScrapeTarget
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.security import SecurityContext
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import PROMETHEUS
from ocisidecar.spec.volume import HALF_A_PAIR, FileContent, VolumeSpec
from ocisidecar.spec.web_config import USER_NAME, WEB_CONFIG_FLAG

IMAGE = PROMETHEUS.url
PORT = 9090
_NOBODY = 65534
_COMPACTION_GBS = 1
"""Beyond the limit for a while: a compaction writes a block before it removes those that the block replaces."""
_WEB = "/etc/prometheus-web"
_DATA = {"/prometheus": VolumeSpec.empty_dir("prometheus-data")}
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


def prometheus(
    *,
    image_url: str | None = None,
    config: FileContent | None = None,
    scrape_interval_in_seconds: int = 15,
    remote_write: Sequence[str | RemoteWrite] = (),
    rules: Sequence[Rule] = (),
    rule_files: Mapping[str, FileContent] | None = None,
    retention_size_in_gbs: int = 4,
    certificate: FileContent | None = None,
    private_key: FileContent | None = None,
    users: Mapping[str, str] | None = None,
    reader_user: str | None = None,
    reader_password: SecretRef | None = None,
    version: str = "1",
) -> SidecarSpec:
    """Return Prometheus, which scrapes every other container of the instance that declares metrics.

    Args:
        image_url: an image with the same command line instead of the pinned official one: Prometheus 3.
        config: your own `prometheus.yml` instead of the generated one; the next three arguments then mean nothing.
        scrape_interval_in_seconds: time between two scrapes of a target.
        remote_write: what receives every sample: URLs without credentials, or `RemoteWrite`s.
        rules: series to compute and conditions to watch; of alerts an Alertmanager in the instance is told.
        rule_files: name → your own file with rules, in Prometheus' form.
        retention_size_in_gbs: GB that samples and the write-ahead log take, of the instance's 15 GB; 1 GB more is
            reserved for compactions.
        certificate: with `private_key`: of the server, in PEM form; the port then speaks HTTPS.
        private_key: of the certificate, best as `SecretRef`.
        users: name → bcrypt hash of the password, as `htpasswd -nBC 10 <name>` prints it: nobody else is let in.
            In a spec file each `$` of it is written `$$`.
        reader_user: the one of `users` as whom it scrapes itself and `verify()` reads it; needs `reader_password`.
        reader_password: of `reader_user`.
        version: change it together with a key or `users`, which enter no digest.

    With a certificate or users OCI checks only that it accepts connections, because every path is protected, and
    with users and no reader it does not scrape itself.  Grafana beside it is given one of the users
    (`prometheus_user`) and, with a certificate, the https URL (`prometheus_url`); Oracle's management agent can do
    neither, so a spec with both is refused.  `verify()` reads as Grafana's user or as the reader, over a network
    through HTTPS only.

    Its data ends with the instance.  Port 9090 is not opened by this: add it to the instance's `ports` for that.
    """
    generated = PrometheusConfig(
        scrape_interval_in_seconds=scrape_interval_in_seconds,
        remote_write=remote_write,
        rules=rules,
        rule_files=tuple(rule_files or ()),
    )
    files = {**(rule_files or {}), "prometheus.yml": config or generated}
    web = _Web(certificate, private_key, users or {}, reader_user, reader_password, version)
    return SidecarSpec(
        "prometheus",
        image_url=image_url or IMAGE,
        arguments=_arguments(retention_size_in_gbs, is_protected=web.is_protected),
        mounts={"/etc/prometheus": VolumeSpec.config_file("prometheus-config", files), **_DATA, **web.mounts},
        health_checks=(HealthCheck.tcp(PORT) if web.is_protected else HealthCheck.http(PORT, path="/-/healthy"),),
        scrape=web.target,
        vcpus_limit=0.5,
        memory_limit_in_gbs=1,
        ephemeral_storage_in_gbs=retention_size_in_gbs + _COMPACTION_GBS,
        security_context=SecurityContext.restricted(run_as_user=_NOBODY),
        problems=tuple(web.problems()),
    )


def _arguments(retention_size_in_gbs: int, *, is_protected: bool) -> tuple[str, ...]:
    return (
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        # In the configuration this is possible only from a version after 3.5 on, and 3.5 refuses to start then;
        # the flag, deprecated since, works in all of version 3, and with a configuration of your own.
        f"--storage.tsdb.retention.size={retention_size_in_gbs}GB",
        # By default any page that an operator opens may read what is served.
        "--web.cors.origin=none",
        f"--web.listen-address=0.0.0.0:{PORT}",
        *((f"{WEB_CONFIG_FLAG}{_WEB}/web.yml",) if is_protected else ()),
    )


@frozen(repr=False)
class _Web:
    """Who may read it, as the arguments of the preset say.

    Source: Prometheus documentation, "HTTPS and authentication".
    """

    certificate: FileContent | None
    private_key: FileContent | None
    users: Mapping[str, str]
    reader_user: str | None
    reader_password: SecretRef | None
    version: str

    @property
    def has_tls(self) -> bool:
        """Whether the port speaks HTTPS."""
        return self.certificate is not None and self.private_key is not None

    @property
    def is_protected(self) -> bool:
        """Whether there is a web configuration."""
        return self.has_tls or bool(self.users)

    @property
    def mounts(self) -> dict[str, VolumeSpec]:
        """The mount of the web configuration; none without a certificate and users."""
        if not self.is_protected:
            return {}
        web: dict[str, object] = {}
        files: dict[str, FileContent] = {}
        if self.certificate is not None and self.private_key is not None:
            web["tls_server_config"] = {"cert_file": f"{_WEB}/tls.crt", "key_file": f"{_WEB}/tls.key"}
            files |= {"tls.crt": self.certificate, "tls.key": self.private_key}
        if self.users:
            web["basic_auth_users"] = {name: str(self.users[name]) for name in sorted(self.users)}
        files["web.yml"] = json.dumps(web, indent=2) + "\n"
        return {_WEB: VolumeSpec.config_file("prometheus-web", files, secret_version=self.version)}

    @property
    def target(self) -> ScrapeTarget | None:
        """How it scrapes itself; None where it would be refused."""
        has_reader = self.reader_user is not None and self.reader_password is not None
        if self.users and not has_reader:
            return None
        return ScrapeTarget(
            PORT,
            scheme="https" if self.has_tls else "http",
            skip_verification=self.has_tls,
            username=self.reader_user if has_reader else None,
            password=self.reader_password if has_reader else None,
        )

    def problems(self) -> Iterator[str]:
        """Yield what is wrong."""
        if (self.certificate is None) != (self.private_key is None):
            yield HALF_A_PAIR
        for name, value in self.users.items():
            if not USER_NAME.fullmatch(name):
                yield f"users: a name must have no colon and no control characters, got {name!r}"
            if not _BCRYPT.fullmatch(str(value)):
                yield (
                    f"users[{name!r}] must be the bcrypt hash of a password, never the password: take what "
                    f"`htpasswd -nBC 10 {name}` prints behind the colon"
                )
        if (self.reader_user is None) != (self.reader_password is None):
            yield "reader_user and reader_password must be given together"
        if self.reader_user is not None and self.reader_user not in self.users:
            yield f"reader_user must be one of users, got {self.reader_user!r}"
