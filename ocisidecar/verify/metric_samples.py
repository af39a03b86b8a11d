"""What the metrics in OCI tell about container instances: which there are, and how they are read.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.verify.evidence import Target, Targets

_UP = "up"
_DURATION = "scrape_duration_seconds"
SAMPLES = (_UP, _DURATION)
"""What Prometheus notes of each scrape."""
CPU_PERCENT = "CpuUtilization"
MEMORY_PERCENT = "MemoryUtilization"
STORAGE_BYTES = "EphemeralStorageUsed"
CONTAINER_MEMORY_BYTES = "ContainerMemoryUsed"
USAGE = (CPU_PERCENT, MEMORY_PERCENT, STORAGE_BYTES, CONTAINER_MEMORY_BYTES)
"""What OCI measures of instances, and of containers."""


def samples_of(rows: Sequence[MetricRow], instance: Instance) -> tuple[MetricRow, ...]:
    """Return the samples of one instance."""
    return tuple(row for row in rows if row.dimensions.get("container_instance") == instance.name)


def targets_in(samples: Sequence[MetricRow]) -> Targets:
    """Return the targets that an instance's samples tell of, each by its newest."""
    up, durations = _newest(samples, _UP), _newest(samples, _DURATION)
    found = tuple(
        Target(
            job=target[0],
            container=row.dimensions.get("container", ""),
            state="up" if row.value == 1 else "down",
            seconds=durations[target].value if target in durations else None,
        )
        for target, row in sorted(up.items())
    )
    return Targets(found=found, witness="OCI Monitoring" if found else "")


def usage_of(rows: Sequence[MetricRow], instance: Instance) -> tuple[MetricRow, ...]:
    """Return what was measured of one instance."""
    return tuple(row for row in rows if row.dimensions.get("resourceId") == instance.id)


def _newest(samples: Sequence[MetricRow], name: str) -> Mapping[tuple[str, str], MetricRow]:
    return {
        (row.dimensions.get("job", ""), row.dimensions.get("instance", "")): row
        for row in sorted((row for row in samples if row.name == name), key=lambda row: row.time)
    }
