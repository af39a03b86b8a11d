"""A page: sections of rows, independent of the medium that shows it.  Pure.

Each value has one function that makes its page, and each medium one that shows pages, so the terminal and the
notebook show the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import groupby

from attrs import frozen

from ocisidecar.resources.kinds import KINDS
from ocisidecar.wire import Key


class Tone(StrEnum):
    """The meaning of a row, for which each medium has a colour."""

    PLAIN = "plain"
    CALM = "calm"
    GOOD = "good"
    CHANGE = "change"
    BAD = "bad"


@frozen
class Detail:
    """One more line about a row."""

    label: str
    text: str


@frozen(kw_only=True)
class Row:
    """One line: a sign, its subject, a curve, a text, and details below.

    `curve` holds heights from 0 to 1 at equal distances, None where there is no value; empty for no curve.
    """

    sign: str
    subject: str
    curve: tuple[float | None, ...] = ()
    text: str = ""
    tone: Tone = Tone.PLAIN
    details: tuple[Detail, ...] = ()


@frozen
class Section:
    """Rows under a heading."""

    heading: str
    rows: tuple[Row, ...]


@frozen
class Copyable:
    """Lines to be copied, each whole on one line, under a heading."""

    heading: str
    lines: tuple[str, ...]


@frozen(kw_only=True)
class Page:
    """The page of one value.

    Attributes:
        title: the first line.
        sections: in the order in which they are shown.
        copyable: lines to be copied, shown after the sections.
        notes: warnings, shown after those.
        remarks: plain lines above the summary.
        summary: the last line, and its tone.
    """

    title: str = ""
    sections: tuple[Section, ...] = ()
    copyable: tuple[Copyable, ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    summary: str = ""
    tone: Tone = Tone.PLAIN


_OTHERS = "Other"
"""The section of kinds that this version does not know."""


def purpose_of(kind: str) -> str:
    """Return the purpose of a kind's resources; empty for a kind that this version does not know."""
    return KINDS[kind].purpose if kind in KINDS else ""


def sections_by_kind(rows: Iterable[tuple[Key, Row]]) -> tuple[Section, ...]:
    """Return the rows under the headings of their kinds, each section in the order of `rows`."""
    headings = tuple(dict.fromkeys((*(kind.heading for kind in KINDS.values()), _OTHERS)))

    def rank(keyed: tuple[Key, Row]) -> int:
        kind = KINDS.get(keyed[0].kind)
        return headings.index(_OTHERS if kind is None else kind.heading)

    return tuple(
        Section(headings[position], tuple(row for _, row in keyed))
        for position, keyed in groupby(sorted(rows, key=rank), key=rank)
    )


def short(key: str) -> str:
    """Return the short form of a key: `web-0/prometheus` for `container-instance/web-0/prometheus`."""
    return key.removeprefix("container-instance/")


def count_of(number: int, noun: str) -> str:
    """Return `1 log`, `2 logs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    """Return the text with control characters replaced, which could do anything to a terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
