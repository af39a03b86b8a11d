"""Container Instances: the shapes, and their limits.

Source: Oracle, "Container Instances Shapes" for E3, E4 and A1; E5's range is what third-party validators use;
the defaults per OCPU are those of the compute shapes of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.schema import JsonObject

MAX_BANDWIDTH_IN_GBPS: Final = 40.0
MAX_MEMORY_PER_OCPU: Final = 64.0


@frozen(kw_only=True)
class HardwareShape:
    """The limits of a shape: OCPUs, memory in GB, logical CPUs per OCPU, and the service limit on its cores."""

    processor: str
    core_limit: str
    max_ocpus: float
    max_memory: float
    default_memory_per_ocpu: float
    cpus_per_ocpu: int = 2

    def summary(self, name: str) -> JsonObject:
        """Return the shape as in list_container_instance_shapes."""
        return {
            "name": name,
            "processorDescription": self.processor,
            "ocpuOptions": {"min": 1.0, "max": self.max_ocpus},
            "memoryOptions": {
                "minInGBs": 1.0,
                "maxInGBs": self.max_memory,
                "defaultPerOcpuInGBs": self.default_memory_per_ocpu,
                "minPerOcpuInGBs": 1.0,
                "maxPerOcpuInGBs": MAX_MEMORY_PER_OCPU,
            },
            "networkingBandwidthOptions": {
                "minInGbps": 1.0,
                "maxInGbps": MAX_BANDWIDTH_IN_GBPS,
                "defaultPerOcpuInGbps": 1.0,
            },
        }


HARDWARE: Final[Mapping[str, HardwareShape]] = {
    "CI.Standard.E3.Flex": HardwareShape(
        processor="2.25 GHz AMD EPYC™ 7742 (Rome)",
        core_limit="standard-e3-core-ad-count",
        max_ocpus=64,
        max_memory=1024,
        default_memory_per_ocpu=16,
    ),
    "CI.Standard.E4.Flex": HardwareShape(
        processor="2.55 GHz AMD EPYC™ 7J13 (Milan)",
        core_limit="standard-e4-core-count",
        max_ocpus=64,
        max_memory=1024,
        default_memory_per_ocpu=16,
    ),
    "CI.Standard.E5.Flex": HardwareShape(
        processor="2.4 GHz AMD EPYC™ 9J14 (Genoa)",
        core_limit="standard-e5-core-ad-count",
        max_ocpus=94,
        max_memory=1504,
        default_memory_per_ocpu=12,
    ),
    "CI.Standard.A1.Flex": HardwareShape(
        processor="3.0 GHz Ampere® Altra™",
        core_limit="standard-a1-core-count",
        max_ocpus=76,
        max_memory=488,
        default_memory_per_ocpu=6,
        cpus_per_ocpu=1,
    ),
}


def shape_config(shape: str, wanted: JsonObject) -> JsonObject:
    """Return the complete shapeConfig for the requested one; ServiceError 400 when it violates the limits."""
    hardware = HARDWARE.get(shape)
    if hardware is None:
        raise invalid(f"Shape {shape} is not one of {', '.join(HARDWARE)}")
    ocpus = wanted["ocpus"]
    if not 1 <= ocpus <= hardware.max_ocpus:
        raise invalid(f"ocpus must be 1 to {hardware.max_ocpus:g} for {shape}: {ocpus:g}")
    memory = wanted.get("memoryInGBs", min(ocpus * hardware.default_memory_per_ocpu, hardware.max_memory))
    if not ocpus <= memory <= ocpus * MAX_MEMORY_PER_OCPU:
        raise invalid(
            f"Invalid ratio of memory in GB to OCPUs: {memory:g} to {ocpus:g}, 1 to "
            f"{MAX_MEMORY_PER_OCPU:g} for {shape}"
        )
    if memory > hardware.max_memory:
        raise invalid(f"memoryInGBs must be at most {hardware.max_memory:g} for {shape}: {memory:g}")
    return {
        "ocpus": ocpus,
        "memoryInGBs": memory,
        "processorDescription": hardware.processor,
        "networkingBandwidthInGbps": min(ocpus, MAX_BANDWIDTH_IN_GBPS),
    }
