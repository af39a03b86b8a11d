"""Validation of types: values must be what the fields' annotations say, at any depth."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from attrs import Attribute, fields, has, resolve_types

from ocisidecar.spec.as_written import Interpolated, Unmade, Word
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.scrape import PrometheusConfig
from ocisidecar.spec.secret import Plain, SecretRef
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.wire import Ref

REPORTED = ""
"""The message of a problem that was reported when the spec was read."""
HALF_A_CHARACTER = "holds half of a surrogate pair, \\ud800 to \\udfff alone, which is not a character"
TOO_LARGE = "is a number beyond 64 bits"
"""Python has such text from file names and variables of the environment that are not UTF-8, and from JSON."""
_HALF = re.compile("[\ud800-\udfff]")
_WORDS: Mapping[Any, str] = {
    str: "text",
    bytes: "bytes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    Sequence: "a list",
    Mapping: "a mapping with text as keys",
    Path: "a Path",
}
_WORDS_IN_FILES: Mapping[Any, str] = {
    bytes: "text",
    Path: "{file: …}",
    Plain: "{plain: …}",
    Ref: "{ref: log/<name>}",
    SecretRef: "{secret: …}",
    PrometheusConfig: "{prometheus: …}",
    AgentResponseFile: "{agent_response_file: {}}",
}
_GIVEN_IN_FILES: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    Word: "a word that some readers of YAML take for true or false",
    Interpolated: "text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)i?(?:b|bytes?)?", re.IGNORECASE)
_GBS: Mapping[str, float] = {"k": 1 / 1024**2, "m": 1 / 1024, "g": 1, "t": 1024}
_MAX_WHOLE = 2**63
_ELEMENT_HINT: Mapping[Any, int] = {tuple: 0, Sequence: 0, Mapping: 1}
"""The index of the type argument for the elements."""


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


def type_problems(value: Any, audience: Audience, path: str = "") -> Iterator[Problem]:
    """Yield a problem for every value below `value`, an attrs value, that is not what its annotation says."""
    for attribute, item, field_path in parts_of(value, path):
        yield from type_problems_of(item, attribute.type, field_path, audience, is_shown=attribute.repr is True)


def type_problems_of(
    value: object, hint: Any, path: str, audience: Audience, *, is_shown: bool
) -> Iterator[Problem]:
    """Yield a problem for a value, and every value below it, that is not what `hint` says.

    `is_shown` says whether messages may show the value.
    """
    if isinstance(value, Unmade):
        yield path, REPORTED
        return
    if _holds_half_a_character(value):
        yield path, HALF_A_CHARACTER
        return
    if isinstance(value, int) and not -_MAX_WHOLE <= value < _MAX_WHOLE:
        yield path, TOO_LARGE
        return
    fitting = next((option for option in _options(hint) if _fits(value, *option)), None)
    if fitting is None:
        given = _given(value, hint, audience, is_shown=is_shown)
        advice = _advice(value, hint, path, is_shown=is_shown)
        yield path, f"must be {_described(hint, audience)}, got {given}{advice}"
        return
    kind, arguments = fitting
    if kind in _ELEMENT_HINT:
        for element, element_path in elements_of(value, path):
            element_hint = arguments[_ELEMENT_HINT[kind]]
            yield from type_problems_of(element, element_hint, element_path, audience, is_shown=is_shown)
    else:
        yield from type_problems(value, audience, path)


def _holds_half_a_character(value: object) -> bool:
    """Return whether a text, or a name in a mapping, is not Unicode and so can be in no request."""
    names = value if isinstance(value, Mapping) else (value,)
    return any(isinstance(name, str) and _HALF.search(name) is not None for name in names)


@cache
def _options(hint: Any) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """Return the types that a hint allows, each with its type arguments."""
    members = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    return tuple((get_origin(member) or member, get_args(member)) for member in members)


def _fits(value: object, kind: Any, arguments: tuple[Any, ...]) -> bool:
    """Return whether the value itself, elements apart, is of this type."""
    if kind is Literal:
        return value in arguments
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Mapping:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if kind is Sequence:
        return isinstance(value, tuple)
    return isinstance(value, kind) and not isinstance(value, Word)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _described(hint: Any, audience: Audience) -> str:
    words = [_word(*option, audience) for option in _options(hint) if option[0] is not type(None)]
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _word(kind: Any, arguments: tuple[Any, ...], audience: Audience) -> str:
    if kind is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if audience is Audience.FILE and (kind in _WORDS_IN_FILES or has(kind)):
        return _WORDS_IN_FILES.get(kind) or _part(kind)
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return _WORDS.get(kind, f"{article} {kind.__name__}")


def _part(cls: Any) -> str:
    """Return how a spec file writes a part: by one of its forms, or by its fields."""
    hints = {one.name: one.type for one in _ordered_fields(cls)}
    forms = get_args(hints.get("kind"))
    return "one of " + ", ".join(forms) if forms else f"a mapping with keys such as {', '.join([*hints][:3])}"


def _given(value: object, hint: Any, audience: Audience, *, is_shown: bool) -> str:
    is_scalar = isinstance(value, str | int | float | None)
    if audience is Audience.FILE and not (is_shown and isinstance(value, str)):
        if is_shown and isinstance(value, int | float):
            return str(value).lower()
        return word_for(value)
    if not is_shown or not is_scalar:
        return f"a value of type {type(value).__name__}"
    known = [word for kind, arguments in _options(hint) if kind is Literal for word in arguments]
    return repr(value) + (did_you_mean(value, known) if isinstance(value, str) else "")


def _starts_with_number(kind: Any) -> bool:
    """Return whether a number alone means this part, as in `ports: [80]`."""
    return has(kind) and _ordered_fields(kind)[0].type is int


def _ordered_fields(cls: Any) -> list[Attribute[Any]]:
    """Return the fields of a class in the order of its arguments."""
    return sorted(fields(resolve_types(cls)), key=lambda one: bool(one.kw_only))


def word_for(value: object) -> str:
    """Return the type of a value in a spec file in words, without the value, which may be a secret."""
    return _GIVEN_IN_FILES.get(type(value), f"a value of type {type(value).__name__}")


def _advice(value: object, hint: Any, path: str, *, is_shown: bool) -> str:
    """Return what to write instead, if that is known."""
    kinds = dict(_options(hint))
    if str in kinds and isinstance(value, int | float | Word):
        return "; put it in quotes"
    if not is_shown or not isinstance(value, str):
        return ""
    quantity = _QUANTITY.fullmatch(value)
    if quantity and (float in kinds or (int in kinds and value.isdecimal())):
        amount = float(quantity[1]) * (_GBS.get(quantity[2].lower(), 1) if path.endswith("_in_gbs") else 1)
        return f"; write {amount:g}" if path.endswith("_in_gbs") or not quantity[2] else ""
    if value.isdecimal() and any(_starts_with_number(kind) for kind in kinds):
        return f"; write {value}"
    if tuple in kinds:
        return f"; write [{value}]" if value.isdecimal() and kinds[tuple][0] is not str else f"; write [{value!r}]"
    return ""
