"""Sequences of items with unique names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """Anything that has a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


N = TypeVar("N", bound=Named)


def with_item(items: Sequence[N], item: N) -> tuple[N, ...]:
    """Return `items` with `item` in the place of the one of its name, or at the end."""
    if all(one.name != item.name for one in items):
        return (*items, item)
    return tuple(item if one.name == item.name else one for one in items)


def without_item(items: Sequence[N], name: str) -> tuple[N, ...]:
    """Return `items` without the one called `name`."""
    return tuple(one for one in items if one.name != name)


def repeated(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that occur more than once, sorted."""
    return tuple(sorted(name for name, times in Counter(names).items() if times > 1))
