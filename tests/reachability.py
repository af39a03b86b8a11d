"""What the emulated network lets pass: read from the emulator's state, with no code of the library."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.emulator import Emulator

Opening = tuple[str, int, int, str]
"""Protocol number or `all`, first and last port, and the source or destination."""

_ENDS = {"INGRESS": "source", "EGRESS": "destination"}


def admitted(emulator: Emulator, direction: str = "INGRESS") -> dict[str, frozenset[Opening]]:
    """Return what is open on each VNIC, by its display name: by a group of it or a security list of its subnet.

    Source: Oracle, "Security Rules": a packet is allowed if any rule of any group or list of the VNIC allows it.
    """
    cloud = emulator.app.cloud
    with cloud.lock:
        now = cloud.clock.time()
        return {
            vnic.body["displayName"]: frozenset(_openings(cloud, vnic, now, direction))
            for vnic in cloud.store.all("vnic", now)
        }


def let_out(emulator: Emulator) -> dict[str, frozenset[Opening]]:
    """Return what each VNIC may connect to, as `admitted` does."""
    return admitted(emulator, "EGRESS")


def _openings(cloud, vnic, now: float, direction: str) -> Iterator[Opening]:
    for group_id in vnic.body["nsgIds"]:
        rules = cloud.store.find("network-security-group", group_id, now).hidden["rules"]
        yield from (_opening(rule, direction) for rule in rules if rule["direction"] == direction)
    subnet = cloud.store.find("subnet", vnic.body["subnetId"], now)
    for list_id in subnet.body["securityListIds"]:
        rules = cloud.store.find("security-list", list_id, now).body[f"{direction.lower()}SecurityRules"]
        yield from (_opening(rule, direction) for rule in rules)


def _opening(rule, direction: str) -> Opening:
    options = rule.get("tcpOptions") or rule.get("udpOptions") or {}
    ports = options.get("destinationPortRange", {"min": 1, "max": 65535})
    return rule["protocol"], ports["min"], ports["max"], rule[_ENDS[direction]]
