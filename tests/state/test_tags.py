"""Tags of ours and of others on one resource."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.state.tags import TAG_FIELDS, merge_tags, of_part, tag_names, with_removals

UNSET = frozenset[str]().__contains__
"""A `was_set` for a resource on which we have set no tag."""

words = st.sampled_from("abcde")
flat = st.dictionaries(words, st.text("12", max_size=1), max_size=4)
tags = st.fixed_dictionaries(
    {"freeformTags": flat, "definedTags": st.dictionaries(words, flat.filter(bool), max_size=3)}
)


def test_every_tag_has_a_name():
    """The names of a VNIC's tags have a prefix; containers have no tags of their own."""
    body = {
        "displayName": "web",
        "freeformTags": {"team": "blue"},
        "definedTags": {"Ops": {"A": "1", "B": "2"}},
        "vnics": [{"freeformTags": {"team": "red"}}],
    }
    assert tag_names(body) == {"team", "Ops.A", "Ops.B", "vnics/team"}
    assert tag_names({"vnics": None}) == tag_names({"vnics": ["not yet known"]}) == frozenset()


def test_tags_are_merged_with_those_that_are_there():
    """An update contains the tags of others, because it replaces whole maps."""
    now = {"freeformTags": {"team": "blue", "stage": "1"}, "definedTags": {"Ops": {"A": "1", "B": "1"}}}
    fields = {
        "displayName": "x",
        "freeformTags": {"stage": "2"},
        "definedTags": {"Ops": {"B": "2"}, "New": {"C": "3"}},
    }
    assert merge_tags(now, fields, UNSET) == {
        "displayName": "x",
        "freeformTags": {"team": "blue", "stage": "2"},
        "definedTags": {"Ops": {"A": "1", "B": "2"}, "New": {"C": "3"}},
    }
    assert merge_tags({}, {"freeformTags": {"a": "1"}}, UNSET) == {"freeformTags": {"a": "1"}}
    assert merge_tags(now, {"displayName": "x"}, UNSET) == {"displayName": "x"}


def test_defined_tags_that_stay_are_not_sent():
    """Defined tags that do not change are not in the update."""
    now = {"freeformTags": {"a": "1"}, "definedTags": {"Ops": {"A": "1"}}}
    assert merge_tags(now, {"freeformTags": {"a": "2"}, "definedTags": {}}, UNSET) == {"freeformTags": {"a": "2"}}
    assert merge_tags({}, {"definedTags": {}}, UNSET) == {}


def test_a_removed_tag_is_null():
    """Tags that we set and no longer want are null beside those that are wanted."""
    ours = {"team", "Ops.A", "Old.X"}.__contains__
    assert with_removals({"team": "blue", "else": "1"}, {}, ours) == {"team": None}
    now = {"Ops": {"A": "1", "B": "1"}, "Old": {"X": "1"}, "Oracle-Tags": {"CreatedBy": "me"}}
    assert with_removals(now, {"Ops": {"C": "1"}}, ours) == {"Ops": {"C": "1", "A": None}, "Old": {"X": None}}
    assert with_removals(None, None, ours) == {}


def test_a_parts_tags_are_recorded_under_its_name():
    """A tag of the VNIC is recorded apart from an instance's tag of the same name."""
    was_set = of_part({"vnics/team"}.__contains__, "vnics")
    assert (was_set("team"), was_set("vnics/team")) == (True, False)


@given(before=tags, after=tags, others=tags)
def test_our_old_tags_are_removed_and_those_of_others_stay(before, after, others):
    """After two updates a resource has exactly the second spec's tags and those of others."""
    made = merge_tags(others, before, UNSET)
    shown = {name: made.get(name, others[name]) for name in TAG_FIELDS}
    changed = merge_tags(shown, after, tag_names(before).__contains__)
    result = {name: changed.get(name, shown[name]) for name in TAG_FIELDS}
    foreign = tag_names(others) - tag_names(before)
    assert tag_names(result) == tag_names(after) | foreign
    again = merge_tags(result, after, tag_names(after).__contains__)
    assert again == {"freeformTags": result["freeformTags"]}
