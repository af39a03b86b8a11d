"""What security rules open."""

from __future__ import annotations

import pytest

from ocisidecar.resources.openings import Opening, opening, with_groups_as

VCN = "10.0.0.0/16"
HTTP = Opening("tcp", 80, 80, VCN)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            {
                "direction": "INGRESS",
                "protocol": "6",
                "source": VCN,
                "tcpOptions": {"destinationPortRange": {"min": 80, "max": 81}},
            },
            "tcp 80-81 from 10.0.0.0/16",
        ),
        (
            {"direction": "INGRESS", "protocol": "6", "source": VCN, "tcpOptions": None},
            "tcp 1-65535 from 10.0.0.0/16",
        ),
        (
            {"direction": "INGRESS", "protocol": "all", "source": "0.0.0.0/0"},
            "all 1-65535 from 0.0.0.0/0 (the internet)",
        ),
        ({"direction": "INGRESS", "protocol": "47", "source": VCN}, "47 from 10.0.0.0/16"),
        ({"direction": "EGRESS", "protocol": "all", "destination": "0.0.0.0/0"}, "all 1-65535 to 0.0.0.0/0"),
    ],
)
def test_a_rule_in_words(rule, expected):
    """A rule is described by its protocol, ports and peer."""
    assert str(opening(rule)) == expected


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (HTTP, [HTTP]),
        (HTTP, [Opening("tcp", 80, 80, "10.0.0.0/17"), Opening("tcp", 80, 80, "10.0.128.0/17")]),
        (HTTP, [Opening("all", 1, 65535, "0.0.0.0/0")]),
        (Opening("tcp", 80, 90, VCN), [Opening("tcp", 80, 84, VCN), Opening("tcp", 85, 100, VCN)]),
        (Opening("tcp", 443, 443, "all-fra-services"), [Opening("tcp", 443, 443, "0.0.0.0/0")]),
        (Opening("tcp", 80, 80, VCN, is_outgoing=True), [Opening("tcp", 80, 80, VCN, is_outgoing=True)]),
    ],
)
def test_what_is_wanted_in_parts_is_wanted(one, wanted):
    """An opening is covered by others that let pass all of it together."""
    assert one.is_covered(wanted)


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (HTTP, []),
        (HTTP, [Opening("udp", 80, 80, VCN)]),
        (HTTP, [Opening("tcp", 80, 80, "10.0.0.0/17")]),
        (HTTP, [Opening("tcp", 80, 80, VCN, is_outgoing=True)]),
        (Opening("all", 1, 65535, VCN), [Opening("tcp", 1, 65535, VCN), Opening("udp", 1, 65535, VCN)]),
        (Opening("tcp", 80, 90, VCN), [Opening("tcp", 80, 84, VCN), Opening("tcp", 86, 100, VCN)]),
        (Opening("tcp", 80, 80, "::/0"), [Opening("tcp", 80, 80, "0.0.0.0/0")]),
        (Opening("tcp", 80, 80, "0.0.0.0/0"), [HTTP]),
        (Opening("tcp", 443, 443, "all-fra-services"), [Opening("tcp", 443, 443, "10.0.0.0/8")]),
    ],
)
def test_what_is_wider_is_not_covered(one, wanted):
    """An opening is not covered where a protocol, a port or an address of it is in no other."""
    assert not one.is_covered(wanted)


def test_members_of_a_group_are_in_the_vcn():
    """A group as peer counts as the VCN's range."""
    group = Opening("tcp", 80, 80, "ocid1.networksecuritygroup.oc1..a")
    assert with_groups_as([group], VCN) == [HTTP]
    assert with_groups_as([group], "") == [group]
