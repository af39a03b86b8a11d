"""Container Instances: the metrics that the service itself posts about running instances and their containers.

Source: Oracle, "Container Instance Metrics"; the containers' names from Datadog's list of OCI metrics.
EphemeralStorageUsed and ContainerEphemeralStorageUsed are what containers have written to their own file systems;
of EMPTYDIR volumes a Docker engine tells the size only by counting the files of all volumes on its disk.
UNCONFIRMED: whether the service counts those and the images.  CpuUsed and ContainerCpuUsed count core nanoseconds
since the creation ("The cumulative use of the container instance's CPU resources since it was created");
UNCONFIRMED: that restarts do not reset them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.services.instance_shapes import HARDWARE
from ocisidecar.emulator.state import Cloud, Record

NAMESPACE: Final = "oci_computecontainerinstance"
INTERVAL_SECONDS: Final = 60
"""UNCONFIRMED: how often the service posts."""

_GB: Final = 1024**3


def record_usage(cloud: Cloud, instance: Record, at: float, usages: Mapping[str, ContainerUsage]) -> None:
    """Store one datapoint per metric of an instance and of its running containers."""
    body = instance.body
    dimensions = {
        "availabilityDomain": body["availabilityDomain"],
        "faultDomain": body["faultDomain"],
        "resourceId": instance.id,
        "resourceDisplayName": body["displayName"],
    }
    cores = sum(usage.cpu_cores for usage in usages.values())
    memory = sum(usage.memory_bytes for usage in usages.values())
    shape = body["shapeConfig"]
    seconds = min(at - instance.hidden.get("measured", instance.created_at), INTERVAL_SECONDS)
    instance.hidden["measured"] = at
    values = {
        "CpuUtilization": 100 * cores / (shape["ocpus"] * HARDWARE[body["shape"]].cpus_per_ocpu),
        "MemoryUtilization": 100 * memory / (shape["memoryInGBs"] * _GB),
        "CpuUsed": _core_nanoseconds(instance, cores * seconds),
        "MemoryUsed": memory,
        "EphemeralStorageUsed": sum(usage.storage_bytes for usage in usages.values()),
    }
    _post(cloud, instance, at, dimensions, values)
    for container in instance.hidden["containers"]:
        usage = usages.get(container.id)
        if usage is not None:
            named = {"containerDisplayName": container.body["displayName"], "containerOCID": container.id}
            own = {
                "ContainerCpuUsed": _core_nanoseconds(container, usage.cpu_cores * seconds),
                "ContainerMemoryUsed": usage.memory_bytes,
                "ContainerEphemeralStorageUsed": usage.storage_bytes,
            }
            _post(cloud, instance, at, {**dimensions, **named}, own)


def _core_nanoseconds(record: Record, core_seconds: float) -> float:
    """Return what an instance or a container has used since its creation, with what it used since the last time."""
    used: float = record.hidden.get("cpuNanoseconds", 0.0) + core_seconds * 1e9
    record.hidden["cpuNanoseconds"] = used
    return used


def _post(
    cloud: Cloud, instance: Record, at: float, dimensions: Mapping[str, str], values: Mapping[str, float]
) -> None:
    for name, value in values.items():
        key = StreamKey(
            region=instance.region,
            compartment_id=instance.body["compartmentId"],
            namespace=NAMESPACE,
            resource_group=None,
            name=name,
            dimensions=tuple(sorted(dimensions.items())),
        )
        cloud.metrics.add(key, [Datapoint(at, value)])
