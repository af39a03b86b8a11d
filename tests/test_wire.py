"""Keys, references, and request bodies that hold them."""

from __future__ import annotations

import pytest

from ocisidecar.wire import Key, Ref, Text, number, references, resolve

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
    """Return a stand-in for the OCID of a reference."""
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
    """A text without a kind or a name is not a key; a name may contain slashes."""
    assert Key.parse(text) == key


def test_keys_sort_by_kind_then_name():
    """Keys sort by kind and then by name."""
    keys = [Key("vcn", "a"), Key("subnet", "b"), Key("subnet", "a")]
    assert sorted(keys) == [Key("subnet", "a"), Key("subnet", "b"), Key("vcn", "a")]


def test_a_reference_prints_its_key_field_and_deployment():
    """`str(reference)` names the key, the field, and the deployment when it is another one."""
    assert str(SUBNET) == "<subnet/main.id>"
    assert str(VCN_CIDR) == "<platform:vcn/main.cidrBlock>"
    assert str(BODY["rule"]) == "from <platform:vcn/main.cidrBlock> to <subnet/main.id>"


def test_every_reference_of_a_body_is_found():
    """References are found at any depth and inside texts, in order, with repetitions."""
    assert list(references(BODY)) == [SUBNET, SUBNET, VCN_CIDR, SUBNET]
    assert list(references("no reference")) == []


def test_resolving_gives_wire_form():
    """Resolving replaces references by text and leaves everything else as it is."""
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
    """A resolved body holds no reference."""
    assert list(references(resolve(BODY, shown))) == []


@pytest.mark.parametrize("value", [None, "1", [], {}, float("inf"), float("nan"), 10**400])
def test_what_is_no_finite_number_is_none(value):
    """JSON has numbers that no float holds."""
    assert number(value) is None


@pytest.mark.parametrize("value", [0, 1.5, -3])
def test_a_number_is_a_float(value):
    """Whole numbers too."""
    assert number(value) == value
