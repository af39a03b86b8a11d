"""What is done to inputs at random: to texts and bytes, to documents, and to the cuts of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from attrs import frozen

MOST_CHANGES = 4

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b]0;owned\x07",
    "\ufeff",
    "\u202e\u200b",
    "é€😀",
    "\ud800",
    "a\r\nb\rc\u2028d",
    "%s{}{0.__class__}",
    "../../../../etc/passwd",
    "$",
    "$$",
    "${",
    "${HOME:-${USER:?${X}}}",
    "<<",
    "null",
    "~",
    "yes",
    "22:22",
    "0x7f",
    "1e999",
    "2024-01-01",
    "\u0663",
    "²",
    "a" * 300,
    "٣" * 30,
    "ocid1.subnet.oc1..x",
    "-1",
    "9" * 40,
)
"""Texts that programs stumble over; those with half a surrogate pair are no UTF-8."""

ODD_SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63),
    10**30,
    0.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
)

ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\r",
    b"\r\n",
    b"\n",
    b"\t",
    b"\x1b[31m",
    b"\x7f",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
)


def text(chance: Random) -> str:
    """Return an odd text, or two of them together."""
    first = chance.choice(ODD_TEXTS)
    return first + chance.choice(ODD_TEXTS) if chance.random() < 0.1 else first


def value(chance: Random, depth: int = 0) -> Any:
    """Return a value that JSON can hold, of any type."""
    kind = chance.random()
    if depth < 3 and kind < 0.15:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    if depth < 3 and kind < 0.3:
        return {text(chance): value(chance, depth + 1) for _ in range(chance.randint(0, 3))}
    return text(chance) if kind < 0.65 else chance.choice(ODD_SCALARS)


def nested(chance: Random, depth: int) -> Any:
    """Return lists and mappings within each other."""
    found = value(chance)
    for _ in range(depth):
        found = [found] if chance.random() < 0.5 else {"a": found}
    return found


@frozen
class _Place:
    """A value within a document, and how to replace or remove it."""

    holder: Any
    step: Any

    def replace(self, new: Any) -> None:
        self.holder[self.step] = new

    @property
    def held(self) -> Any:
        return self.holder[self.step]


def _places(document: Any) -> Iterator[_Place]:
    steps = range(len(document)) if isinstance(document, list) else list(document)
    for step in steps:
        yield _Place(document, step)
        if isinstance(document[step], dict | list):
            yield from _places(document[step])


def change_document(chance: Random, document: Any, *, odd: Callable[[Random], Any] = value) -> Any:
    """Return a document of mappings, lists and scalars with one value replaced, removed, added or moved."""
    if not isinstance(document, dict | list) or not document or chance.random() < 0.03:
        return odd(chance)
    places = list(_places(document))
    place = chance.choice(places)
    kind = chance.random()
    if kind < 0.5:
        place.replace(odd(chance))
    elif kind < 0.65:
        del place.holder[place.step]
    elif kind < 0.8:
        place.replace(chance.choice(places).held)
    elif kind < 0.87 and isinstance(place.holder, dict):
        place.holder[text(chance)] = odd(chance)
    elif kind < 0.94:
        place.replace([place.held] if chance.random() < 0.5 else {"a": place.held})
    else:
        place.replace(nested(chance, chance.choice([2, 20, 70])))
    return _without_cycles(document)


def _without_cycles(document: Any, above: tuple[int, ...] = ()) -> Any:
    """Return a copy in which what stands within itself is None."""
    if id(document) in above:
        return None
    inner = (*above, id(document))
    if isinstance(document, dict):
        return {name: _without_cycles(one, inner) for name, one in document.items()}
    return [_without_cycles(one, inner) for one in document] if isinstance(document, list) else document


def change_bytes(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return bytes with some of them flipped, cut, repeated, or replaced by odd ones or a piece of others."""
    for _ in range(chance.randint(1, MOST_CHANGES)):
        data = chance.choice(_CHANGES)(chance, data, others)
    return data


def _span(chance: Random, data: bytes) -> tuple[int, int]:
    first = chance.randint(0, len(data))
    return first, min(len(data), first + chance.choice([0, 1, 2, 5, 20, 200]))


def _flip(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _odd(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    first, last = _span(chance, data)
    return data[:first] + chance.choice(ODD_BYTES) * chance.choice([1, 1, 1, 30]) + data[last:]


def _odd_text(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    first, last = _span(chance, data)
    return data[:first] + text(chance).encode("utf-8", "surrogatepass") + data[last:]


def _cut(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))] if chance.random() < 0.3 else _without(chance, data)


def _without(chance: Random, data: bytes) -> bytes:
    first, last = _span(chance, data)
    return data[:first] + data[last:]


def _repeat(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    first, last = _span(chance, data)
    return data[:last] + data[first:last] * chance.choice([1, 3, 70]) + data[last:]


def _splice(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Insert a line of another input, which often fits by its form and not by its meaning."""
    lines = data.splitlines(keepends=True)
    other = chance.choice(others).splitlines(keepends=True) or [b""]
    at = chance.randint(0, len(lines))
    return b"".join([*lines[:at], chance.choice(other), *lines[at + chance.randint(0, 1) :]])


def _other_form(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Write the text in another encoding, or with other line breaks."""
    form = chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cr lf", "cr"])
    if form == "cr lf":
        return data.replace(b"\n", b"\r\n")
    if form == "cr":
        return data.replace(b"\n", b"\r")
    return data.decode("utf-8", "replace").encode(form)


_CHANGES = (_flip, _flip, _odd, _odd_text, _cut, _repeat, _splice, _splice, _other_form)


def cuts(chance: Random, length: int) -> list[int]:
    """Return ascending offsets at which a stream is cut, some near its beginning; the last is its end."""
    spans = [chance.choice([length, length, min(length, 4)]) for _ in range(chance.randint(0, 6))]
    return [*sorted(chance.randint(0, span) for span in spans), length]


def written_json(document: Any) -> bytes:
    """Return a document as JSON, also where it holds half a surrogate pair, NaN, or what is no text in UTF-8."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
