"""Converters of constructor arguments: mappings are copied, sequences become tuples.

A value of the wrong type passes unchanged: constructors never raise, so that validation can report every problem
of a spec at once, each with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast

T = TypeVar("T")
V = TypeVar("V")


def as_tuple(value: Iterable[T], each: Callable[[T], V]) -> tuple[V, ...]:
    """Return a tuple of a sequence with `each` applied; text, mappings and other values unchanged."""
    is_sequence = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return tuple(each(item) for item in value) if is_sequence else cast("tuple[V, ...]", value)


def as_dict(value: Mapping[str, T], each: Callable[[T], V]) -> Mapping[str, V]:
    """Return a copy of a mapping with `each` applied to its values; other values unchanged."""
    is_mapping = isinstance(value, Mapping)
    return {name: each(item) for name, item in value.items()} if is_mapping else cast("Mapping[str, V]", value)


def texts(value: Sequence[str]) -> tuple[str, ...]:
    """Normalise a sequence of strings."""
    return as_tuple(value, same)


def text_map(value: Mapping[str, str]) -> Mapping[str, str]:
    """Normalise a mapping of strings."""
    return as_dict(value, same)


def same(value: T) -> T:
    """Return `value` unchanged, for fields that need no normalising."""
    return value
