"""Short reprs of specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from attrs import Attribute, AttrsInstance, fields

from ocisidecar.spec.secret_texts import masked, masked_arguments

_COMMAND_LINES = frozenset({"command", "arguments"})


class ShortRepr:
    """Prints like the call that makes it: positional values, then what differs from its default; no secrets."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._shown())})"

    def _shown(self) -> Iterator[str]:
        attributes = [one for one in fields(cast("type[AttrsInstance]", type(self))) if one.repr]
        for one in attributes:
            if not one.kw_only:
                yield _text(one, getattr(self, one.name))
        for one in attributes:
            value = getattr(self, one.name)
            if one.kw_only and value != default_of(one):
                yield f"{one.name}={_text(one, value)}"


def names_only(value: object) -> str:
    """Return a repr of a mapping's keys without the values; of anything else, `{}`."""
    names = value if isinstance(value, Mapping) else ()
    return "{" + ", ".join(f"{name!r}: …" for name in names) + "}"


def default_of(attribute: Attribute[Any]) -> object:
    """Return the default of a field; `attrs.NOTHING` for a mandatory one."""
    factory = getattr(attribute.default, "factory", None)
    return attribute.default if factory is None else factory()


def _text(attribute: Attribute[Any], value: object) -> str:
    if callable(attribute.repr):
        return attribute.repr(value)
    if attribute.name in _COMMAND_LINES and isinstance(value, tuple):
        return repr(masked_arguments(value))
    return masked(repr(value))
