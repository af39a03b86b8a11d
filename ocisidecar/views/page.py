"""A page: sections of rows, independent of the medium that shows it.  Pure.

Each value has one function that makes its page, and each medium one that shows pages, so the terminal and the
notebook show the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import groupby

from attrs import frozen

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
    """One line: a sign, its subject, a text, and details below."""

    sign: str
    subject: str
    text: str = ""
    tone: Tone = Tone.PLAIN
    details: tuple[Detail, ...] = ()


@frozen
class Section:
    """Rows under a heading."""

    heading: str
    rows: tuple[Row, ...]


@frozen(kw_only=True)
class Page:
    """Everything that is shown of one value.

    Attributes:
        title: the first line.
        sections: in the order in which they are shown.
        notes: warnings, shown after the sections.
        summary: the last line, and its tone.
    """

    title: str = ""
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    summary: str = ""
    tone: Tone = Tone.PLAIN


@frozen
class KindWords:
    """What a kind is called on a page: the section it stands in, and what it is for."""

    heading: str
    purpose: str


_KINDS: Mapping[str, KindWords] = {
    "vcn": KindWords("Network", "a network of its own in the cloud"),
    "internet-gateway": KindWords("Network", "the way from and to the internet"),
    "nat-gateway": KindWords("Network", "lets instances out to the internet, and nobody in"),
    "service-gateway": KindWords("Network", "the short way to Oracle's own services"),
    "route-table": KindWords("Network", "which gateway packets take"),
    "security-list": KindWords("Network", "the subnet's firewall: nothing in, everything out"),
    "subnet": KindWords("Network", "the address range that instances live in"),
    "network-security-group": KindWords("Network", "the instances' firewall: only declared ports"),
    "dynamic-group": KindWords("Access", "says which containers the policy is for"),
    "policy": KindWords("Access", "what these containers may do"),
    "container-repository": KindWords("Images", "where images are pushed to and pulled from"),
    "log-group": KindWords("Logging", "holds the logs"),
    "log": KindWords("Logging", "keeps log lines and makes them searchable"),
    "topic": KindWords("Alarms", "whom alarms notify"),
    "alarm": KindWords("Alarms", "watches a metric"),
    "container-instance": KindWords("Instances", "runs the app and its sidecars side by side"),
}
_OTHERS = KindWords("Other", "")
_HEADINGS = tuple(dict.fromkeys(words.heading for words in (*_KINDS.values(), _OTHERS)))


def words_for(kind: str) -> KindWords:
    """Return the words for a kind."""
    return _KINDS.get(kind, _OTHERS)


def sections_by_kind(rows: Iterable[tuple[Key, Row]]) -> tuple[Section, ...]:
    """Return the rows under the headings of their kinds, each section in the order of `rows`."""

    def rank(keyed: tuple[Key, Row]) -> int:
        return _HEADINGS.index(words_for(keyed[0].kind).heading)

    return tuple(
        Section(_HEADINGS[position], tuple(row for _, row in keyed))
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
