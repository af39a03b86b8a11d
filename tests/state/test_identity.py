"""Tags, which are the library's only state, and retry tokens."""

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
    """The identity of a deployment."""

    def test_same_name_elsewhere_is_another_deployment(self):
        """Deployments of one name in other regions or compartments have other tags."""
        elsewhere = [evolve(IDENTITY, region="us-ashburn-1"), evolve(IDENTITY, compartment_id="ocid1.other")]
        assert len({one.tag for one in (IDENTITY, *elsewhere)}) == 3

    def test_tag_is_name_and_eight_hex_digits(self):
        """The tag is the name and a suffix that stays the same from release to release."""
        assert IDENTITY.tag == "web.9a68ded3"

    def test_sibling_differs_in_name_only(self):
        """Another deployment in the same place has the same suffix."""
        assert IDENTITY.sibling("api") == evolve(IDENTITY, name="api")
        assert IDENTITY.sibling("api").suffix == IDENTITY.suffix


class TestOwner:
    """The owner that tags prove."""

    def test_our_tags_prove_deployment_and_key(self):
        """The owner of tags that we wrote is the deployment and key that they were written for."""
        assert owner(IDENTITY, KEY.kind, tags()) == ("web", KEY)

    def test_other_deployments_of_the_place_are_seen(self):
        """The owner is found whatever the name of the deployment that looks for it."""
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
    def test_a_tag_alone_proves_nothing(self, change):
        """Tags with another suffix, kind or a broken key have no owner."""
        assert owner(IDENTITY, KEY.kind, {**tags(), **change}) is None

    def test_an_untagged_resource_is_not_ours(self):
        """Without our tags there is no owner."""
        assert owner(IDENTITY, KEY.kind, {"team": "blue"}) is None


class TestTags:
    """Content of the tags."""

    def test_there_are_four(self):
        """We write four free-form tags, which leaves six of OCI's ten to the user."""
        assert tuple(tags()) == OWN_TAGS

    def test_digest_covers_what_only_a_replacement_changes(self):
        """The digest tag changes with a section and not with a hidden field."""
        changed = {**SECTIONS, "image": {"web.imageUrl": "web:1.5"}}
        assert tags(changed)[TAG_DIGEST] != tags()[TAG_DIGEST] == digest(SECTIONS)
        assert tags(hidden={"vnics": []})[TAG_DIGEST] == tags()[TAG_DIGEST]

    def test_digest_ignores_the_order_of_fields(self):
        """Equal mappings in another order have the same digest, in every process."""
        assert digest(dict(reversed(SECTIONS.items()))) == digest(SECTIONS)

    def test_digest_sees_references_by_what_they_name(self):
        """A reference enters the digest as the key that it names, not as an OCID."""
        assert digest({"a": Ref(Key("subnet", "main"))}) != digest({"a": Ref(Key("subnet", "other"))})
        assert digest({"a": Text(("x", Ref(Key("vcn", "main"))))}) == digest({"a": "x<vcn/main.id>"})

    def test_digest_takes_any_mapping(self):
        """A frozen mapping has the digest of an equal dictionary."""
        assert digest({"a": MappingProxyType({"b": 1})}) == digest({"a": {"b": 1}})

    def test_digest_refuses_what_has_no_wire_form(self):
        """A value without a wire form is a TypeError that names its type."""
        with pytest.raises(TypeError, match="object has no wire form"):
            digest({"a": object()})

    def test_changed_sections_are_named(self):
        """The names of the sections that differ between two sets of tags are returned, sorted."""
        after = {"image": {"web.imageUrl": "web:1.5"}, "config": {"app.toml": "eA=="}}
        assert changed_sections(tags(), tags(after)) == ("config", "image", "network")
        assert changed_sections(tags(), tags(hidden={"vnics": []})) == ("vnics",)
        assert changed_sections(tags(), tags(uses=("platform",))) == ()

    def test_tags_of_others_change_no_section(self):
        """Tags that others put on a resource do not count as changed sections."""
        assert changed_sections({}, {"team": "blue"}) == ()

    def test_a_section_marked_as_unknown_differs_from_every_value(self):
        """A section that is marked as unknown differs from before and after, and the other sections do not."""
        before = tags(uses=("platform",))
        doubted = in_doubt(before, ["vnics", "containers"], coming={})
        assert changed_sections(doubted, before) == ("containers", "vnics")
        assert changed_sections(doubted, tags({}, hidden={"vnics": None})) >= ("containers",)
        assert used_deployments(doubted) == ("platform",)
        assert {**doubted, TAG_PARTS: before[TAG_PARTS]} == before

    def test_used_deployments_are_listed(self):
        """The shared deployments that a resource uses are read from its tags."""
        assert used_deployments(tags(uses=("platform", "access"))) == ("access", "platform")
        assert used_deployments(tags()) == ()
        assert used_deployments({}) == ()

    def test_what_can_be_changed_in_place_is_seen_however_full_the_tag_is(self):
        """A full tag loses sections, which the digest covers, and never a hidden field."""
        uses = tuple(letter * 63 for letter in "abc")
        many = {f"section-{number}": number for number in range(20)}
        before, after = tags(many, uses=uses), tags(many, hidden={"vnics": []}, uses=uses)
        assert len(before[TAG_PARTS]) <= 256
        assert used_deployments(before) == uses
        assert changed_sections(before, after) == ("vnics",)

    def test_a_full_tag_holds_whole_entries_only(self):
        """An entry that does not fit into a tag is left out, not cut."""
        many = {f"section-{number}": number for number in range(40)}
        parts = tags(many)[TAG_PARTS].split(",")
        assert {name for name, _, value in (part.partition("=") for part in parts)} <= {*many, "vnics"}
        assert {len(part.partition("=")[2]) for part in parts} == {8}


class TestRetryToken:
    """Retry tokens, with which a create can be repeated."""

    ARGUMENTS = (IDENTITY, KEY, "digest", "AD-1", 0)

    def test_is_the_same_for_the_same_inputs(self):
        """The same inputs give the same token, so that a rerun gets the resource that the first run created."""
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
        """A change of any input changes the token."""
        position, value = change
        arguments = [*self.ARGUMENTS]
        arguments[position] = value
        assert retry_token(*arguments) != retry_token(*self.ARGUMENTS)
