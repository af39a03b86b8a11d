"""What security rules open, and whether that is more than is wanted.  Pure.

A packet passes if any rule of any group or list of a VNIC lets it, so openings add up.

Source: Oracle, "Security Rules"; oci.core.models.SecurityRule, IngressSecurityRule, EgressSecurityRule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise

from attrs import evolve, frozen

from ocisidecar.resources.facts import objects_in
from ocisidecar.spec.internet import as_block, blocks_in, is_internet, union
from ocisidecar.wire import Body, Json, Ref, objects, resolve_fields, text

_NAMES: Mapping[str, str] = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Source: IANA, "Protocol Numbers"."""
_ALL = "all"
_FIRST_PORT, _LAST_PORT = 1, 65535


@frozen(order=True)
class Opening:
    """What one security rule lets pass.

    Attributes:
        protocol: `tcp`, `udp`, `icmp`, `all`, or a protocol number.
        first, last: destination ports; all ports where the protocol has none.
        peer: who may send or be sent to: a range in CIDR notation, the label of Oracle's services, or the
            OCID of a group.
        is_outgoing: whether it lets traffic out.
    """

    protocol: str
    first: int
    last: int
    peer: str
    is_outgoing: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether it is about all ports."""
        return self.first <= _FIRST_PORT and self.last >= _LAST_PORT

    def concerns(self, ports: Collection[int]) -> bool:
        """Return whether it is about one of these ports, of whatever protocol."""
        return any(self.first <= port <= self.last for port in ports)

    def is_covered(self, wanted: Iterable[Opening]) -> bool:
        """Return whether the wanted openings together let pass all that this one does."""
        alike = [
            one for one in wanted if one.is_outgoing == self.is_outgoing and one.protocol in {_ALL, self.protocol}
        ]
        edges = {self.first, self.last + 1, *(one.first for one in alike), *(one.last + 1 for one in alike)}
        inner = sorted(edge for edge in edges if self.first <= edge <= self.last + 1)
        return all(
            _is_within(self.peer, [one.peer for one in alike if one.first <= start and end - 1 <= one.last])
            for start, end in pairwise(inner)
        )

    def __str__(self) -> str:
        span = f" {self.first}" if self.first == self.last else f" {self.first}-{self.last}"
        what = self.protocol + (span if self.protocol in {_ALL, "tcp", "udp"} else "")
        suffix = " (the internet)" if is_internet([self.peer]) and not self.is_outgoing else ""
        return f"{what} {'to' if self.is_outgoing else 'from'} {self.peer}{suffix}"


def opening(rule: Mapping[str, Json], *, is_outgoing: bool | None = None) -> Opening:
    """Return what a rule lets pass; rules of groups have a direction, those of lists stand in lists for each."""
    if is_outgoing is None:
        is_outgoing = text(rule, "direction") == "EGRESS"
    protocol = _NAMES.get(text(rule, "protocol"), text(rule, "protocol"))
    options = rule.get(f"{protocol}Options")
    ports = options.get("destinationPortRange") if isinstance(options, Mapping) else None
    span = (int(text(ports, "min")), int(text(ports, "max"))) if isinstance(ports, Mapping) else None
    first, last = span or (_FIRST_PORT, _LAST_PORT)
    return Opening(protocol, first, last, text(rule, "destination" if is_outgoing else "source"), is_outgoing)


def openings_of_group(body: Mapping[str, Body], lookup: Callable[[Ref], str] = str) -> list[Opening]:
    """Return what the rules of a security group let pass, live or desired; `lookup` resolves references in them."""
    return [opening(resolve_fields(rule, lookup)) for rule in objects_in(body, "securityRules")]


def openings_of_list(body: Mapping[str, Json]) -> list[Opening]:
    """Return what the rules of a security list let pass."""
    lets_in = (opening(rule, is_outgoing=False) for rule in objects(body.get("ingressSecurityRules")))
    lets_out = (opening(rule, is_outgoing=True) for rule in objects(body.get("egressSecurityRules")))
    return [*lets_in, *lets_out]


def with_groups_as(openings: Iterable[Opening], block: str) -> list[Opening]:
    """Return the openings with groups as peers replaced by a block: groups are in one VCN, so their members too."""
    is_group = "ocid1.networksecuritygroup."
    return [evolve(one, peer=block) if block and one.peer.startswith(is_group) else one for one in openings]


def _is_within(peer: str, peers: Collection[str]) -> bool:
    block, others = as_block(peer), blocks_in(peers)
    if block is None:  # Oracle's services, whose addresses are public
        return peer in peers or any(one.prefixlen == 0 for one in others)
    # subnet_of compares blocks of one version only
    return any(one.version == block.version and block.subnet_of(one) for one in union(others))  # type: ignore[arg-type]
