"""What a service shows, held against what was asked of it."""

from __future__ import annotations

import pytest

from ocisidecar.compare import covers, pair_up


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
