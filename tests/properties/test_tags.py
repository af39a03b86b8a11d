"""Laws of our tags: OCI accepts them, and they identify what they are set on."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocisidecar.plan.build import desire
from ocisidecar.resources.kind import Site
from ocisidecar.state.identity import (
    OWN_TAGS,
    TAG_DIGEST,
    Identity,
    changed_sections,
    digest,
    owner,
    tags_for,
    used_deployments,
    was_set,
)
from ocisidecar.wire import Key
from tests.strategies import deployments

words = st.text("abcdefghij-_", min_size=1, max_size=63)
identities = st.builds(Identity, words, words, words, words)
keys = st.builds(Key, words, words)
sections = st.dictionaries(words, st.integers() | st.text(max_size=5), max_size=20)
shared = st.lists(words, max_size=3, unique=True).map(tuple)


@given(identity=identities, key=keys, content=sections, hidden=sections, uses=shared)
def test_oci_accepts_every_tag(identity, key, content, hidden, uses):
    """Tag keys have at most 100 characters and neither dots nor blanks, and values at most 256."""
    tags = tags_for(identity, key, content, hidden=hidden, uses=uses)
    assert tuple(tags) == OWN_TAGS
    assert all(len(name) <= 100 and not re.search(r"[.\s]", name) for name in tags)
    assert all(len(value) <= 256 for value in tags.values())


@given(identity=identities, key=keys, content=sections, uses=shared, other=identities)
def test_tags_prove_their_owner_and_no_other(identity, key, content, uses, other):
    """Tags give back name and key in the same region and compartment, and nothing in any other."""
    tags = tags_for(identity, key, content, hidden={}, uses=uses)
    assert owner(identity, key.kind, tags) == (identity.name, key)
    is_same_place = (other.region, other.compartment_id) == (identity.region, identity.compartment_id)
    assert (owner(other, key.kind, tags) is not None) == is_same_place


@given(identity=identities, key=keys, content=sections, uses=shared)
def test_users_of_shared_deployments_are_always_found(identity, key, content, uses):
    """The tags list all shared deployments that a resource uses, however many sections it has."""
    tags = tags_for(identity, key, content, hidden={}, uses=uses)
    assert used_deployments(tags) == tuple(sorted(uses))


@given(
    identity=identities, key=keys, content=sections, hidden=sections, names=st.sets(words, max_size=6), other=words
)
def test_which_tags_we_set_is_always_recorded(identity, key, content, hidden, names, other):
    """Six tag names are recorded whatever a resource holds, and no other name matches one of them."""
    few = {name: hidden[name] for name in sorted(hidden, key=len)[:2]}
    tags = tags_for(identity, key, content, hidden=few, names=names)
    assert all(was_set(tags, name) for name in names)
    assert was_set(tags, other) == (other in names)


@given(before=sections, after=sections)
def test_digest_and_content_agree(before, after):
    """Two contents have the same digest when they are equal, and only then."""
    assert (digest(before) == digest(after)) == (before == after)


@given(
    identity=identities,
    key=keys,
    before=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)),
    after=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)),
)
def test_exactly_the_changed_sections_are_named(identity, key, before, after):
    """`changed_sections` names exactly the sections that differ, as long as all fit into a tag."""
    old, new = (tags_for(identity, key, content, hidden={}) for content in (before, after))
    names = {name for name in before | after if before.get(name) != after.get(name)}
    assert set(changed_sections(old, new)) == names


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spec=deployments())
def test_every_resource_of_every_spec_can_be_tagged(spec):
    """Every resource has at most ten free-form tags of legal length that identify it."""
    identity = Identity("ocid1.tenancy", "eu-frankfurt-1", "ocid1.compartment", spec.name)
    desired = desire(spec, Site(identity, "eu-frankfurt-1", image_prefix="fra.ocir.io/acme"))
    for key, made in desired.items():
        given_tags = made.body.get("freeformTags") or {}
        tags = {**given_tags, **made.tags(identity)}
        assert len(tags) <= 10
        assert all(len(value) <= 256 for value in tags.values())
        assert owner(identity, key.kind, tags) == (spec.name, key)
        assert tags[TAG_DIGEST] == made.digest
