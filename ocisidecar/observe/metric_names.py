"""The metrics of a deployment by name: which there are, who sends them, and their datapoints.

Source: Oracle documentation, "Container Instance Metrics", for units; oci.monitoring.models.ListMetricsDetails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import CLIENT, MetricName, MetricNames, MetricRow, Metrics, read_metrics
from ocisidecar.observe.resolution import resolution_for
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec.name_pattern import name_pattern
from ocisidecar.spec.ready_alarms import INSTANCES, NATIVE_NAMESPACE
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.timestamps import Since, now, start_of
from ocisidecar.wire import Json, text

_STATISTICS: Final[Mapping[str, str]] = {
    **{one: f"{one}()" for one in ("mean", "max", "min", "sum", "count", "rate", "increment")},
    **{f"p{percent}": f"percentile(0.{percent})" for percent in (50, 90, 95, 99)},
}
"""Statistic → how a query says it."""
_SERVICE: Final = "Container Instances"
_INSTANCE: Final = "resourceDisplayName"
_CONTAINER: Final = "containerDisplayName"
_SECONDS_UNTIL_SENT: Final = 600


@frozen(kw_only=True)
class _Native:
    """A metric of the service.

    Attributes:
        metric: its name in OCI.
        unit: of the values that are shown.
        statistic: of each interval; `rate` for a counter, of which no other one says anything.
        divisor: of what OCI answers, for the unit that is shown.
    """

    metric: str
    unit: str
    statistic: str = "mean"
    divisor: float = 1.0

    @property
    def grouping(self) -> str:
        """What lets a replaced instance go on under its name; a counter of another instance starts anew."""
        if self.statistic == "rate":
            return ""
        return f".groupBy({f'{_INSTANCE}, {_CONTAINER}' if self.metric.startswith('Container') else _INSTANCE})"


_NATIVE: Final[Mapping[str, _Native]] = {
    "cpu": _Native(metric="CpuUtilization", unit="%"),
    "memory": _Native(metric="MemoryUtilization", unit="%"),
    "cpu_cores": _Native(metric="CpuUsed", unit="cores", statistic="rate", divisor=1e9),
    "memory_used": _Native(metric="MemoryUsed", unit="bytes"),
    "ephemeral_storage": _Native(metric="EphemeralStorageUsed", unit="bytes", statistic="max"),
    "container_cpu": _Native(metric="ContainerCpuUsed", unit="cores", statistic="rate", divisor=1e9),
    "container_memory": _Native(metric="ContainerMemoryUsed", unit="bytes"),
    "container_ephemeral_storage": _Native(metric="ContainerEphemeralStorageUsed", unit="bytes", statistic="max"),
}
"""Name → what Container Instances sends of every instance; the counters are in core nanoseconds."""


@frozen(kw_only=True)
class MetricReader:
    """Reads a deployment's metrics by name.

    Attributes:
        reader: of the deployment.
        read_instances: reads the deployment's.
        namespace: where to look for a metric in place of the service's and the sidecars' namespaces.
        resource_group: of the metrics in other namespaces than the service's; None means those without one.
    """

    reader: DeploymentReader
    read_instances: Callable[[], Sequence[Instance]]
    namespace: str | None = None
    resource_group: str | None = None

    @property
    def instances(self) -> Sequence[Instance]:
        """The deployment's instances."""
        return self.read_instances()

    def names(self) -> MetricNames:
        """Return what can be asked for; takes one list for each namespace."""
        senders = self._senders()
        of_service = self.namespace in {None, NATIVE_NAMESPACE}
        lists: list[Callable[[], dict[str, int]]] = [
            self._native_streams,
            *(partial(self._streams, namespace) for namespace in senders),
        ]
        native, *others = self.reader.call_all(lists)
        found = [_native_name(name, native.get(one.metric, 0)) for name, one in _NATIVE.items() if of_service]
        for (namespace, containers), streams in zip(senders.items(), others, strict=True):
            by = ", ".join(containers) or "not a container of this deployment"
            found += [
                MetricName(name=metric, metric=metric, namespace=namespace, sent_by=by, streams=number)
                for metric, number in sorted(streams.items())
            ]
        return MetricNames(self.reader.site.identity.name, tuple(found))

    def read(self, query: str, *, since: Since, statistic: str | None, resolution: str | None) -> Metrics:
        """Return the datapoints of a metric by its name, or of a query in Monitoring's language.

        Raises:
            SpecError: there is no such metric, or not this statistic or resolution of it.
        """
        start = start_of(since, self.reader.caller.clock)
        if "[" not in query:
            return self._read_named(query, start, statistic, resolution)
        if statistic is not None:
            raise SpecError([SpecProblem("statistic", "a query says it itself")])
        until, namespace = now(self.reader.caller.clock), self.namespace or NATIVE_NAMESPACE
        rows = read_metrics(
            self.reader,
            query.replace(INSTANCES, self._pattern()) if INSTANCES in query else query,
            namespace=namespace,
            since=start,
            resource_group=self.resource_group,
            resolution=resolution,
        )
        note = "" if rows else f"the query finds none in {namespace} in this time"
        return Metrics(name=query, resolution=resolution or "", since=start, until=until, rows=rows, note=note)

    def _read_named(self, word: str, since: datetime, statistic: str | None, resolution: str | None) -> Metrics:
        name = self._native(word) or self._find(word)
        until = now(self.reader.caller.clock)
        chosen = _statistic(name, statistic)
        step = resolution_for(since, until, resolution, streams=name.streams)
        answer = Metrics(
            name=name.name, unit=name.unit, statistic=chosen, resolution=step, since=since, until=until, rows=()
        )
        if not self.instances and name.namespace == NATIVE_NAMESPACE:
            return evolve(answer, note="the deployment has no instances")
        rows = self._rows(name, f"{name.metric}[{step}]", f".{_STATISTICS[chosen]}", since, step)
        return evolve(answer, rows=rows, note="" if rows else self._why_empty(name))

    def _rows(
        self, name: MetricName, metric: str, statistic: str, since: datetime, step: str
    ) -> tuple[MetricRow, ...]:
        native = _NATIVE.get(name.name) if name.namespace == NATIVE_NAMESPACE else None
        if native is None:
            of = f'{{deployment = "{self.reader.site.identity.name}"}}'
        else:
            of = f'{{{_INSTANCE} =~ "{self._pattern()}"}}{native.grouping}'
        rows = read_metrics(
            self.reader,
            f"{metric}{of}{statistic}",
            namespace=name.namespace,
            since=since,
            resource_group=None if native is not None else self.resource_group,
            resolution=step,
        )
        divisor = 1.0 if native is None else native.divisor
        return rows if divisor == 1.0 else tuple(evolve(row, value=row.value / divisor) for row in rows)

    def _pattern(self) -> str:
        return name_pattern(one.display_name for one in self.instances)

    def _native(self, word: str) -> MetricName | None:
        """Return what the service sends under this name or its own, with its streams of all instances."""
        found = next((name for name, one in _NATIVE.items() if word in {name, one.metric}), None)
        if found is None or self.namespace not in {None, NATIVE_NAMESPACE}:
            return None
        is_of_containers = found.startswith("container_")
        return _native_name(found, sum(len(one.containers) if is_of_containers else 1 for one in self.instances))

    def _find(self, word: str) -> MetricName:
        known = self.names()
        found = [one for one in known if one.name == word]
        if len(found) > 1:
            where = ", ".join(one.namespace for one in found)
            raise SpecError([SpecProblem("namespace", f"must be one of {where}, which all have {word!r}")])
        if not found:
            names = dict.fromkeys(one.name for one in known)
            near = did_you_mean(word, names) or f"; there are {', '.join(names) or 'none'}"
            raise SpecError([SpecProblem("query", f"no metric {word!r}{near}")])
        return found[0]

    def _senders(self) -> dict[str, tuple[str, ...]]:
        """Return each namespace that sidecars send to → the names of those containers."""
        found: dict[str, dict[str, None]] = {}
        for container in (one for instance in self.instances for one in instance.containers):
            if container.telemetry_role.metric_namespace:
                found.setdefault(container.telemetry_role.metric_namespace, {})[container.name] = None
        if self.namespace is None:
            return {namespace: tuple(names) for namespace, names in found.items()}
        return {} if self.namespace == NATIVE_NAMESPACE else {self.namespace: (*found.get(self.namespace, ()),)}

    def _native_streams(self) -> dict[str, int]:
        if self.namespace not in {None, NATIVE_NAMESPACE}:
            return {}
        active = [one for one in self.instances if one.is_active]
        one = next(iter(active or self.instances), None)
        return {} if one is None else self._count(NATIVE_NAMESPACE, {"resourceId": one.id})

    def _streams(self, namespace: str) -> dict[str, int]:
        return self._count(namespace, {"deployment": self.reader.site.identity.name}, self.resource_group)

    def _count(
        self, namespace: str, dimensions: Mapping[str, str], resource_group: str | None = None
    ) -> dict[str, int]:
        """Return each metric in a namespace → how many of its streams have these dimensions."""
        details: dict[str, Json] = {"namespace": namespace, "dimensionFilters": dict(dimensions)}
        if resource_group is not None:
            details["resourceGroup"] = resource_group
        counts: dict[str, int] = {}
        compartment_id = self.reader.site.identity.compartment_id
        for entry in self.reader.caller.pages(CLIENT, "list_metrics", compartment_id, details):
            counts[text(entry, "name")] = counts.get(text(entry, "name"), 0) + 1
        return counts

    def _why_empty(self, name: MetricName) -> str:
        return "; ".join(self._reasons(name))

    def _reasons(self, name: MetricName) -> Iterator[str]:
        if name.namespace != NATIVE_NAMESPACE:
            yield f"{name.sent_by} sent no datapoint of it in this time: see its log, and verify()"
            return
        yield f"{_SERVICE} sends it, and has sent none in this time"
        if any(one.is_simulated for one in self.instances):
            yield "the emulator only simulates these containers, which use nothing: run them on Docker"
        elif not any(one.is_active for one in self.instances):
            yield "no instance is active"
        elif all(self._age_seconds(one) < _SECONDS_UNTIL_SENT for one in self.instances):
            yield "the first datapoints arrive minutes after the start"
        if name.name.startswith("container_"):
            yield "instances from before OCI measured containers send it only after a restart"

    def _age_seconds(self, instance: Instance) -> float:
        created = datetime.fromisoformat(instance.time_created)
        return (now(self.reader.caller.clock) - created).total_seconds()


def _native_name(name: str, streams: int) -> MetricName:
    one = _NATIVE[name]
    return MetricName(
        name=name,
        metric=one.metric,
        namespace=NATIVE_NAMESPACE,
        unit=one.unit,
        statistic=one.statistic,
        sent_by=_SERVICE,
        streams=streams,
    )


def _statistic(name: MetricName, wanted: str | None) -> str:
    if wanted is None or wanted == name.statistic:
        return name.statistic
    if name.statistic == "rate":
        raise SpecError([SpecProblem("statistic", f"of {name.name} is the rate of a counter and no other")])
    if wanted in _STATISTICS:
        return wanted
    near = did_you_mean(wanted, _STATISTICS) or f"; there are {', '.join(_STATISTICS)}"
    raise SpecError([SpecProblem("statistic", f"no statistic {wanted!r}{near}")])
