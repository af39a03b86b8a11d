"""The ready alarms: which metric each rests on, who measures it, and what must send it to OCI Monitoring.

Source: Oracle documentation, "Container Instance Metrics": OCI itself measures neither restarts nor health checks;
of metrics about the lines of a custom log nothing is documented.  UNCONFIRMED: how `increment()` treats a gauge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from attrs import frozen

from ocisidecar.spec.container import ContainerFields
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.scrape import METRIC_NAMESPACE, METRIC_NAMESPACE_VARIABLE, RECEIVE_PORT_VARIABLE
from ocisidecar.spec.validate.audience import Audience

MeasuredBy = Literal["oci", "prometheus", "blackbox_exporter", "log_forwarder", "app"]

RECOMMENDED: Final = "recommended"
"""Stands for the ready alarms that fit, see `recommended_for`."""
INSTANCES: Final = "$instances"
"""In an alarm's query: the display names of the deployment's instances, as a pattern for `=~`."""
DEPLOYMENT: Final = "$deployment"
"""In an alarm's query: the deployment's name, which what sidecars send has as the dimension `deployment`."""

NATIVE_NAMESPACE: Final = "oci_computecontainerinstance"
"""Metric namespace of what Container Instances emit themselves.

Source: Oracle documentation, "Container Instance Metrics".
"""

_OF_INSTANCES: Final = f'{{resourceDisplayName =~ "{INSTANCES}"}}'
_OF_DEPLOYMENT: Final = f'{{deployment = "{DEPLOYMENT}"}}'
_SELECTORS: Final = "OCISIDECAR_METRICS"
_LOG: Final = "OCISIDECAR_LOG_ID"
_NOT_SELECTED: Final = re.compile(r"(go|process|promhttp|prometheus|scrape|net_conntrack|python|jvm|node)_")
"""What the metrics forwarder leaves out unless it is selected: `INTERNAL` in its `selectors.py`."""


@frozen(kw_only=True)
class _Measurer:
    """Who measures metrics that OCI does not.

    Attributes:
        preset: the sidecar that does; empty for the app itself.
        is_one: whether a container is one.
        why: why it takes one, as the end of a sentence.
    """

    preset: str
    is_one: Callable[[ContainerFields], bool]
    why: str = ""


@frozen(kw_only=True)
class ReadyAlarm:
    """What a ready alarm asks and means; its name and severity are arguments of the method of `AlarmSpec`.

    Attributes:
        query: in Monitoring's query language; `{threshold}` and `{interval}` stand for these arguments.
        measured_by: who measures the metric.
        body: of the notification: what the alarm means; `{interval}` as in the query.
        is_recommended: whether it belongs to `AlarmSpec.recommended`.
    """

    query: str
    measured_by: MeasuredBy = "oci"
    body: str | None = None
    is_recommended: bool = True


READY: Final[Mapping[str, ReadyAlarm]] = {
    "cpu_utilization": ReadyAlarm(
        query=f"CpuUtilization[1m]{_OF_INSTANCES}.mean() > {{threshold}}",
    ),
    "memory_utilization": ReadyAlarm(
        query=f"MemoryUtilization[1m]{_OF_INSTANCES}.mean() > {{threshold}}",
    ),
    "ephemeral_storage": ReadyAlarm(query=f"EphemeralStorageUsed[1m]{_OF_INSTANCES}.max() > {{threshold}}"),
    "absence": ReadyAlarm(query=f"CpuUtilization[1m]{_OF_INSTANCES}.groupBy(resourceDisplayName).absent()"),
    "scrape_target_down": ReadyAlarm(
        query=f"up[1m]{_OF_DEPLOYMENT}.min() < 1",
        measured_by="prometheus",
        body="Prometheus cannot scrape a container: it does not run, or does not serve its metrics.",
    ),
    "silent_agent": ReadyAlarm(
        query=f"up[5m]{_OF_DEPLOYMENT}.groupBy(container_instance).absent()",
        measured_by="prometheus",
        body="Nothing comes from what sends the metrics of an instance: the metrics forwarder, or the management "
        "agent, does not run, or may not post.",
    ),
    "unhealthy_container": ReadyAlarm(
        query=f"probe_success[1m]{_OF_DEPLOYMENT}.min() < 1",
        measured_by="blackbox_exporter",
        body="A container does not answer what the blackbox exporter asks it.",
    ),
    "restarts": ReadyAlarm(
        query=f"process_start_time_seconds[5m]{_OF_DEPLOYMENT}.increment() > 0",
        measured_by="app",
        body="A process started again.",
    ),
    "no_log_lines": ReadyAlarm(
        query=f"log_forwarder_acknowledged_entries_total[{{interval}}]{_OF_DEPLOYMENT}.sum() < 1",
        measured_by="log_forwarder",
        body="The log forwarder has sent no line within {interval}: the app writes none, or they cannot be sent.",
        is_recommended=False,
    ),
}
"""By the name of the class method of `AlarmSpec`."""


def metric_of(query: str) -> str:
    """Return the metric at the beginning of a query."""
    return query.partition("[")[0].strip()


def recommended_for(instances: Sequence[InstanceSpec]) -> Iterator[str]:
    """Yield the names in `READY` of the recommended alarms that something in these instances sends."""
    for name, ready in READY.items():
        namespace = namespace_for(ready.measured_by, instances)
        reason = unsent(ready.query, ready.measured_by, namespace, instances, Audience.PYTHON)
        if ready.is_recommended and reason is None:
            yield name


def namespace_for(measured_by: MeasuredBy, instances: Sequence[InstanceSpec]) -> str:
    """Return the namespace in which the metrics of some instances appear."""
    return NATIVE_NAMESPACE if measured_by == "oci" else next(iter(_namespaces(instances)), METRIC_NAMESPACE)


def unsent(
    query: str, measured_by: MeasuredBy, namespace: str, instances: Sequence[InstanceSpec], audience: Audience
) -> str | None:
    """Return why nothing sends the metric that an alarm rests on; None if something does.

    Args:
        query: of the alarm.
        measured_by: who measures the metric.
        namespace: where the alarm looks for it.
        instances: of the deployment.
        audience: the reader.
    """
    if not instances:
        return "the deployment has no instances"
    if measured_by == "oci":
        return None
    metric, measurer = metric_of(query), _MEASURERS[measured_by]
    reasons = [_unsent_by(one, metric, namespace, measurer, audience) for one in instances]
    return None if None in reasons else f"nothing sends {metric!r}{measurer.why}: {reasons[0]}"


def _unsent_by(
    instance: InstanceSpec, metric: str, namespace: str, measurer: _Measurer, audience: Audience
) -> str | None:
    where = f"to the instance {instance.name!r}"
    for preset, is_one in ((measurer.preset, measurer.is_one), ("prometheus", _is_prometheus)):
        if not any(map(is_one, instance.containers)):
            return f"add {_named(preset, audience)} {where}"
    senders = [
        one for one in instance.containers if one.environment_variables.get(METRIC_NAMESPACE_VARIABLE) == namespace
    ]
    if not senders:
        return f"add {_named('metrics_forwarder', audience)} for the namespace {namespace!r} {where}"
    if any(_sends(one, metric) for one in senders):
        return None
    if _is_forwarder(senders[0]):
        return f"let the metrics forwarder of {instance.name!r} select it with metrics=['{metric}', …]"
    forwarder = _named("metrics_forwarder", audience)
    return (
        f"the management agent sends counters as they stand, and changes are what counts: add {forwarder} {where}"
    )


def _named(preset: str, audience: Audience) -> str:
    if not preset:
        return "a scrape target"
    return audience.words(python=f"SidecarSpec.{preset}()", file=f"the sidecar {preset}")


def _namespaces(instances: Iterable[InstanceSpec]) -> Iterator[str]:
    for instance in instances:
        for container in instance.containers:
            value = container.environment_variables.get(METRIC_NAMESPACE_VARIABLE)
            if isinstance(value, str):
                yield value


def _is_prometheus(container: ContainerFields) -> bool:
    return any(argument.startswith("--storage.tsdb.") for argument in container.arguments or ())


def _is_forwarder(container: ContainerFields) -> bool:
    return RECEIVE_PORT_VARIABLE in container.environment_variables


def _sends(container: ContainerFields, metric: str) -> bool:
    """Return whether a sender lets a metric through, as far as its settings show it."""
    if not _is_forwarder(container):
        return not metric.endswith("_total")
    selectors = str(container.environment_variables.get(_SELECTORS, ""))
    if not selectors:
        return _NOT_SELECTED.match(metric) is None
    return any(re.match(rf"\s*({metric}\b|\{{)", line) for line in selectors.splitlines())


_MEASURERS: Final[Mapping[str, _Measurer]] = {
    "prometheus": _Measurer(preset="prometheus", is_one=_is_prometheus),
    "blackbox_exporter": _Measurer(
        preset="blackbox_exporter",
        is_one=lambda container: any(target.path == "/probe" for target in container.scrape),
        why=", and OCI has no metric of health checks",
    ),
    "log_forwarder": _Measurer(
        preset="log_forwarder",
        is_one=lambda container: _LOG in container.environment_variables,
        why=", and OCI Logging has no metric of lines in a log",
    ),
    "app": _Measurer(
        preset="", is_one=lambda container: bool(container.scrape), why=", and OCI has no metric of restarts"
    ),
}
