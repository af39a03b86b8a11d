"""Our tags, which are the only state, and the retry tokens."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from attrs import evolve

from ocisidecar.state.identity import (
    OWN_TAGS,
    TAG_DEPLOYMENT,
    TAG_DIGEST,
    TAG_KEY,
    TAG_PARTS,
    Identity,
    changed_sections,
    digest,
    in_doubt,
    owner,
    retry_token,
    tags_for,
    used_deployments,
)
from ocisidecar.wire import Key, Ref, Text

IDENTITY = Identity("ocid1.tenancy.oc1..t", "eu-frankfurt-1", "ocid1.compartment.oc1..c", "web")
KEY = Key("container-instance", "web-0")
SECTIONS = {"image": {"web.imageUrl": "web:1.4"}, "network": {"subnetId": Ref(Key("subnet", "main"))}}
HIDDEN = {"vnics": [{"nsgIds": [Ref(Key("network-security-group", "main"))]}]}


def tags(sections=None, *, hidden=None, uses=()):
    """Return the tags of the instance."""
    return tags_for(IDENTITY, KEY, sections or SECTIONS, hidden=hidden or HIDDEN, uses=uses)


class TestIdentity:
    """`Identity`: which deployment is which."""

    def test_same_name_elsewhere_is_another_deployment(self):
        """Deployments of one name in other regions and compartments have other deployment tags."""
        elsewhere = [evolve(IDENTITY, region="us-ashburn-1"), evolve(IDENTITY, compartment_id="ocid1.other")]
        assert len({one.tag for one in (IDENTITY, *elsewhere)}) == 3

    def test_tag_is_name_and_eight_hex_digits(self):
        """The deployment tag is the name and a suffix that is the same in every release."""
        assert IDENTITY.tag == "web.9a68ded3"

    def test_sibling_differs_in_name_only(self):
        """Deployments in one region and compartment have the same suffix."""
        assert IDENTITY.sibling("api") == evolve(IDENTITY, name="api")
        assert IDENTITY.sibling("api").suffix == IDENTITY.suffix


class TestOwner:
    """`owner`: the deployment and key that tags prove."""

    def test_our_tags_prove_deployment_and_key(self):
        """The tags of a resource give back its deployment's name and its key."""
        assert owner(IDENTITY, KEY.kind, tags()) == ("web", KEY)

    def test_tags_of_another_deployment_are_recognized(self):
        """The name of the asking identity does not matter: the name in the tag is returned."""
        assert owner(IDENTITY.sibling("api"), KEY.kind, tags()) == ("web", KEY)

    @pytest.mark.parametrize(
        "change",
        [
            {TAG_DEPLOYMENT: ""},
            {TAG_DEPLOYMENT: "web"},
            {TAG_DEPLOYMENT: f".{IDENTITY.suffix}"},
            {TAG_DEPLOYMENT: f"web{IDENTITY.suffix}"},
            {TAG_DEPLOYMENT: "web.00000000"},
            {TAG_DEPLOYMENT: evolve(IDENTITY, region="us-ashburn-1").tag},
            {TAG_KEY: ""},
            {TAG_KEY: "web-0"},
            {TAG_KEY: "subnet/main"},
        ],
        ids=str,
    )
    def test_tags_that_do_not_agree_prove_nothing(self, change):
        """A wrong deployment name, suffix, key or kind makes `owner` return None."""
        assert owner(IDENTITY, KEY.kind, {**tags(), **change}) is None

    def test_an_untagged_resource_is_not_ours(self):
        """Tags of others alone make `owner` return None."""
        assert owner(IDENTITY, KEY.kind, {"team": "blue"}) is None


class TestTags:
    """`tags_for` and the functions that read our tags."""

    def test_a_resource_has_four_tags_of_ours(self):
        """A resource gets exactly the four tags in OWN_TAGS, of the ten free-form tags that OCI allows."""
        assert tuple(tags()) == OWN_TAGS

    def test_digest_covers_what_only_a_replacement_changes(self):
        """Another image changes the digest; a field that is changed in place does not."""
        changed = {**SECTIONS, "image": {"web.imageUrl": "web:1.5"}}
        assert tags(changed)[TAG_DIGEST] != tags()[TAG_DIGEST] == digest(SECTIONS)
        assert tags(hidden={"vnics": []})[TAG_DIGEST] == tags()[TAG_DIGEST]

    def test_digest_ignores_the_order_of_fields(self):
        """The order of a mapping does not change the digest."""
        assert digest(dict(reversed(SECTIONS.items()))) == digest(SECTIONS)

    def test_digest_sees_references_by_what_they_name(self):
        """A reference enters the digest as the key that it names, not as an OCID."""
        assert digest({"a": Ref(Key("subnet", "main"))}) != digest({"a": Ref(Key("subnet", "other"))})
        assert digest({"a": Text(("x", Ref(Key("vcn", "main"))))}) == digest({"a": "x<vcn/main.id>"})

    def test_digest_takes_any_mapping(self):
        """A frozen mapping has the same digest as a dictionary with the same content."""
        assert digest({"a": MappingProxyType({"b": 1})}) == digest({"a": {"b": 1}})

    def test_digest_refuses_what_has_no_wire_form(self):
        """A value that has no wire form raises TypeError."""
        with pytest.raises(TypeError, match="object has no wire form"):
            digest({"a": object()})

    def test_changed_sections_are_named(self):
        """`changed_sections` names the sections and hidden fields that differ, and no used deployments."""
        after = {"image": {"web.imageUrl": "web:1.5"}, "config": {"app.toml": "eA=="}}
        assert changed_sections(tags(), tags(after)) == ("config", "image", "network")
        assert changed_sections(tags(), tags(hidden={"vnics": []})) == ("vnics",)
        assert changed_sections(tags(), tags(uses=("platform",))) == ()

    def test_foreign_tags_change_no_section(self):
        """Tags of others do not count as sections."""
        assert changed_sections({}, {"team": "blue"}) == ()

    def test_a_section_in_doubt_differs_from_every_content(self):
        """A section in doubt differs from its old and its new content, and the other entries stay."""
        before = tags(uses=("platform",))
        doubted = in_doubt(before, ["vnics", "containers"])
        assert changed_sections(doubted, before) == ("containers", "vnics")
        assert changed_sections(doubted, tags({}, hidden={"vnics": None})) >= ("containers",)
        assert used_deployments(doubted) == ("platform",)
        assert {**doubted, TAG_PARTS: before[TAG_PARTS]} == before

    def test_used_deployments_are_listed(self):
        """The tags list the shared deployments that a resource uses, sorted."""
        assert used_deployments(tags(uses=("platform", "access"))) == ("access", "platform")
        assert used_deployments(tags()) == ()
        assert used_deployments({}) == ()

    def test_a_full_tag_drops_sections_and_no_hidden_field(self):
        """Long names of shared deployments push out sections, which the digest covers, and no hidden field."""
        uses = tuple(letter * 63 for letter in "abc")
        many = {f"section-{number}": number for number in range(20)}
        before, after = tags(many, uses=uses), tags(many, hidden={"vnics": []}, uses=uses)
        assert len(before[TAG_PARTS]) <= 256
        assert used_deployments(before) == uses
        assert changed_sections(before, after) == ("vnics",)

    def test_a_full_tag_holds_whole_entries_only(self):
        """An entry that does not fit into the tag is left out instead of being truncated."""
        many = {f"section-{number}": number for number in range(40)}
        parts = tags(many)[TAG_PARTS].split(",")
        assert {name for name, _, value in (part.partition("=") for part in parts)} <= {*many, "vnics"}
        assert {len(part.partition("=")[2]) for part in parts} == {8}


class TestRetryToken:
    """`retry_token`: the token that makes a create repeatable."""

    ARGUMENTS = (IDENTITY, KEY, "digest", "AD-1", 0)

    def test_is_the_same_for_the_same_inputs(self):
        """The same arguments give the same token, so a rerun gets the resource that the first run created."""
        assert retry_token(*self.ARGUMENTS) == retry_token(*self.ARGUMENTS)

    @pytest.mark.parametrize(
        "change",
        [
            (0, evolve(IDENTITY, tenancy_id="ocid1.tenancy.oc1..other")),
            (0, evolve(IDENTITY, region="us-ashburn-1")),
            (0, evolve(IDENTITY, compartment_id="ocid1.compartment.oc1..other")),
            (0, IDENTITY.sibling("api")),
            (1, Key("container-instance", "web-1")),
            (2, "another digest"),
            (3, "AD-2"),
            (4, 1),
        ],
        ids=str,
    )
    def test_differs_when_an_input_does(self, change):
        """A change of any argument gives another token."""
        position, value = change
        arguments = [*self.ARGUMENTS]
        arguments[position] = value
        assert retry_token(*arguments) != retry_token(*self.ARGUMENTS)
