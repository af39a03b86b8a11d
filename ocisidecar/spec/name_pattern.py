"""Patterns for the display names of instances in Monitoring queries.  Pure.

Source: Oracle's "Monitoring Query Language (MQL) Reference": `=~` knows `*` and `|`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_EXACT_CHARACTERS = 1000
"""UNCONFIRMED: that the length of queries is limited at all, and how; their documentation does not say it."""


def name_pattern(names: Iterable[str]) -> str:
    """Return a pattern for `=~` that matches these display names: `web-0|web-1`.

    Where that is longer than `MAX_EXACT_CHARACTERS`, replicas share a pattern, `web-*`, which also matches other
    instances whose names begin in the same way.
    """
    distinct = sorted(set(names))
    exact = "|".join(distinct)
    return exact if len(exact) <= MAX_EXACT_CHARACTERS else "|".join(sorted({_shared(name) for name in distinct}))


def _shared(name: str) -> str:
    stem, dash, number = name.rpartition("-")
    return f"{stem}-*" if dash and number.isdecimal() else name
