"""Alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from ocisidecar.spec.converters import as_tuple, same
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.name_pattern import name_pattern
from ocisidecar.spec.ready_alarms import (
    DEPLOYMENT,
    INSTANCES,
    NATIVE_NAMESPACE,
    READY,
    MeasuredBy,
    namespace_for,
    recommended_for,
)
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.scrape import METRIC_NAMESPACE
from ocisidecar.spec.topic import TopicSpec
from ocisidecar.spec.validate.fields import RESOURCE_NAME, Problem, duration, length, matches, ocid, validated

_QUERY = matches(
    r"[^\r\n]*[A-Za-z][\w.$-]*\[\d+[mhd]\][^\r\n]*", "a Monitoring query such as CpuUtilization[1m].mean() > 80"
)

Severity = Literal["CRITICAL", "ERROR", "WARNING", "INFO"]
Destination: TypeAlias = str | TopicSpec
_KINDS = ("onstopic", "stream")


def _not_a_destination(value: str) -> str | None:
    message = ocid(*_KINDS)(value)
    if message is None or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        return message
    return f"{message}; to make a topic, give TopicSpec({value!r}), in a spec file {{name: {value}}}"


def _destinations(value: Iterable[Destination]) -> tuple[Destination, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class AlarmSpec(ShortRepr):
    """An alarm on metrics of the deployment's compartment; also ready-made, see the class methods.

    Container Instances emit CpuUtilization, MemoryUtilization, CpuUsed, MemoryUsed and EphemeralStorageUsed for an
    instance and ContainerCpuUsed, ContainerMemoryUsed and ContainerEphemeralStorageUsed for a container: nothing
    about network traffic or restarts.  CpuUsed and ContainerCpuUsed count core nanoseconds since the creation: a
    threshold needs `.rate()` or `.increment()`.

    Attributes:
        name: unique in the deployment, and the alarm's display name.
        query: Monitoring query with a condition; `$instances` stands for the deployment's instances, as in
            `CpuUtilization[1m]{resourceDisplayName =~ "$instances"}.mean() > 80`, and `$deployment` for its name.
        severity: how urgent it is.
        namespace: metric namespace.
        resource_group: of the metrics; None means those without one.
        pending_duration: how long the condition must hold, PT1M to PT1H.
        body: text of the notification.
        repeat_notification_duration: PT1M to P30D; None means that a firing alarm notifies once.
        destinations: OCIDs of a topic and a stream, or a `TopicSpec`; OCI allows one of each service.  By default
            `DeploymentSpec.topic`: OCI may refuse an alarm that notifies nothing (UNCONFIRMED).
        message_format: of notifications.
        is_enabled: whether it is evaluated.
        measured_by: who measures the metric that it rests on, set by the ready alarms: where nothing in the
            deployment measures and sends it, the alarm is refused.  None does not check that.

    Source: oci.monitoring.models.CreateAlarmDetails; Oracle documentation, "Container Instance Metrics".
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    query: str = field(kw_only=True, metadata=validated(length(3, 4096), _QUERY))
    severity: Severity = field(default="CRITICAL", kw_only=True)
    namespace: str = field(
        default=NATIVE_NAMESPACE,
        kw_only=True,
        metadata=validated(matches(r"[A-Za-z][A-Za-z0-9_]*", "letters, digits and '_', the first a letter")),
    )
    resource_group: str | None = field(
        default=None,
        kw_only=True,
        metadata=validated(matches(r"[A-Za-z][A-Za-z0-9._$-]*", "letters, digits, '.', '_', '-' and '$'")),
    )
    pending_duration: str = field(default="PT5M", kw_only=True, metadata=validated(duration("PT1M", "PT1H")))
    body: str | None = field(default=None, kw_only=True, metadata=validated(length(1, 1000)))
    repeat_notification_duration: str | None = field(
        default=None, kw_only=True, metadata=validated(duration("PT1M", "P30D"))
    )
    destinations: tuple[Destination, ...] = field(
        default=(),
        kw_only=True,
        converter=_destinations,
        metadata=validated(each=(ocid(*_KINDS, otherwise=_not_a_destination),)),
    )
    message_format: Literal["RAW", "PRETTY_JSON", "ONS_OPTIMIZED"] = field(default="RAW", kw_only=True)
    is_enabled: bool = field(default=True, kw_only=True)
    measured_by: MeasuredBy | None = field(default=None, kw_only=True)

    @classmethod
    def cpu_utilization(
        cls,
        threshold: float = 80,
        *,
        name: str = "cpu-utilization",
        severity: Severity = "WARNING",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance uses more than `threshold` % of its CPU on average, as OCI measures it.

        A second threshold is a second alarm with another `name` and `severity`.
        """
        return cls._ready("cpu_utilization", name, severity, destinations, f"{threshold:g}")

    @classmethod
    def memory_utilization(
        cls,
        threshold: float = 80,
        *,
        name: str = "memory-utilization",
        severity: Severity = "WARNING",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance uses more than `threshold` % of its memory on average, as OCI measures it.

        A second threshold is a second alarm with another `name` and `severity`.
        """
        return cls._ready("memory_utilization", name, severity, destinations, f"{threshold:g}")

    @classmethod
    def ephemeral_storage(
        cls,
        threshold_in_gbs: float = 12,
        *,
        name: str = "ephemeral-storage",
        severity: Severity = "CRITICAL",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance uses more than `threshold_in_gbs` GB of its 15 GB of ephemeral storage.

        A second threshold is a second alarm with another `name` and `severity`.
        """
        size_bytes = f"{threshold_in_gbs * 1024**3:.0f}"
        return cls._ready("ephemeral_storage", name, severity, destinations, size_bytes)

    @classmethod
    def absence(
        cls,
        *,
        name: str = "absence",
        severity: Severity = "CRITICAL",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance that emitted metrics stops emitting them, and none of its name takes its place.

        Absence is detected by display name, because an instance that was replaced would otherwise count as absent
        for two hours.  Source: Oracle documentation, "Creating an Absence Alarm".
        """
        return cls._ready("absence", name, severity, destinations)

    @classmethod
    def scrape_target_down(
        cls,
        *,
        name: str = "scrape-target-down",
        severity: Severity = "WARNING",
        metric_namespace: str = METRIC_NAMESPACE,
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when a Prometheus of the deployment cannot scrape a target.

        It rests on `up`, which Prometheus measures and the metrics forwarder or the management agent sends to
        `metric_namespace`.  Refused where they are missing.
        """
        return cls._ready("scrape_target_down", name, severity, destinations, namespace=metric_namespace)

    @classmethod
    def silent_agent(
        cls,
        *,
        name: str = "silent-agent",
        severity: Severity = "CRITICAL",
        metric_namespace: str = METRIC_NAMESPACE,
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when the metrics forwarder or the management agent of an instance has sent nothing for five minutes.

        It rests on `up`, like `scrape_target_down`: of Oracle's own metric of an agent's health the dimensions are
        not documented, so that it could not be narrowed to this deployment.
        """
        return cls._ready("silent_agent", name, severity, destinations, namespace=metric_namespace)

    @classmethod
    def unhealthy_container(
        cls,
        *,
        name: str = "unhealthy-container",
        severity: Severity = "CRITICAL",
        metric_namespace: str = METRIC_NAMESPACE,
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when a container does not answer the blackbox exporter.

        It rests on `probe_success`, because OCI has no metric of its health checks.  Refused without a blackbox
        exporter, a Prometheus, and a metrics forwarder or management agent that sends to `metric_namespace`.
        """
        return cls._ready("unhealthy_container", name, severity, destinations, namespace=metric_namespace)

    @classmethod
    def restarts(
        cls,
        *,
        name: str = "restarts",
        severity: Severity = "WARNING",
        metric_namespace: str = METRIC_NAMESPACE,
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when a process that Prometheus scrapes started again.

        It rests on `process_start_time_seconds`, which most client libraries of Prometheus measure, because OCI has
        no metric of restarts.  The metrics forwarder must select it: `metrics=["process_start_time_seconds", …]`.
        """
        return cls._ready("restarts", name, severity, destinations, namespace=metric_namespace)

    @classmethod
    def no_log_lines(
        cls,
        interval: str = "1h",
        *,
        name: str = "no-log-lines",
        severity: Severity = "WARNING",
        metric_namespace: str = METRIC_NAMESPACE,
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when a log forwarder has sent no line within `interval`, which is from `1m` to `1d`.

        It rests on `log_forwarder_acknowledged_entries_total`, which the metrics forwarder sends to
        `metric_namespace`, because OCI Logging has no metric of the lines in a log.  Not recommended by itself: an
        app may have nothing to say.
        """
        return cls._ready(
            "no_log_lines", name, severity, destinations, interval=interval, namespace=metric_namespace
        )

    @classmethod
    def recommended(
        cls, instances: Iterable[InstanceSpec], *, destinations: Sequence[Destination] = ()
    ) -> tuple[AlarmSpec, ...]:
        """Return the ready alarms with their defaults that something in these instances sends the metrics for.

        Always those for CPU, memory, ephemeral storage and absence; the others as far as sidecars send what they
        rest on.  `DeploymentSpec(alarms="recommended")` means the same.
        """
        known = tuple(instances)
        return tuple(
            evolve(
                getattr(cls, word)(destinations=destinations),
                namespace=namespace_for(READY[word].measured_by, known),
            )
            for word in recommended_for(known)
        )

    @classmethod
    def _ready(
        cls,
        word: str,
        name: str,
        severity: Severity,
        destinations: Sequence[Destination],
        threshold: str = "",
        *,
        interval: str = "",
        namespace: str = NATIVE_NAMESPACE,
    ) -> AlarmSpec:
        ready = READY[word]
        return cls(
            name,
            query=ready.query.replace("{threshold}", threshold).replace("{interval}", interval),
            severity=severity,
            namespace=namespace,
            body=None if ready.body is None else ready.body.replace("{interval}", interval),
            measured_by=ready.measured_by,
            destinations=tuple(destinations),
        )

    def query_for(self, display_names: Sequence[str], deployment: str = "") -> str:
        """Return the query with its placeholders replaced.

        Args:
            display_names: `$instances` becomes a pattern of them, see `name_pattern`.
            deployment: the name that `$deployment` becomes.
        """
        return self.query.replace(INSTANCES, name_pattern(display_names)).replace(DEPLOYMENT, deployment)

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        topics = [one for one in self.destinations if isinstance(one, TopicSpec) or ".onstopic." in one]
        if len(topics) > 1 or len(self.destinations) - len(topics) > 1:
            return [("destinations", "OCI allows at most one topic and one stream for an alarm")]
        return []
