"""Ask the Prometheus of each instance, from where the library runs.

Source: Prometheus documentation, "HTTP API", Range queries.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from attrs import frozen

from ocisidecar.errors import ConfigError, SpecError, SpecProblem
from ocisidecar.observe.http_get import Response, fetch
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import MetricRow, Metrics
from ocisidecar.observe.resolution import prometheus_step, seconds_of
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec import DeploymentSpec, InstanceSpec, as_deployment
from ocisidecar.timestamps import Since, from_epoch, now, start_of
from ocisidecar.verify.http_probe import UrlResolver, open_ports, probe_prometheus, prometheus_url
from ocisidecar.verify.inspection import inspect
from ocisidecar.verify.prometheus_access import PrometheusAccess, access_to_prometheus
from ocisidecar.wire import Json, objects, tags_of, text

_SIMULATED = "its containers are simulated; run them on Docker"
_NOT_ACTIVE = "it is not active"
_TIMEOUT_SECONDS = 30.0


@frozen(kw_only=True)
class _Answer:
    """What one instance's Prometheus answered, or why it did not."""

    instance: str
    rows: tuple[MetricRow, ...] = ()
    reason: str = ""


@frozen(kw_only=True)
class _Query:
    """A query over a time, in PromQL."""

    promql: str
    since: datetime
    until: datetime
    step: str

    @property
    def path(self) -> str:
        """The path and parameters of the request."""
        parameters = {
            "query": self.promql,
            "start": f"{self.since.timestamp():.3f}",
            "end": f"{self.until.timestamp():.3f}",
            "step": seconds_of(self.step),
        }
        return f"/api/v1/query_range?{urlencode(parameters)}"


@frozen
class PrometheusReader:
    """Asks the Prometheus of each instance of a deployment.

    Attributes:
        reader: of the deployment.
        resources: key → OCID of the resources that it is known to have had.
        resolve_url: gives the base URL of an instance's port.
        spec: of the deployment; names the user and the certificate of a protected Prometheus.
    """

    reader: DeploymentReader
    resources: Mapping[str, str]
    resolve_url: UrlResolver
    spec: DeploymentSpec | InstanceSpec | None

    def read(self, promql: str, *, since: Since, resolution: str | None) -> Metrics:
        """Return what the Prometheus of each instance that can be reached answers; see `Deployment.promql`.

        Raises:
            SpecError: the query or an argument is wrong.
            ConfigError: no Prometheus can be asked; the reason of each instance is in it.
        """
        clock = self.reader.caller.clock
        start, until = start_of(since, clock), now(clock)
        query = _Query(promql=promql, since=start, until=until, step=prometheus_step(start, until, resolution))
        spec = None if self.spec is None else as_deployment(self.spec)
        inspection = inspect(self.reader, self.resources)
        ports = open_ports(inspection, spec)
        asking = [partial(self._ask, one, ports[one.name], spec, query) for one in inspection.instances]
        answers = self.reader.call_all(asking)
        silent = [f"{one.instance}: {one.reason}" for one in answers if one.reason]
        if len(silent) == len(answers):
            name = self.reader.site.identity.name
            raise ConfigError(f"no Prometheus of {name} can be asked: {'; '.join(silent) or 'it has no instances'}")
        rows = tuple(row for one in answers for row in one.rows)
        note = "; ".join([*([] if rows else ["the query finds none in this time"]), *silent])
        return Metrics(name=promql, resolution=query.step, since=start, until=until, rows=rows, note=note)

    def _ask(
        self, instance: Instance, ports: Collection[int], spec: DeploymentSpec | None, query: _Query
    ) -> _Answer:
        """Ask one instance's Prometheus, if what answers at its address is that of the instance."""
        access, reason = PrometheusAccess(), _why_not(instance)
        if not reason:
            if any(one.telemetry_role.is_protected for one in instance.containers):
                access = access_to_prometheus(self.reader.caller, spec, instance.name)
            reason = probe_prometheus(instance, self.resolve_url, ports, access).reason
        if reason:
            return _Answer(instance=instance.name, reason=reason)
        base, _ = prometheus_url(instance, self.resolve_url, ports, access)
        return _answer(instance, base, query, access)


def _why_not(instance: Instance) -> str:
    if instance.is_simulated:
        return _SIMULATED
    return "" if instance.is_active else _NOT_ACTIVE


def _answer(instance: Instance, base: str, query: _Query, access: PrometheusAccess) -> _Answer:
    response = fetch(base, query.path, headers=access.headers, tls=access.tls, timeout_seconds=_TIMEOUT_SECONDS)
    body = _parsed(response)
    if response.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY} and text(body, "error"):
        raise SpecError([SpecProblem("query", f"Prometheus refuses it: {text(body, 'error')}")])
    if text(body, "status") != "success":
        detail = text(body, "error") or response.error
        return _Answer(
            instance=instance.name,
            reason=detail or f"it answered with status {response.status} and no result, or with more than 4 MB",
        )
    data = body.get("data")
    series = objects(data.get("result")) if isinstance(data, Mapping) else []
    return _Answer(instance=instance.name, rows=tuple(row for one in series for row in _rows(instance, one)))


def _parsed(response: Response) -> Mapping[str, Json]:
    try:
        body = json.loads(response.body)
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _rows(instance: Instance, series: Mapping[str, Json]) -> Iterator[MetricRow]:
    """Yield the numbers of a series; Prometheus adds `container_instance` only to what it sends elsewhere."""
    labels = {**tags_of(series.get("metric")), "container_instance": instance.name}
    name = labels.pop("__name__", "")
    values = series.get("values")
    for pair in values if isinstance(values, list) else []:
        if isinstance(pair, list) and len(pair) == len(("time", "value")):
            seconds, value = (_number(one) for one in pair)
            time = from_epoch(seconds)
            if time is not None and math.isfinite(value):
                yield MetricRow(
                    time=time,
                    namespace="",
                    resource_group="",
                    name=name,
                    dimensions=labels,
                    value=value,
                )


def _number(value: Json) -> float:
    """Return a number, which Prometheus writes as text; NaN for what is none."""
    try:
        return float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return math.nan
