"""Datapoints that an emulator has, as if OCI or a sidecar had sent them."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.emulator import Emulator
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql import Datapoint


def add_datapoint(
    emulator: Emulator,
    namespace: str,
    name: str,
    value: float,
    dimensions: Mapping[str, str],
    *,
    resource_group: str | None = None,
) -> None:
    """Give an emulator's first compartment a datapoint of now."""
    cloud = emulator.app.cloud
    key = StreamKey(
        region=cloud.home_region,
        compartment_id=emulator.compartment_id,
        namespace=namespace,
        resource_group=resource_group,
        name=name,
        dimensions=tuple(sorted(dimensions.items())),
    )
    with cloud.lock:
        cloud.metrics.add(key, [Datapoint(cloud.clock.time(), value)])
