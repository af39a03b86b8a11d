"""OCI's wire form: keys and references, bodies that hold them, and how answers are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen


@frozen(order=True)
class Key:
    """Identity of a resource within its deployment: OCI's singular noun and a name, e.g. `subnet/main`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """Return the key of a text that `str()` returned, or None if `text` is not a key."""
        kind, slash, name = text.partition("/")
        return cls(kind, name) if slash and kind and name else None


@frozen
class Ref:
    """A value known only once `key` exists: its `field`, by default its OCID.

    `deployment` names the shared deployment that `key` belongs to; empty means the deployment of the body.
    """

    key: Key
    field: str = "id"
    deployment: str = ""

    def __str__(self) -> str:
        owner = f"{self.deployment}:" if self.deployment else ""
        return f"<{owner}{self.key}.{self.field}>"


@frozen
class Text:
    """A string with references in it, e.g. a policy statement that names a group by OCID."""

    parts: tuple[str | Ref, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""The body of a request or a response: OCI's wire form, with its camelCase keys."""


Body: TypeAlias = "bool | int | float | str | Ref | Text | Sequence[Body] | Mapping[str, Body] | None"
"""Wire form with references in place of OCIDs that are not known yet."""


def references(body: Body) -> Iterator[Ref]:
    """Yield every reference in `body`, in order, with repetitions."""
    if isinstance(body, Ref):
        yield body
    elif isinstance(body, Text):
        yield from (part for part in body.parts if isinstance(part, Ref))
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from references(value)
    elif isinstance(body, Sequence) and not isinstance(body, str):
        for value in body:
            yield from references(value)


def resolve_fields(fields: Mapping[str, Body], lookup: Callable[[Ref], str]) -> dict[str, Json]:
    """Return `fields` in wire form, as `resolve` does."""
    return {name: resolve(value, lookup) for name, value in fields.items()}


def resolve(body: Body, lookup: Callable[[Ref], str]) -> Json:
    """Return `body` in wire form, with each reference replaced by the result of `lookup`."""
    if isinstance(body, Ref):
        return lookup(body)
    if isinstance(body, Text):
        return "".join(lookup(part) if isinstance(part, Ref) else part for part in body.parts)
    if isinstance(body, Mapping):
        return resolve_fields(body, lookup)
    if isinstance(body, Sequence) and not isinstance(body, str):
        return [resolve(value, lookup) for value in body]
    return body


def text(entry: Mapping[str, Json], name: str) -> str:
    """Return a field of an answer as text; empty when it is null or absent."""
    value = entry.get(name)
    return "" if value is None else str(value)


def number(value: Json) -> float | None:
    """Return a finite number of an answer; None when it is null, absent, or none."""
    try:
        found = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def objects(value: Json) -> list[Mapping[str, Json]]:
    """Return the objects in an answer's list; none when it is null or absent."""
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [entry for entry in entries if isinstance(entry, Mapping)]


def texts_within(value: Json) -> Iterator[str]:
    """Yield every text in an answer or a part of it, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_within(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from texts_within(one)


def tags_of(value: Json) -> dict[str, str]:
    """Return free-form tags from wire form."""
    return {name: str(tag) for name, tag in value.items()} if isinstance(value, Mapping) else {}
