"""Facts about a resource that a plan creates, read from the body of the create request.  Pure.

A fact is a label and a text.  Values of environment variables, contents of files and secrets are not facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ocisidecar.wire import Body

Fact: TypeAlias = tuple[str, str]


def objects_in(body: Mapping[str, Body], name: str) -> list[Mapping[str, Body]]:
    """Return the objects in a list field; none when it is absent."""
    return [entry for entry in _entries(body.get(name)) if isinstance(entry, Mapping)]


def texts_in(body: Mapping[str, Body], name: str) -> list[str]:
    """Return the entries of a list field as text, references by their keys; none when it is absent."""
    return [str(entry) for entry in _entries(body.get(name))]


def _entries(value: Body) -> Sequence[Body]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
