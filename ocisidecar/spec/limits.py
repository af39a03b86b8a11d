"""OCI's limits, each with its source, as data.

Validation checks them before any call.  The tenancy's quotas and service limits are known to the service only.
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
"""Number of them that this library sets on every resource that it makes."""

RULES_PER_GROUP = 120
"""Of a network security group, in both directions.  Source: Oracle documentation, "Service Limits", Networking."""


@frozen(kw_only=True)
class Shape:
    """The limits of a shape.

    Attributes:
        logical_cpus_per_ocpu: 2 on x86, 1 on Arm.
        ocpus: minimum and maximum.
        memory_in_gbs: minimum and maximum in total.
        memory_in_gbs_per_ocpu: minimum and maximum.
        default_memory_in_gbs_per_ocpu: used when a spec gives no memory.
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
"""Known shapes; others are allowed, and only the service checks them.

Source: Oracle documentation, "Container Instance Shapes", for E3, E4 and A1.  UNCONFIRMED: all of E5, and the
default memory per OCPU, which is that of the Compute shapes of the same name; it is always sent, so that the
instance has the memory that validation assumed.
"""

ADDRESSES_KEPT_PER_SUBNET = 3
"""The first two and the last address of a subnet are OCI's own.

Source: Oracle documentation, "VCNs and Subnets", reserved IP addresses.
"""
