"""The shapes that a region offers for container instances, as values.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from attrs import frozen

from ocisidecar.wire import Json, number, text

_EVERYTHING = (0.0, inf)


@frozen(kw_only=True)
class OfferedShape:
    """A shape as the service describes it; bounds that it does not state are open.

    Attributes:
        name: e.g. `CI.Standard.E4.Flex`.
        ocpus, memory_in_gbs, memory_in_gbs_per_ocpu: minimum and maximum.

    Source: oci.container_instances.models.ContainerInstanceShapeSummary.
    """

    name: str
    ocpus: tuple[float, float] = _EVERYTHING
    memory_in_gbs: tuple[float, float] = _EVERYTHING
    memory_in_gbs_per_ocpu: tuple[float, float] = _EVERYTHING


def offered_shape(entry: Mapping[str, Json]) -> OfferedShape:
    """Return an entry of the list as a value."""
    memory = entry.get("memoryOptions")
    return OfferedShape(
        name=text(entry, "name"),
        ocpus=_range(entry.get("ocpuOptions"), "min", "max"),
        memory_in_gbs=_range(memory, "minInGBs", "maxInGBs"),
        memory_in_gbs_per_ocpu=_range(memory, "minPerOcpuInGBs", "maxPerOcpuInGBs"),
    )


def _range(options: Json, low: str, high: str) -> tuple[float, float]:
    found = options if isinstance(options, Mapping) else {}
    return _number(found.get(low), 0.0), _number(found.get(high), inf)


def _number(value: Json, unknown: float) -> float:
    found = number(value)
    return unknown if found is None else found
