"""Identifiers with the shapes of the real ones, the same ones for the same seed and order of requests."""

from __future__ import annotations

import base64
import hashlib
import random
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from itertools import chain
from typing import Final, Literal

from ocisidecar.emulator.regions import REGIONS

Binding = Literal["aaaaaaaa", "amaaaaaa", "an", "ab"]
"""How the unique part of an OCID begins; `an` and `ab` are followed by the region's stem."""

UNIQUE_LENGTH: Final = 60
PUBLIC_BLOCKS: Final = tuple(map(IPv4Network, ("203.0.113.0/24", "198.51.100.0/24", "198.18.0.0/15")))
IPV6_RANGE: Final = IPv6Network("2001:db8::/32")


class Ids:
    """Makes identifiers.

    Called under the emulator's lock, except `request_part`: identifiers are numbered, hence repeatable.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0
        self._public = chain.from_iterable(block.hosts() for block in PUBLIC_BLOCKS)
        self._random = random.Random(seed)  # nosec B311  # noqa: S311 - identifiers, no secrets
        # Request ids are drawn outside the lock, so they must not shift the others.
        self._requests = random.Random(seed)  # nosec B311  # noqa: S311 - identifiers, no secrets

    def ocid(self, kind: str, region: str = "", binding: Binding = "aaaaaaaa", *, slots: str = "") -> str:
        """Return a new OCID; kinds without a region (identity's) have an empty slot, a few have further `slots`."""
        self._count += 1
        start: str = binding
        if len(binding) < len("aaaaaaaa"):
            start += REGIONS[region].stem
        digest = hashlib.sha256(f"{self._seed}/{kind}/{self._count}".encode()).digest()
        tail = base64.b32encode(digest + digest[:8]).decode().lower().rstrip("=")
        slot = REGIONS[region].slot if region else ""
        return f"ocid1.{kind}.oc1.{slot}.{slots}{(start + tail)[:UNIQUE_LENGTH]}"

    def public_address(self) -> str:
        """Return a new public IPv4 address, from blocks that are reserved for documentation and benchmarks.

        Source: RFC 5737, RFC 2544.
        """
        return str(next(self._public))

    def ipv6_block(self) -> str:
        """Return a new IPv6 block of the size that a VCN gets, from the range that is reserved for documentation.

        Source: RFC 3849.
        """
        number = int(IPV6_RANGE.network_address) | int(self.hexadecimal(6), 16) << (128 - 56)
        return str(IPv6Network((number, 56)))

    def request_part(self) -> str:
        """Return 32 upper-case hexadecimal digits."""
        return f"{self._requests.getrandbits(128):032X}"

    def hexadecimal(self, digits: int) -> str:
        """Return that many lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"


def etag(resource_id: str, version: int, state: str | None, style: str) -> str:
    """Return an entity tag: `style` is the number of hexadecimal digits, or "decimal"."""
    digest = hashlib.sha256(f"{resource_id}/{version}/{state}".encode()).hexdigest()
    if style == "decimal":
        return str(int(digest[:8], 16))
    return digest[: int(style)]


def kind_of(ocid: str) -> str:
    """Return the kind slot of an OCID, or the empty string."""
    parts = ocid.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "ocid1" else ""


def timestamp(moment: float) -> str:
    """Return a moment as OCI writes it: UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> float:
    """Return the seconds since the epoch of an RFC 3339 time; ValueError when the text is not one."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
