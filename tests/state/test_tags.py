"""Tags of ours and of others on one resource."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.state.tags import TAG_FIELDS, merge_tags, of_part, tag_names, with_removals

NOBODY = frozenset[str]().__contains__

words = st.sampled_from("abcde")
flat = st.dictionaries(words, st.text("12", max_size=1), max_size=4)
tags = st.fixed_dictionaries(
    {"freeformTags": flat, "definedTags": st.dictionaries(words, flat.filter(bool), max_size=3)}
)


def test_every_tag_has_a_name():
    """Those of VNIC and containers too; the containers' are one set."""
    body = {
        "displayName": "web",
        "freeformTags": {"team": "blue"},
        "definedTags": {"Ops": {"A": "1", "B": "2"}},
        "vnics": [{"freeformTags": {"team": "red"}}],
        "containers": [{"definedTags": {"Ops": {"A": "1"}}}, {"freeformTags": {"x": "1"}}, {"displayName": "bare"}],
    }
    assert tag_names(body) == {"team", "Ops.A", "Ops.B", "vnics/team", "containers/Ops.A", "containers/x"}
    assert tag_names({"vnics": None}) == frozenset()


def test_tags_are_laid_over_those_that_are_there():
    """An update replaces whole maps, so what others have put there goes along."""
    now = {"freeformTags": {"team": "blue", "stage": "1"}, "definedTags": {"Ops": {"A": "1", "B": "1"}}}
    fields = {
        "displayName": "x",
        "freeformTags": {"stage": "2"},
        "definedTags": {"Ops": {"B": "2"}, "New": {"C": "3"}},
    }
    assert merge_tags(now, fields, NOBODY) == {
        "displayName": "x",
        "freeformTags": {"team": "blue", "stage": "2"},
        "definedTags": {"Ops": {"A": "1", "B": "2"}, "New": {"C": "3"}},
    }
    assert merge_tags({}, {"freeformTags": {"a": "1"}}, NOBODY) == {"freeformTags": {"a": "1"}}
    assert merge_tags(now, {"displayName": "x"}, NOBODY) == {"displayName": "x"}


def test_defined_tags_that_stay_are_not_sent():
    """Sending them takes a right that not everybody has who may change a name."""
    now = {"freeformTags": {"a": "1"}, "definedTags": {"Ops": {"A": "1"}}}
    assert merge_tags(now, {"freeformTags": {"a": "2"}, "definedTags": {}}, NOBODY) == {"freeformTags": {"a": "2"}}
    assert merge_tags({}, {"definedTags": {}}, NOBODY) == {}


def test_what_goes_is_told_as_null():
    """So a plan can show it beside what stays."""
    ours = {"team", "Ops.A", "Old.X"}.__contains__
    assert with_removals({"team": "blue", "else": "1"}, {}, ours) == {"team": None}
    now = {"Ops": {"A": "1", "B": "1"}, "Old": {"X": "1"}, "Oracle-Tags": {"CreatedBy": "me"}}
    assert with_removals(now, {"Ops": {"C": "1"}}, ours) == {"Ops": {"C": "1", "A": None}, "Old": {"X": None}}
    assert with_removals(None, None, ours) == {}


def test_a_parts_tags_are_recorded_under_its_name():
    """A VNIC's tag is another one than the instance's of the same name."""
    was_set = of_part({"vnics/team"}.__contains__, "vnics")
    assert (was_set("team"), was_set("vnics/team")) == (True, False)


@given(before=tags, after=tags, others=tags)
def test_ours_go_and_those_of_others_stay(before, after, others):
    """After any two specs one after the other a resource has the second one's tags and what others put there."""
    made = merge_tags(others, before, NOBODY)
    shown = {name: made.get(name, others[name]) for name in TAG_FIELDS}
    changed = merge_tags(shown, after, tag_names(before).__contains__)
    result = {name: changed.get(name, shown[name]) for name in TAG_FIELDS}
    foreign = tag_names(others) - tag_names(before)
    assert tag_names(result) == tag_names(after) | foreign
    again = merge_tags(result, after, tag_names(after).__contains__)
    assert again == {"freeformTags": result["freeformTags"]}
