"""Alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same
from ocisidecar.spec.name_pattern import name_pattern
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.topic import TopicSpec
from ocisidecar.spec.validate.fields import RESOURCE_NAME, Problem, duration, length, matches, ocid, validated

INSTANCES = "$instances"
"""In an alarm's query: the display names of the deployment's instances, as a pattern for `=~`."""

_QUERY = matches(
    r"[^\r\n]*[A-Za-z][\w.$-]*\[\d+[mhd]\][^\r\n]*", "a Monitoring query such as CpuUtilization[1m].mean() > 80"
)

NATIVE_NAMESPACE = "oci_computecontainerinstance"
"""Metric namespace of what Container Instances emit themselves.

Source: Oracle documentation, "Container Instance Metrics".
"""

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
            `CpuUtilization[1m]{resourceDisplayName =~ "$instances"}.mean() > 80`.
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

    @classmethod
    def cpu_utilization(
        cls,
        threshold: float = 80,
        *,
        name: str = "cpu-utilization",
        severity: Severity = "WARNING",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance uses more than `threshold` % of its CPU on average.

        A second threshold is a second alarm with another `name` and `severity`.
        """
        query = f"{_of_instances('CpuUtilization')}.mean() > {threshold:g}"
        return cls(name, query=query, severity=severity, destinations=tuple(destinations))

    @classmethod
    def memory_utilization(
        cls,
        threshold: float = 80,
        *,
        name: str = "memory-utilization",
        severity: Severity = "WARNING",
        destinations: Sequence[Destination] = (),
    ) -> AlarmSpec:
        """Fire when an instance uses more than `threshold` % of its memory on average.

        A second threshold is a second alarm with another `name` and `severity`.
        """
        query = f"{_of_instances('MemoryUtilization')}.mean() > {threshold:g}"
        return cls(name, query=query, severity=severity, destinations=tuple(destinations))

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
        query = f"{_of_instances('EphemeralStorageUsed')}.max() > {threshold_in_gbs * 1024**3:.0f}"
        return cls(name, query=query, severity=severity, destinations=tuple(destinations))

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
        query = f"{_of_instances('CpuUtilization')}.groupBy(resourceDisplayName).absent()"
        return cls(name, query=query, severity=severity, destinations=tuple(destinations))

    def query_for(self, display_names: Sequence[str]) -> str:
        """Return the query with `$instances` replaced by a pattern of these display names; see `name_pattern`."""
        return self.query.replace(INSTANCES, name_pattern(display_names))

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        topics = [one for one in self.destinations if isinstance(one, TopicSpec) or ".onstopic." in one]
        if len(topics) > 1 or len(self.destinations) - len(topics) > 1:
            return [("destinations", "OCI allows at most one topic and one stream for an alarm")]
        return []


def _of_instances(metric: str) -> str:
    return f'{metric}[1m]{{resourceDisplayName =~ "{INSTANCES}"}}'
