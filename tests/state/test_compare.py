"""Comparison of live bodies with desired ones."""

from __future__ import annotations

import pytest

from ocisidecar.state.compare import difference, is_satisfied_by, match_entries


class TestIsSatisfiedBy:
    """`is_satisfied_by`: whether a live value contains everything that is desired."""

    @pytest.mark.parametrize(
        ("shown", "wanted"),
        [
            ({"a": 1, "b": 2}, {"a": 1}),
            ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2}}),
            ({}, {"a": None}),
            ({"a": None}, {"a": None}),
            (1.0, 1),
            ([1, 2], (2, 1)),
            ([{"a": 1, "b": 1}, {"a": 2}], [{"a": 2}, {"a": 1}]),
            ([{"a": 1, "b": 1}, {"a": 1, "c": 1}], [{"a": 1}, {"a": 1, "b": 1}]),
            ([None], [None]),
            ([], []),
        ],
        ids=str,
    )
    def test_additions_and_order_do_not_matter(self, shown, wanted):
        """Fields that a service adds, and another order of a list, are not a difference."""
        assert is_satisfied_by(wanted, shown)

    @pytest.mark.parametrize(
        ("shown", "wanted"),
        [
            ({"a": 1}, {"a": 2}),
            ({}, {"a": 1}),
            (None, {"a": 1}),
            ("text", {"a": 1}),
            ([1], [1, 1]),
            ([1, 1], [1]),
            ([1, 1], [1, 2]),
            ([1], [None]),
            ("ab", ["a", "b"]),
            (None, []),
            ({}, []),
        ],
        ids=str,
    )
    def test_what_is_missing_extra_or_different_is_seen(self, shown, wanted):
        """Another value, a missing entry and an extra entry (which may be an open port) are differences."""
        assert not is_satisfied_by(wanted, shown)


class TestMatchEntries:
    """`match_entries`: which live entry satisfies which wanted one."""

    def test_each_entry_is_matched_once(self):
        """Only one of two equal live entries is matched with one desired entry."""
        assert match_entries([1, 1, 2], [1, 2]) == {0: 0, 2: 1}

    def test_a_matched_entry_is_given_away_where_its_partner_finds_another(self):
        """The number of matches is the largest possible, whatever the order."""
        assert match_entries([{"a": 1, "b": 1}, {"a": 1}], [{"a": 1}, {"a": 1, "b": 1}]) == {0: 1, 1: 0}

    def test_an_entry_without_a_partner_is_left_out(self):
        """The result holds matches only, so that the caller sees what is missing and what is extra."""
        assert match_entries([1, 3], [1, 2]) == {0: 0}


class TestDifference:
    """`difference`: the text with which a plan shows what differs."""

    @pytest.mark.parametrize(
        ("shown", "wanted", "text"),
        [
            ("a", "b", ("a", "b")),
            (None, True, ("", "true")),
            ([1, 2], [2, 3], ("1", "3")),
            ([], [{"port": 80}], ("", '{"port": 80}')),
            ({"a": 1, "b": 2, "c": 0}, {"a": 1, "b": 3}, ("b=2", "b=3")),
            ({}, {"b": 3}, ("", "b=3")),
            ([{"description": "tcp 80", "p": 80}], [{"description": "tcp 81", "p": 81}], ("tcp 80", "tcp 81")),
        ],
        ids=str,
    )
    def test_only_what_has_no_counterpart_is_shown(self, shown, wanted, text):
        """The text has only those entries of lists and mappings that differ, with rules by their description."""
        assert difference(shown, wanted) == text

    def test_entries_with_the_same_description_are_shown_in_full(self):
        """A rule whose port was changed by hand and whose description was not is shown as JSON."""
        text = difference([{"description": "web", "p": 80}], [{"description": "web", "p": 81}])
        assert text == ('{"description": "web", "p": 80}', '{"description": "web", "p": 81}')

    def test_long_text_is_shortened(self):
        """A text of more than 500 characters ends in an ellipsis at the 500th."""
        before, after = difference(["x" * 1000], "y" * 1000)
        assert (len(before), len(after), after[-1]) == (500, 500, "…")
