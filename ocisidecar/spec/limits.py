"""OCI's limits, each with its source, as data.

They are held against a spec before any call.  What a tenancy may have beside that (quotas, service limits) only
the service knows.
"""

from __future__ import annotations

from attrs import frozen

CONTAINERS = 60
"""Source: oci-python-sdk CHANGELOG 2.118.1; Container Instances API, CreateContainerInstanceDetails."""

VOLUMES = 32
"""Source: oci.container_instances.models.CreateContainerInstanceDetails.volumes."""

ENVIRONMENT_BYTES = ARGUMENT_BYTES = 64 * 1024
"""Per container.  Source: oci.container_instances.models.CreateContainerDetails."""

EPHEMERAL_STORAGE_GBS = 15
"""Per instance, all shapes.  Source: Oracle documentation, "Container Instance Shapes"."""

FREEFORM_TAGS = 10
"""Per resource.  Source: Oracle documentation, "Limits on Tags"."""

OWN_TAGS = 4
"""How many of them this library uses on everything that it makes."""


@frozen(kw_only=True)
class Shape:
    """What a shape allows.

    Attributes:
        logical_cpus_per_ocpu: 2 on x86, 1 on Arm.
        ocpus: least and most.
        memory_in_gbs: least and most in all.
        memory_in_gbs_per_ocpu: least and most.
        default_memory_in_gbs_per_ocpu: taken where a spec names no memory.
    """

    logical_cpus_per_ocpu: int
    ocpus: tuple[float, float]
    memory_in_gbs: tuple[float, float]
    memory_in_gbs_per_ocpu: tuple[float, float] = (1, 64)
    default_memory_in_gbs_per_ocpu: float

    @property
    def platform(self) -> str:
        """What images for it are built for, e.g. `linux/arm64`."""
        return "linux/arm64" if self.logical_cpus_per_ocpu == 1 else "linux/amd64"

    def memory(self, ocpus: float, memory_in_gbs: float | None) -> float:
        """Return the GB of memory that `memory_in_gbs` means, None being the default for so many OCPUs."""
        if memory_in_gbs is not None:
            return memory_in_gbs
        return min(self.default_memory_in_gbs_per_ocpu * ocpus, self.memory_in_gbs[1])


_X86 = Shape(logical_cpus_per_ocpu=2, ocpus=(1, 64), memory_in_gbs=(1, 1024), default_memory_in_gbs_per_ocpu=16)
_X86_E5 = Shape(logical_cpus_per_ocpu=2, ocpus=(1, 94), memory_in_gbs=(1, 1504), default_memory_in_gbs_per_ocpu=16)
_ARM_A1 = Shape(logical_cpus_per_ocpu=1, ocpus=(1, 76), memory_in_gbs=(1, 488), default_memory_in_gbs_per_ocpu=6)

SHAPES = {
    "CI.Standard.E3.Flex": _X86,
    "CI.Standard.E4.Flex": _X86,
    "CI.Standard.E5.Flex": _X86_E5,
    "CI.Standard.A1.Flex": _ARM_A1,
}
"""Shapes that are known beforehand; others are allowed and left to the service to judge.

Source: Oracle documentation, "Container Instance Shapes", for E3, E4 and A1.  UNCONFIRMED: all of E5, and the
default memory per OCPU, which is that of the Compute shapes of the same name; it is always sent, so that the
instance has what the budget was reckoned with.
"""

ADDRESSES_KEPT_PER_SUBNET = 3
"""The first two and the last address of a subnet are OCI's own.

Source: Oracle documentation, "VCNs and Subnets", reserved IP addresses.
"""
