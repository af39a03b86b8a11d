"""Scrape targets, and the Prometheus configuration that is generated from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same, text_map, texts
from ocisidecar.spec.http_client import (
    DIRECTORY,
    HttpClientFields,
    client_files,
    client_problems,
    client_settings,
)
from ocisidecar.spec.relabel import RelabelRule, chosen_by_name, regular_expression
from ocisidecar.spec.remote_write import REMOTE_URL, RemoteWrite, files_name
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.rules import LABEL_NAME, Rule, rule_file
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.fields import PORT, Problem, between, matches, relative_path, validated

SCRAPE_INTERVAL_VARIABLE = "OCISIDECAR_SCRAPE_INTERVAL"
"""A container with this variable gets the interval of the generated configuration of the Prometheus beside it."""

RECEIVE_PORT_VARIABLE = "OCISIDECAR_RECEIVE_PORT"
"""A container with this variable takes remote writes at this port of 127.0.0.1."""

ALERTMANAGER_PORT_VARIABLE = "OCISIDECAR_ALERTMANAGER_PORT"
"""A container with this variable is told at this port of 127.0.0.1 of the alerts of the Prometheus beside it."""

METRIC_NAMESPACE: Final = "ocisidecar"
"""Where in OCI Monitoring the metrics that sidecars send appear, unless another namespace is given."""

METRIC_NAMESPACE_VARIABLE = "OCISIDECAR_METRIC_NAMESPACE"
"""A container with this variable sends metrics there."""

BUDGET_VARIABLES = ("OCISIDECAR_MAX_STREAMS", "OCISIDECAR_INTERVAL_SECONDS")
"""A container with these variables sends at most so many streams, each with a datapoint in so many seconds."""

_NEAR = {
    "queue_config": {"max_shards": 1, "max_samples_per_send": 500, "retry_on_http_429": True},
    "metadata_config": {"send_interval": "15s"},
}
"""For a receiver in the same instance: samples in their order, little memory, types within the first minute.

Source: Prometheus documentation, "Configuration", remote_write, and "Remote write tuning".
"""

ScrapeProtocol: TypeAlias = Literal[
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
]
"""Formats of metrics, as Prometheus names them.

Source: Prometheus documentation, "Configuration", scrape_config.
"""


_SECONDS = between(1, 3600, unit="s")


def _receivers(value: Sequence[str | RemoteWrite]) -> tuple[str | RemoteWrite, ...]:
    return as_tuple(value, same)


def _rules(value: Sequence[Rule]) -> tuple[Rule, ...]:
    return as_tuple(value, same)


def _relabel_rules(value: Sequence[RelabelRule]) -> tuple[RelabelRule, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class ScrapeTarget(HttpClientFields):
    """Metrics in Prometheus format that a container of the instance serves.

    Attributes:
        port: TCP port; all containers of an instance share one network, so it is reached at 127.0.0.1.
        path: of the URL.
        parameters: of the URL's query.
        labels: put on every sample; `instance` replaces the label that Prometheus makes of the address.
        fallback_scrape_protocol: how an answer without a known Content-Type is read, which Prometheus 3 refuses
            otherwise.
        scheme: a certificate rarely has the name 127.0.0.1, so https needs `server_name` or
            `skip_verification`.
        skip_verification: accept any certificate.  What answers at 127.0.0.1 is in the instance itself, where
            nobody can listen who cannot also read the key.
        interval_in_seconds: time between two scrapes; by default that of the configuration.
        timeout_in_seconds: no longer than the interval; by default 10 s, or the interval if that is shorter.
        keep_metrics: regular expressions of whole names: no other metrics are stored.
        drop_metrics: regular expressions of whole names of metrics that are not stored.
        metric_relabel: rules that are applied after these two.

    The other fields are those of `HttpClientFields`.  All but port and labels are for a generated configuration.
    """

    port: int = field(metadata=validated(PORT))
    path: str = field(default="/metrics", kw_only=True, metadata=validated(matches(r"/[^\s?#]*", "an URL path")))
    parameters: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map)
    labels: Mapping[str, str] = field(
        factory=dict,
        kw_only=True,
        converter=text_map,
        metadata=validated(names=(LABEL_NAME,)),
    )
    fallback_scrape_protocol: ScrapeProtocol = field(default="PrometheusText0.0.4", kw_only=True)
    scheme: Literal["http", "https"] = field(default="http", kw_only=True)
    skip_verification: bool = field(default=False, kw_only=True)
    interval_in_seconds: int | None = field(default=None, kw_only=True, metadata=validated(_SECONDS))
    timeout_in_seconds: int | None = field(default=None, kw_only=True, metadata=validated(_SECONDS))
    keep_metrics: tuple[str, ...] = field(
        default=(), kw_only=True, converter=texts, metadata=validated(each=(regular_expression,))
    )
    drop_metrics: tuple[str, ...] = field(
        default=(), kw_only=True, converter=texts, metadata=validated(each=(regular_expression,))
    )
    metric_relabel: tuple[RelabelRule, ...] = field(default=(), kw_only=True, converter=_relabel_rules)

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        found = list(client_problems(self, has_tls=self.scheme == "https"))
        if self.skip_verification and self.scheme == "http":
            found.append(("skip_verification", "is of a certificate, and http has none: use https"))
        if self.skip_verification and not (self.certificate_authority is self.server_name is None):
            found.append(("skip_verification", "cannot be given together with what would be verified"))
        if self.interval_in_seconds is not None:
            found += self.too_slow(self.interval_in_seconds)
        return found

    def too_slow(self, interval_in_seconds: int) -> list[Problem]:
        """Return the problem of a timeout that is longer than this interval."""
        timeout = self.timeout_in_seconds
        if timeout is None or timeout <= interval_in_seconds:
            return []
        return [("timeout_in_seconds", f"must not exceed the interval, {interval_in_seconds} s, got {timeout}")]


_RULES = f"{DIRECTORY}/rules.yml"

Targets: TypeAlias = Sequence[tuple[str, ScrapeTarget]]
"""Names of containers, each with one of its targets."""


@frozen(repr=False)
class PrometheusConfig(ShortRepr):
    """A file that is generated for the instance: a scrape job for each of its scrape targets.

    Attributes:
        scrape_interval_in_seconds: time between two scrapes of a target, and between two evaluations of the rules.
        remote_write: what receives every sample: URLs without credentials, or `RemoteWrite`s.
        rules: are written to a file beside this one.
        rule_files: your own files with rules, below the directory of this one.
    """

    scrape_interval_in_seconds: int = field(default=15, kw_only=True, metadata=validated(_SECONDS))
    remote_write: tuple[str | RemoteWrite, ...] = field(
        default=(), kw_only=True, converter=_receivers, metadata=validated(each=(REMOTE_URL,))
    )
    rules: tuple[Rule, ...] = field(default=(), kw_only=True, converter=_rules)
    rule_files: tuple[str, ...] = field(
        default=(), kw_only=True, converter=texts, metadata=validated(each=(relative_path,))
    )

    @property
    def receivers(self) -> tuple[RemoteWrite, ...]:
        """What `remote_write` says, in one form."""
        return tuple(RemoteWrite(one) if isinstance(one, str) else one for one in self.remote_write)

    def render(
        self,
        targets: Targets,
        *,
        labels: Mapping[str, str],
        receive_ports: Iterable[str] = (),
        alertmanager_ports: Iterable[str] = (),
    ) -> str:
        """Return the file for `targets`, pairs of container name and target; `labels` go on every sample.

        Every sample is also written to the containers of the instance that receive at `receive_ports`, and alerts
        are told to those at `alertmanager_ports`.

        The file is JSON, which every YAML parser reads and the standard library writes.  It is for Prometheus 3:
        versions before do not know `fallback_scrape_protocol`.
        """
        interval = f"{self.scrape_interval_in_seconds}s"
        overall = {"scrape_interval": interval, "external_labels": dict(sorted(labels.items()))}
        document: dict[str, object] = {"global": overall, "scrape_configs": list(_jobs(targets))}
        rule_files = [*([_RULES] if self.rules else []), *self.rule_files]
        if rule_files:
            overall["evaluation_interval"] = interval
            document["rule_files"] = rule_files
        managers = [f"127.0.0.1:{port}" for port in alertmanager_ports]
        if managers:
            document["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": managers}]}]}
        writes: list[object] = [one.render(number) for number, one in enumerate(self.receivers, 1)]
        writes += [{"url": f"http://127.0.0.1:{port}/api/v1/write", **_NEAR} for port in receive_ports]
        if writes:
            document["remote_write"] = writes
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def files(self, targets: Targets) -> Mapping[str, bytes | SecretRef]:
        """Return the files that the configuration refers to, below its directory."""
        found: dict[str, bytes | SecretRef] = {_RULES: rule_file(self.rules)} if self.rules else {}
        for name, _, target in _named(targets):
            found |= client_files(target, name)
        for number, receiver in enumerate(self.receivers, 1):
            found |= client_files(receiver, files_name(number))
        return found


def as_scrape_targets(value: ScrapeTarget | Sequence[ScrapeTarget] | None) -> tuple[ScrapeTarget, ...]:
    """Normalise the argument `scrape`: None, one target or several."""
    if value is None:
        return ()
    return (value,) if isinstance(value, ScrapeTarget) else as_tuple(value, same)


def _named(targets: Targets) -> Iterator[tuple[str, str, ScrapeTarget]]:
    """Yield the name of each target's job, which no other has, with container and target."""
    jobs_of: dict[str, int] = {}
    for container, target in targets:
        number = jobs_of[container] = jobs_of.get(container, 0) + 1
        yield container if number == 1 else f"{container}-{number}", container, target


def _jobs(targets: Targets) -> Iterator[Mapping[str, object]]:
    for name, container, target in _named(targets):
        job: dict[str, object] = {
            "job_name": name,
            "metrics_path": target.path,
            "fallback_scrape_protocol": target.fallback_scrape_protocol,
            "static_configs": [
                {
                    "targets": [f"127.0.0.1:{target.port}"],
                    "labels": {"container": container, **dict(sorted(target.labels.items()))},
                }
            ],
            **client_settings(target, name),
        }
        if target.scheme != "http":
            job["scheme"] = target.scheme
        if target.skip_verification:
            job["tls_config"] = {"insecure_skip_verify": True}
        for key, seconds in (
            ("scrape_interval", target.interval_in_seconds),
            ("scrape_timeout", target.timeout_in_seconds),
        ):
            if seconds is not None:
                job[key] = f"{seconds}s"
        if target.parameters:
            job["params"] = {name: [value] for name, value in sorted(target.parameters.items())}
        rules = chosen_by_name(target.keep_metrics, target.drop_metrics)
        rules += [rule.render() for rule in target.metric_relabel]
        if rules:
            job["metric_relabel_configs"] = rules
        yield job
