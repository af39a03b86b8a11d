"""When address ranges are the internet."""

from __future__ import annotations

import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.spec.internet import as_block, is_internet, is_whole_internet, public_addresses


@pytest.mark.parametrize(
    "ranges",
    [
        ["0.0.0.0/0"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["128.0.0.0/1", "vcn", "0.0.0.0/1"],
        ["0.0.0.0/2"],
        ["64.0.0.0/3"],
        ["3.0.0.0/8"],
        ["20.0.0.0/15"],
        ["20.0.0.0/16", "20.2.0.0/32"],
        [f"20.{number}.0.0/17" for number in range(3)],
        ["8.0.0.0/5", "10.0.0.0/8"],
        ["::/0"],
        ["2000::/3"],
        ["2600::/12"],
    ],
)
def test_large_public_ranges_are_the_internet(ranges):
    """Ranges that cover more than a /16 of public addresses together are the internet."""
    assert is_internet(ranges)


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        ["vcn"],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
        ["203.0.113.0/24"],
        ["20.0.0.0/16"],
        ["20.0.0.0/16", "20.0.0.0/17", "20.0.1.0/24"],
        ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"],
        ["2a00:1450::/32"],
        ["fd00::/8", "fe80::/10"],
    ],
)
def test_private_and_small_ranges_are_not(ranges):
    """Ranges for private use, and those of the size of one organisation, are not the internet."""
    assert not is_internet(ranges)


def test_the_whole_internet_is_told_from_a_part_of_it():
    """Two halves are the whole internet, also without the ranges for private use, and a quarter is not."""
    assert is_whole_internet(["0.0.0.0/1", "128.0.0.0/1"])
    everything = ipaddress.ip_network("0.0.0.0/0").address_exclude(ipaddress.ip_network("10.0.0.0/8"))
    assert is_whole_internet(map(str, everything))
    assert not is_whole_internet(["0.0.0.0/2"])


def test_public_addresses_are_those_of_the_standard_library():
    """Of random addresses those are public that the standard library calls global."""
    numbers = random.Random(1)
    for _ in range(3000):
        address = ipaddress.IPv4Address(numbers.getrandbits(32))
        is_public = public_addresses([as_block(f"{address}/32")]) == 1
        assert is_public == (address.is_global and not address.is_multicast), address


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(20, 32)), max_size=5))
def test_overlapping_ranges_count_once(pairs):
    """The number of public addresses is that of the set of all addresses in the ranges."""
    blocks = [ipaddress.ip_network((number, prefix), strict=False) for number, prefix in pairs]
    closed = [as_block(one) for one in ("10.0.0.0/8", "192.168.0.0/16")]
    known = [one for one in blocks if one.is_global or any(one.subnet_of(other) for other in closed)]
    addresses = {address for block in known if block.is_global and not block.is_multicast for address in block}
    assert public_addresses(known) == len(addresses)
