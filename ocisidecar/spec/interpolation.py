"""Environment variables in the values of a spec file, as in Docker Compose.

`$NAME` and `${NAME}` stand for the variable's value, `${NAME:-default}` for the default where it is unset or
empty, `${NAME-default}` where it is unset; `${NAME:?message}` and `${NAME?message}` are faults with this message
then, and `${NAME:+text}` and `${NAME+text}` are the text otherwise.  Defaults may refer to variables.  `$$` is a
`$`.  A variable that is unset and has no default is an empty text, with a warning.  Keys are taken as they are.

Source: Compose Specification, "Interpolation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from ocisidecar.spec.as_written import UNMADE, Interpolated

_MAX_DEPTH: Final = 16
_REFERENCE: Final = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+]|(?=\})))")
_NO_VARIABLE: Final = "holds a $ that begins no variable: write ${NAME} or ${NAME:-default}, and $$ for a $ itself"
_NOT_CLOSED: Final = "holds a ${ without its }: write ${NAME} or ${NAME:-default}, and $$ for a $ itself"
_NESTED: Final = f"nests more than {_MAX_DEPTH} defaults"


class _Fault(Exception):
    """A value that cannot be interpolated; holds the message, which shows no value."""


@frozen
class Interpolation:
    """A document with the values of its variables.

    Attributes:
        document: the document, with `UNMADE` in place of values that cannot be interpolated.
        faults: paths and messages.
        unset: path and name of each variable that is unset and has no default.
    """

    document: Any
    faults: tuple[tuple[str, str], ...]
    unset: tuple[tuple[str, str], ...]


def interpolate(document: Any, environment: Mapping[str, str]) -> Interpolation:
    """Return a document with variables replaced by their values; top-level keys that begin with `x-` stay."""
    found = _Found(environment)
    return Interpolation(found.value(document, "", is_top=True), tuple(found.faults), tuple(found.unset))


def escaped(document: Any) -> Any:
    """Return a document from which `interpolate` makes this one."""
    if isinstance(document, str):
        return document.replace("$", "$$")
    if isinstance(document, Mapping):
        return {name: escaped(value) for name, value in document.items()}
    return [escaped(value) for value in document] if isinstance(document, list) else document


@frozen
class _Found:
    environment: Mapping[str, str]
    faults: list[tuple[str, str]] = field(factory=list)
    unset: list[tuple[str, str]] = field(factory=list)

    def value(self, value: Any, path: str, *, is_top: bool = False) -> Any:
        if isinstance(value, Mapping):
            return {
                name: item if is_top and str(name).startswith("x-") else self.value(item, _below(path, str(name)))
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, f"{path}{_step(index, item)}") for index, item in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        text = _Text(value, self.environment)
        try:
            made = text.whole()
        except _Fault as fault:
            self.faults.append((path, str(fault)))
            return UNMADE
        self.unset.extend((path, name) for name in dict.fromkeys(text.unset))
        return Interpolated(made)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".") if name.isidentifier() else f'{path}["{name}"]'


def _step(index: int, item: Any) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return f'["{name}"]' if isinstance(name, str) else f"[{index}]"


class _Text:
    """Scanner of one text, from its beginning to its end."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.text = text
        self.environment = environment
        self.position = 0
        self.unset: list[str] = []

    def whole(self) -> str:
        return self.words(0, is_used=True)

    def words(self, depth: int, *, is_used: bool) -> str:
        """Return the text up to the end, or within a reference up to its `}`; what is unused has no faults."""
        parts: list[str] = []
        while self.position < len(self.text):
            if depth and self.text[self.position] == "}":
                return "".join(parts)
            if self.text[self.position] == "$":
                parts.append(self.reference(depth, is_used=is_used))
                continue
            end = re.compile(r"[$}]" if depth else r"\$").search(self.text, self.position)
            stop = end.start() if end else len(self.text)
            parts.append(self.text[self.position : stop])
            self.position = stop
        if depth:
            raise _Fault(_NOT_CLOSED)
        return "".join(parts)

    def reference(self, depth: int, *, is_used: bool) -> str:
        found = _REFERENCE.match(self.text, self.position)
        if not found:
            raise _Fault(_NO_VARIABLE)
        if depth >= _MAX_DEPTH:
            raise _Fault(_NESTED)
        self.position = found.end()
        dollar, short, name, operator = found.groups()
        if dollar:
            return "$"
        name, operator = short or name, operator or ""
        value = self.environment.get(name)
        is_there = value is not None if not operator.startswith(":") else bool(value)
        takes_words = bool(operator) and is_there == operator.endswith("+")
        words = "" if short else self.words(depth + 1, is_used=is_used and takes_words)
        self.position += 0 if short else 1
        if operator.endswith("?") and not is_there and is_used:
            raise _Fault(f"needs the environment variable {name}: {words or 'it is not set'}")
        if operator.endswith("+") or takes_words:
            return words if takes_words else ""
        if value is None and is_used:
            self.unset.append(name)
        return value or ""
