"""When an address range is the internet: arithmetic over public addresses, in this one place.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TypeAlias

Block: TypeAlias = IPv4Network | IPv6Network

SMALLEST_SHARE = 2**-16
"""Ranges that cover more than this share of all addresses with public ones are the internet.

It is that of a /16: 65,536 IPv4 addresses.  The ranges of one organisation, which may be meant, are not larger as a
rule; those of a cloud or an access provider, in which everybody can get an address, are.
"""

_NOT_PUBLIC: tuple[Block, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "::/3",
            "2001:db8::/32",
            "4000::/2",
            "8000::/1",
        ),
    )
)
"""Ranges without public addresses, none within another.

Source: IANA, "IPv4 Special-Purpose Address Registry", the same of IPv6, and "IPv6 Address Space": global unicast
addresses are 2000::/3.
"""


def is_internet(ranges: Iterable[str]) -> bool:
    """Return whether ranges in CIDR notation are the internet together; other words, such as `vcn`, are not."""
    blocks = blocks_in(ranges)
    return any(public_addresses(blocks, version) > SMALLEST_SHARE * _all(version) for version in (4, 6))


def is_whole_internet(ranges: Iterable[str]) -> bool:
    """Return whether ranges in CIDR notation cover all public addresses of IPv4 or of IPv6."""
    blocks = blocks_in(ranges)
    return any(
        public_addresses(blocks, version) == public_addresses([ip_network(everything)], version)
        for version, everything in ((4, "0.0.0.0/0"), (6, "::/0"))
    )


def public_addresses(blocks: Iterable[Block], version: int = 4) -> int:
    """Return how many public addresses of an IP version blocks cover together."""
    closed = [block for block in _NOT_PUBLIC if block.version == version]
    return sum(
        block.num_addresses - sum(_shared(block, other) for other in closed)
        for block in union([one for one in blocks if one.version == version])
    )


def blocks_in(ranges: Iterable[str]) -> list[Block]:
    """Return the ranges that are in CIDR notation, or a single address, as blocks."""
    return [block for one in ranges if (block := as_block(one)) is not None]


def as_block(range_: str) -> Block | None:
    """Return a range in CIDR notation, or a single address, as a block; None for other words."""
    try:
        return ip_network(range_, strict=False)
    except ValueError:
        return None


def union(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the same addresses as blocks of which none overlap, nor make up a larger one."""
    known = list(blocks)
    yield from collapse_addresses([one for one in known if isinstance(one, IPv4Network)])
    yield from collapse_addresses([one for one in known if isinstance(one, IPv6Network)])


def _shared(one: Block, other: Block) -> int:
    """Return how many addresses two blocks of one version have in common: one is within the other, or none."""
    return min(one.num_addresses, other.num_addresses) if one.overlaps(other) else 0


def _all(version: int) -> int:
    return 1 << (32 if version == 4 else 128)  # noqa: PLR2004 versions of IP
