"""The network of a deployment's instances."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.converters import texts
from ocisidecar.spec.egress import EgressSpec
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import DNS_LABEL, RESOURCE_NAME, cidr, count, ocid, validated

_VCN_CIDR = "10.0.0.0/16"
_SUBNET_PREFIX_LENGTH = 20


@frozen(kw_only=True, repr=False)
class NetworkSpec(ShortRepr):
    """The network of a deployment: use `private`, `public`, `existing` or `of`.

    Attributes:
        cidr_block: of a VCN that the deployment makes.
        subnet_cidr_block: of its subnet, within `cidr_block`; None means `subnet_block`.
        dns_label: of VCN and subnet; needed for host names.
        subnet_id: of an existing subnet.
        nsg_ids: of existing network security groups that the instances join.
        egress: what everything in the subnet may connect to; None means everything, or where an instance has an
            `egress`, what the instances' groups let out.  `EgressSpec()` leaves it to the groups too, and to those
            of other deployments that share the network.
        is_public_ip_assigned: whether instances in an existing subnet get a public address.
        name: the deployment whose network is shared.
    """

    kind: Literal["private", "public", "existing", "of"]
    cidr_block: str = field(default=_VCN_CIDR, metadata=validated(cidr(16, 30)))
    subnet_cidr_block: str | None = field(default=None, metadata=validated(cidr(16, 30)))
    dns_label: str | None = field(default=None, metadata=validated(DNS_LABEL))
    subnet_id: str | None = field(default=None, metadata=validated(ocid("subnet")))
    nsg_ids: tuple[str, ...] = field(
        default=(),
        converter=texts,
        metadata=validated(count(0, 5, unit="groups"), each=(ocid("networksecuritygroup"),)),
    )
    egress: EgressSpec | None = None
    is_public_ip_assigned: bool = False
    name: str | None = field(default=None, metadata=validated(RESOURCE_NAME))

    @classmethod
    def private(
        cls,
        *,
        cidr_block: str = _VCN_CIDR,
        subnet_cidr_block: str | None = None,
        dns_label: str | None = None,
        egress: EgressSpec | None = None,
    ) -> NetworkSpec:
        """Make a VCN whose subnet has no public addresses, with a NAT and a service gateway for outgoing traffic.

        Without `subnet_cidr_block` the subnet is the first /20 of the VCN (4093 addresses), or all of a
        smaller one.

        Source: Oracle documentation, "VCNs and Subnets": a VCN is /16 to /30.
        """
        return cls(
            kind="private",
            cidr_block=cidr_block,
            subnet_cidr_block=subnet_cidr_block,
            dns_label=dns_label,
            egress=egress,
        )

    @classmethod
    def public(
        cls,
        *,
        cidr_block: str = _VCN_CIDR,
        subnet_cidr_block: str | None = None,
        dns_label: str | None = None,
        egress: EgressSpec | None = None,
    ) -> NetworkSpec:
        """Make a VCN whose instances get public addresses; only the declared ports are open, to their sources."""
        return cls(
            kind="public",
            cidr_block=cidr_block,
            subnet_cidr_block=subnet_cidr_block,
            dns_label=dns_label,
            egress=egress,
            is_public_ip_assigned=True,
        )

    @classmethod
    def existing(
        cls, subnet_id: str, *, nsg_ids: Sequence[str] = (), is_public_ip_assigned: bool = False
    ) -> NetworkSpec:
        """Use a subnet that exists, and up to 5 network security groups; neither is changed or deleted.

        The owner of these groups must open the ports of the instances.
        """
        return cls(
            kind="existing",
            subnet_id=subnet_id,
            nsg_ids=tuple(nsg_ids),
            is_public_ip_assigned=is_public_ip_assigned,
        )

    @classmethod
    def of(cls, name: str, *, is_public_ip_assigned: bool = False) -> NetworkSpec:
        """Use the network that another deployment of the same compartment and region made.

        The deployment's instances get a separate network security group in it.
        """
        return cls(kind="of", name=name, is_public_ip_assigned=is_public_ip_assigned)

    @property
    def subnet_block(self) -> str:
        """The subnet's range: as given, else the first /20 of the VCN, or all of a smaller one."""
        if self.subnet_cidr_block is not None:
            return self.subnet_cidr_block
        try:
            vcn = ipaddress.IPv4Network(self.cidr_block)
        except ValueError:
            return self.cidr_block
        return str(next(vcn.subnets(new_prefix=max(vcn.prefixlen, _SUBNET_PREFIX_LENGTH))))
