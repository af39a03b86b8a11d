"""Whether the security rules of a VNIC let a connection out.

A packet passes if any rule of any group of the VNIC, or of any security list of its subnet, lets it.  Routes and
gateways are not considered.

Source: Oracle, "Security Rules".
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network
from typing import Final

from ocisidecar.emulator.declarations import Call
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.state import Record

TCP: Final = "6"


def lets_out(call: Call, vnic: Record, port: int, address: str, *, is_oracle: bool = False) -> bool:
    """Return whether a VNIC may connect to a TCP port.

    Args:
        call: the call during which it would connect.
        vnic: connects.
        port: the TCP port.
        address: the IPv4 address; empty for one on the internet that is not known.
        is_oracle: whether it is one of Oracle's services.
    """
    return any(_lets(rule, port, address, is_oracle=is_oracle) for rule in _rules(call, vnic))


def _rules(call: Call, vnic: Record) -> Iterator[JsonObject]:
    for group_id in vnic.body["nsgIds"]:
        rules = call.related("network-security-group", group_id).hidden["rules"]
        yield from (rule for rule in rules if rule["direction"] == "EGRESS")
    for list_id in call.related("subnet", vnic.body["subnetId"]).body["securityListIds"]:
        yield from call.related("security-list", list_id).body["egressSecurityRules"]


def _lets(rule: JsonObject, port: int, address: str, *, is_oracle: bool) -> bool:
    ports = rule.get("tcpOptions", {}).get("destinationPortRange", {"min": 1, "max": 65535})
    if rule["protocol"] not in {"all", TCP} or not ports["min"] <= port <= ports["max"]:
        return False
    if rule["destinationType"] != "CIDR_BLOCK":
        return is_oracle and rule["destinationType"] == "SERVICE_CIDR_BLOCK"
    block = ip_network(rule["destination"])
    if address:
        return isinstance(block, IPv4Network) and ip_network(address).subnet_of(block)  # type: ignore[arg-type]
    return not block.is_private
