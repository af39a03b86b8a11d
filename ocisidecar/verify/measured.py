"""What OCI Monitoring has of a deployment, for `diagnose()`: it is read here, and judged here, purely.

Source: oci.monitoring.models.ListMetricsDetails; Oracle documentation, "Container Instance Metrics".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from attrs import field, frozen

from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import CLIENT, MetricRow, read_metrics
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec.limits import EPHEMERAL_STORAGE_GBS
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.state.observed import Live
from ocisidecar.timestamps import now
from ocisidecar.verify.findings import Finding
from ocisidecar.verify.inspection import Inspection, age_of
from ocisidecar.verify.metric_probe import MetricDestination, find_usage
from ocisidecar.verify.metric_samples import (
    CONTAINER_MEMORY_BYTES,
    CPU_PERCENT,
    MEMORY_PERCENT,
    STORAGE_BYTES,
    samples_of,
    usage_of,
)
from ocisidecar.wire import Json, tags_of, text

T = TypeVar("T")

_NEARLY_ALL = 0.9
_BYTES_PER_GB = 1024**3
_TIME_TO_ARRIVE = timedelta(minutes=15)
_METRIC_IN_QUERY = re.compile(r"\s*(\w[\w.-]*)\s*\[")


@frozen(kw_only=True)
class Measured:
    """What OCI Monitoring has; None where the caller may not read it.

    Attributes:
        time: when it was read.
        usage: OCI's newest measurements of instances and containers.
        up: what Prometheus said lately of its targets, as far as it was sent.
        sent: instance → the namespaces in which something of it arrived in the last two weeks.
        names: the metrics of the compartment, each as namespace and name.
    """

    time: datetime
    usage: tuple[MetricRow, ...] = field(default=(), repr=False)
    up: tuple[MetricRow, ...] = field(default=(), repr=False)
    sent: Mapping[str, frozenset[str]] | None = None
    names: frozenset[tuple[str, str]] | None = field(default=None, repr=False)


def read_measured(reader: DeploymentReader, inspection: Inspection) -> Measured:
    """Read what OCI Monitoring has of the active instances, and for the alarms."""
    time = now(reader.caller.clock)
    instances = [one for one in inspection.instances if one.is_active]
    destinations = {MetricDestination.of(sender) for one in instances for sender in one.metric_senders}
    is_real = not any(one.is_simulated for one in inspection.instances)
    has_alarms = is_real and bool(inspection.of_kind("alarm"))
    usage = _permitted(partial(find_usage, reader, instances)) if instances else ()
    up = [_permitted(partial(_read_up, reader, one, time)) or () for one in destinations]
    return Measured(
        time=time,
        usage=usage or (),
        up=tuple(row for rows in up for row in rows),
        sent=_permitted(partial(_read_sent, reader)) if destinations and is_real else None,
        names=_permitted(partial(_read_names, reader)) if has_alarms else None,
    )


def measured_findings(inspection: Inspection, measured: Measured) -> Iterator[Finding]:
    """Yield what is nearly used up, which targets are down, and which metrics and alarms have no data."""
    for instance in inspection.instances:
        if instance.is_active:
            yield from _used_up(instance, usage_of(measured.usage, instance))
            yield from _targets_down(instance, measured.up)
            yield from _not_sent(instance, measured)
    # The list of alarms does not say since when they exist, so instances tell whether data can be there.
    youngest = min((age_of(one, measured.time) for one in inspection.instances), default=timedelta())
    for alarm in inspection.of_kind("alarm") if youngest >= _TIME_TO_ARRIVE else ():
        yield from _without_data(alarm, measured)


def _used_up(instance: Instance, rows: Sequence[MetricRow]) -> Iterator[Finding]:
    limits = {one.name: one.memory_limit_in_gbs for one in instance.containers}
    for row in rows:
        container = row.dimensions.get("containerDisplayName", "")
        if row.name == CPU_PERCENT:
            yield from _nearly("cpu-used-up", instance.key, row.value, 100, "% of its CPU")
        elif row.name == MEMORY_PERCENT:
            yield from _nearly("memory-used-up", instance.key, row.value, 100, "% of its memory")
        elif row.name == STORAGE_BYTES:
            used = row.value / _BYTES_PER_GB
            yield from _nearly("disk-full", instance.key, used, EPHEMERAL_STORAGE_GBS, "GB of its disk")
        elif row.name == CONTAINER_MEMORY_BYTES and (limit := limits.get(container)):
            key = f"{instance.key}/{container}"
            yield from _nearly("memory-used-up", key, row.value / _BYTES_PER_GB, limit, "GB of memory")


def _nearly(cause: str, key: str, used: float, limit: float, words: str) -> Iterator[Finding]:
    if used >= _NEARLY_ALL * limit:
        yield Finding(cause=cause, key=key, evidence=(f"it uses {used:.3g} of {limit:g} {words}",))


def _targets_down(instance: Instance, up: Sequence[MetricRow]) -> Iterator[Finding]:
    newest = {
        (row.dimensions.get("job", ""), row.dimensions.get("instance", "")): row
        for row in sorted(samples_of(up, instance), key=lambda row: row.time)
    }
    for (job, address), row in sorted(newest.items(), key=lambda pair: pair[0]):
        if row.value != 1:
            container = next((one for one in instance.containers if one.name == row.container), None)
            words = (
                "" if container is None else f", whose container {'runs' if container.is_running else 'is down'}"
            )
            evidence = f"{job} at {address}{words}, does not answer"
            yield Finding(cause="target-down", key=instance.key, evidence=(evidence,))


def _not_sent(instance: Instance, measured: Measured) -> Iterator[Finding]:
    """Yield senders from whose instance nothing has ever arrived where they send it."""
    if measured.sent is None or age_of(instance, measured.time) < _TIME_TO_ARRIVE:
        return
    arrived = measured.sent.get(instance.name, frozenset())
    for container in instance.containers:
        namespace = container.telemetry_role.metric_namespace
        if namespace and namespace not in arrived:
            elsewhere = f"; its metrics arrive in {', '.join(sorted(arrived))}" if arrived else ""
            evidence = f"nothing of {instance.name} has arrived in the namespace {namespace}{elsewhere}"
            yield Finding(cause="no-metrics", key=container.key, evidence=(evidence,))


def _without_data(alarm: Live, measured: Measured) -> Iterator[Finding]:
    """Yield an alarm on a metric that does not exist, if no alarm on its absence."""
    query, namespace = text(alarm.body, "query"), text(alarm.body, "namespace")
    found = _METRIC_IN_QUERY.match(query)
    is_own = text(alarm.body, "metricCompartmentId") == text(alarm.body, "compartmentId")
    if measured.names is None or found is None or not is_own or ".absent(" in query:
        return
    name = found[1]
    if (namespace, name) in measured.names:
        return
    others = sorted(one for one, metric in measured.names if metric == name)
    known = [metric for one, metric in measured.names if one == namespace]
    hint = f"; it is in the namespace {', '.join(others)}" if others else did_you_mean(name, known)
    evidence = f"there is no metric {name} in the namespace {namespace}{hint}"
    yield Finding(cause="alarm-without-data", key=str(alarm.key), evidence=(evidence,))


def _read_up(reader: DeploymentReader, destination: MetricDestination, time: datetime) -> tuple[MetricRow, ...]:
    return read_metrics(
        reader,
        f'up[1m]{{deployment = "{reader.site.identity.name}"}}.max()',
        namespace=destination.namespace,
        resource_group=destination.resource_group or None,
        since=time - _TIME_TO_ARRIVE,
    )


def _read_sent(reader: DeploymentReader) -> Mapping[str, frozenset[str]]:
    details: dict[str, Json] = {"dimensionFilters": {"deployment": reader.site.identity.name}}
    found: dict[str, frozenset[str]] = {}
    for entry in reader.caller.pages(CLIENT, "list_metrics", reader.site.identity.compartment_id, details):
        instance = tags_of(entry.get("dimensions")).get("container_instance", "")
        found[instance] = found.get(instance, frozenset()) | {text(entry, "namespace")}
    return found


def _read_names(reader: DeploymentReader) -> frozenset[tuple[str, str]]:
    details: dict[str, Json] = {"groupBy": ["namespace", "name"]}
    entries = reader.caller.pages(CLIENT, "list_metrics", reader.site.identity.compartment_id, details)
    return frozenset((text(one, "namespace"), text(one, "name")) for one in entries)


def _permitted(read: Callable[[], T]) -> T | None:
    """Return what can be read; None where the caller may not."""
    try:
        return read()
    except NotAuthorizedOrNotFound:
        return None
