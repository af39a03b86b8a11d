"""Where an instance may connect to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.converters import as_tuple, same
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import PORT, count, validated, vcn_or_cidr


def _ports(value: Iterable[int]) -> tuple[int, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class EgressRule(ShortRepr):
    """A destination to which an instance may connect.

    Attributes:
        destination: `"vcn"` or a CIDR block.
        ports: there; empty means all of them.
        protocol: `tcp` or `udp`.
    """

    destination: str = field(metadata=validated(vcn_or_cidr))
    ports: tuple[int, ...] = field(
        default=(), kw_only=True, converter=_ports, metadata=validated(count(0, 100, unit="ports"), each=(PORT,))
    )
    protocol: Literal["tcp", "udp"] = field(default="tcp", kw_only=True)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last port, once for each security rule that it takes."""
        return tuple((port, port) for port in sorted(set(self.ports))) or ((1, 65535),)


def _rules(value: Iterable[EgressRule | str]) -> tuple[EgressRule, ...]:
    return as_tuple(value, lambda rule: EgressRule(rule) if isinstance(rule, str) else rule)


@frozen(repr=False)
class EgressSpec(ShortRepr):
    """Where an instance may connect to; an instance without one may connect to everything.

    Whatever the rules say, Oracle's own services are reached through a private network's service gateway (TCP 443:
    images of OCIR, logs, metrics, vaults), and names and times at link-local addresses, which security rules do not
    concern.  A spec whose containers need more than the rules let out is refused with the reason.

    Of a network, it is what everything in the subnet may connect to, beside what the instances' own groups let out.

    Attributes:
        rules: the destinations; a text is a destination with all TCP ports.  Without any, only Oracle's services.

    Source: Oracle, "Security Rules" and "Access to Oracle Services: Service Gateway".  That link-local addresses
    need no rule is UNCONFIRMED; Oracle's examples of clusters with narrow egress have none for them ("Example
    Network Resource Configurations").
    """

    rules: tuple[EgressRule, ...] = field(
        default=(), converter=_rules, metadata=validated(count(0, 100, unit="rules"))
    )
