"""Keys, references, and bodies that hold them."""

from __future__ import annotations

import pytest

from ocisidecar.wire import Key, Ref, Text, references, resolve

SUBNET = Ref(Key("subnet", "main"))
VCN_CIDR = Ref(Key("vcn", "main"), "cidrBlock", deployment="platform")
BODY = {
    "name": "web",
    "count": 2,
    "ratio": 0.5,
    "isEnabled": True,
    "note": None,
    "vnics": [{"subnetId": SUBNET}, {"subnetId": SUBNET}],
    "rule": Text(("from ", VCN_CIDR, " to ", SUBNET)),
}


def shown(ref: Ref) -> str:
    """Stand in for the OCID of a reference."""
    return f"[{ref.key}]"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("subnet/main", Key("subnet", "main")),
        ("container-repository/acme/web", Key("container-repository", "acme/web")),
        ("subnet", None),
        ("subnet/", None),
        ("/main", None),
        ("", None),
    ],
)
def test_a_key_is_a_kind_and_a_name(text, key):
    """A text without a kind or without a name is no key; a name may hold slashes."""
    assert Key.parse(text) == key


def test_keys_sort_by_kind_then_name():
    """Lists of keys read the same in every run."""
    keys = [Key("vcn", "a"), Key("subnet", "b"), Key("subnet", "a")]
    assert sorted(keys) == [Key("subnet", "a"), Key("subnet", "b"), Key("vcn", "a")]


def test_references_read_as_what_they_stand_for():
    """A message that shows a body names the resource, the field, and a foreign deployment."""
    assert str(SUBNET) == "<subnet/main.id>"
    assert str(VCN_CIDR) == "<platform:vcn/main.cidrBlock>"
    assert str(BODY["rule"]) == "from <platform:vcn/main.cidrBlock> to <subnet/main.id>"


def test_every_reference_of_a_body_is_found():
    """At any depth, in texts too, in order, as often as it occurs."""
    assert list(references(BODY)) == [SUBNET, SUBNET, VCN_CIDR, SUBNET]
    assert list(references("no reference")) == []


def test_resolving_gives_wire_form():
    """References become text; everything else stays what it was."""
    assert resolve(BODY, shown) == {
        "name": "web",
        "count": 2,
        "ratio": 0.5,
        "isEnabled": True,
        "note": None,
        "vnics": [{"subnetId": "[subnet/main]"}, {"subnetId": "[subnet/main]"}],
        "rule": "from [vcn/main] to [subnet/main]",
    }


def test_a_resolved_body_holds_no_reference():
    """What goes out on the wire is plain."""
    assert list(references(resolve(BODY, shown))) == []
