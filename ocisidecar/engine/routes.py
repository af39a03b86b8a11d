"""Routes of this machine: they show which address ranges are in use and which pods can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

BRIDGE_PREFIX = "ocisc"
"""Prefix of the names of our networks' bridges, which the kernel limits to 15 characters."""

_TABLE = Path("/proc/net/route")
_INTERFACE, _DESTINATION, _MASK = 0, 1, 7


def host_routes(table: Path = _TABLE) -> Iterator[tuple[str, IPv4Network]]:
    """Yield interface and range of each route except default routes; nothing on systems without such a table.

    Source: proc_net(5); addresses are hexadecimal, in the byte order of x86 and Arm.
    """
    if not table.exists():
        return
    for line in table.read_text().splitlines()[1:]:
        columns = line.split()
        destination, mask = (int(columns[at], 16).to_bytes(4, "little") for at in (_DESTINATION, _MASK))
        if any(mask):
            yield columns[_INTERFACE], IPv4Network((destination, str(IPv4Address(mask))))


def has_route(address: str, table: Path = _TABLE) -> bool:
    """Return whether this machine has a route to an address other than a default route."""
    return any(IPv4Address(address) in network for _, network in host_routes(table))
