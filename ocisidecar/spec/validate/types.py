"""Whether values are what the fields' annotations say, at any depth."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from attrs import Attribute, fields, has, resolve_types

from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.fields import Problem

_WORDS: Mapping[Any, str] = {
    str: "text",
    bytes: "bytes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    Sequence: "a list",
    Mapping: "a mapping with text as keys",
}
_ELEMENT_HINT: Mapping[Any, int] = {tuple: 0, Sequence: 0, Mapping: 1}
"""Which type argument is that of the elements."""


def parts_of(value: Any, path: str) -> Iterator[tuple[Attribute[Any], object, str]]:
    """Yield field, value and path for each field of an attrs value; nothing for another."""
    if has(type(value)):
        for attribute in fields(resolve_types(type(value))):
            yield attribute, getattr(value, attribute.name), f"{path}.{attribute.name}".removeprefix(".")


def elements_of(value: object, path: str) -> Iterator[tuple[object, str]]:
    """Yield each element of a tuple or mapping with its path: by name where it has one, else by position."""
    if isinstance(value, Mapping):
        for name, element in value.items():
            yield element, f'{path}["{name}"]'
    elif isinstance(value, tuple):
        for position, element in enumerate(value):
            name = getattr(element, "name", None)
            yield element, f'{path}["{name}"]' if isinstance(name, str) and name else f"{path}[{position}]"


def type_problems(value: Any, path: str = "") -> Iterator[Problem]:
    """Yield a problem for every value below `value`, an attrs value, that is not what its annotation says."""
    for attribute, item, field_path in parts_of(value, path):
        yield from type_problems_of(item, attribute.type, field_path, is_shown=attribute.repr is True)


def type_problems_of(value: object, hint: Any, path: str, *, is_shown: bool) -> Iterator[Problem]:
    """Yield a problem for a value, and every value below it, that is not what `hint` says.

    `is_shown` says whether messages may show the value.
    """
    fitting = next((option for option in _options(hint) if _fits(value, *option)), None)
    if fitting is None:
        yield path, f"must be {_described(hint)}, got {_got(value, hint, is_shown=is_shown)}"
        return
    kind, arguments = fitting
    if kind in _ELEMENT_HINT:
        for element, element_path in elements_of(value, path):
            yield from type_problems_of(element, arguments[_ELEMENT_HINT[kind]], element_path, is_shown=is_shown)
    else:
        yield from type_problems(value, path)


@cache
def _options(hint: Any) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """Return the kinds of value that a hint allows, each with its type arguments."""
    members = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    return tuple((get_origin(member) or member, get_args(member)) for member in members)


def _fits(value: object, kind: Any, arguments: tuple[Any, ...]) -> bool:
    """Return whether the value itself, elements apart, is of this kind."""
    if kind is Literal:
        return value in arguments
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Mapping:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if kind is Sequence:
        return isinstance(value, tuple)
    return isinstance(value, kind)


def _described(hint: Any) -> str:
    return " or ".join(_word(*option) for option in _options(hint) if option[0] is not type(None))


def _word(kind: Any, arguments: tuple[Any, ...]) -> str:
    if kind is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    return _WORDS.get(kind, kind.__name__)


def _got(value: object, hint: Any, *, is_shown: bool) -> str:
    if not is_shown or not isinstance(value, str | int | float | None):
        return f"a value of type {type(value).__name__}"
    known = [word for kind, arguments in _options(hint) if kind is Literal for word in arguments]
    return repr(value) + (did_you_mean(value, known) if isinstance(value, str) else "")
