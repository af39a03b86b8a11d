"""What a service shows, held against what was asked of it."""

from __future__ import annotations

import pytest

from ocisidecar.state.compare import covers, difference, pair_up


class TestCovers:
    """Whether what is live says what is wanted."""

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
        """Services add fields and defaults of their own and keep no order in lists."""
        assert covers(shown, wanted)

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
        """An extra entry in a list may be an open port."""
        assert not covers(shown, wanted)


class TestPairUp:
    """Which live entry stands for which wanted one."""

    def test_each_stands_for_one(self):
        """What is there twice and wanted once is one too many."""
        assert pair_up([1, 1, 2], [1, 2]) == {0: 0, 2: 1}

    def test_a_taken_entry_changes_hands_where_its_taker_finds_another(self):
        """As many as possible find one, whatever the order."""
        assert pair_up([{"a": 1, "b": 1}, {"a": 1}], [{"a": 1}, {"a": 1, "b": 1}]) == {0: 1, 1: 0}

    def test_what_finds_none_is_left_out(self):
        """The caller sees what is missing and what is too much."""
        assert pair_up([1, 3], [1, 2]) == {0: 0}


class TestDifference:
    """What is told of a difference."""

    @pytest.mark.parametrize(
        ("shown", "wanted", "told"),
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
    def test_only_what_has_no_counterpart_is_told(self, shown, wanted, told):
        """Of a list of twenty rules the one that is missing, by its description."""
        assert difference(shown, wanted) == told

    def test_what_a_description_does_not_tell_apart_is_told_in_full(self):
        """A rule whose port was changed by hand still has its old description."""
        told = difference([{"description": "web", "p": 80}], [{"description": "web", "p": 81}])
        assert told == ('{"description": "web", "p": 80}', '{"description": "web", "p": 81}')

    def test_long_text_is_shortened(self):
        """To 500 characters."""
        before, after = difference(["x" * 1000], "y" * 1000)
        assert (len(before), len(after), after[-1]) == (500, 500, "…")
