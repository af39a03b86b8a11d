"""Metrics in OCI about container instances: their names, and how their datapoints are read.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.verify.evidence import PrometheusTargets, TargetStatus

_UP = "up"
_DURATION = "scrape_duration_seconds"
SAMPLES = (_UP, _DURATION)
"""Metrics that Prometheus records of each scrape."""
WRITTEN = "app_metrics_updated_timestamp_seconds"
"""When an app last wrote its metrics to a file, which its image serves: our `app-with-metrics` has it."""
CPU_PERCENT = "CpuUtilization"
MEMORY_PERCENT = "MemoryUtilization"
STORAGE_BYTES = "EphemeralStorageUsed"
CONTAINER_MEMORY_BYTES = "ContainerMemoryUsed"
USAGE = (CPU_PERCENT, MEMORY_PERCENT, STORAGE_BYTES, CONTAINER_MEMORY_BYTES)
"""Metrics that OCI measures of instances and of containers."""


def samples_of(rows: Sequence[MetricRow], instance: Instance) -> tuple[MetricRow, ...]:
    """Return the samples of one instance."""
    return tuple(row for row in rows if row.dimensions.get("container_instance") == instance.name)


def targets_in(samples: Sequence[MetricRow]) -> PrometheusTargets:
    """Return the targets in an instance's samples, each with the state of its newest sample."""
    up, durations = _newest(samples, _UP), _newest(samples, _DURATION)
    targets = tuple(
        TargetStatus(
            job=target[0],
            container=row.dimensions.get("container", ""),
            state="up" if row.value == 1 else "down",
            scrape_seconds=durations[target].value if target in durations else None,
        )
        for target, row in sorted(up.items())
    )
    return PrometheusTargets(targets=targets, reported_by="OCI Monitoring" if targets else "")


def usage_of(rows: Sequence[MetricRow], instance: Instance) -> tuple[MetricRow, ...]:
    """Return the measurements of one instance."""
    return tuple(row for row in rows if row.dimensions.get("resourceId") == instance.id)


def _newest(samples: Sequence[MetricRow], name: str) -> Mapping[tuple[str, str], MetricRow]:
    return {
        (row.dimensions.get("job", ""), row.dimensions.get("instance", "")): row
        for row in sorted((row for row in samples if row.name == name), key=lambda row: row.time)
    }
