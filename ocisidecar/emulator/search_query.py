"""The query language of resource search: `query vcn, subnet resources where displayName = 'web'`.

Source: Oracle, "Search Language Syntax".  UNCONFIRMED: the texts of refusals, and what the operator =~ compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from ocisidecar.emulator.token_parser import TokenParser

Fields = Mapping[str, tuple[str, ...]]
"""What conditions compare: the values of a resource by the name of the field in lower case."""

ALL: Final = "all"

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<mark>&&|\|\||!==|==|=~|!=|>=|<=|[=<>(),])"
    r"|(?P<word>[\w.\-*:/]+))"
)
_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=": lambda actual, wanted: actual.lower() == wanted.lower(),
    "==": lambda actual, wanted: actual == wanted,
    "=~": lambda actual, wanted: wanted.lower() in actual.lower(),
    ">": lambda actual, wanted: actual > wanted,
    "<": lambda actual, wanted: actual < wanted,
    ">=": lambda actual, wanted: actual >= wanted,
    "<=": lambda actual, wanted: actual <= wanted,
}
_NEGATIONS: Final = {"!=": "=", "!==": "=="}

Condition = Callable[[Fields], bool]


@frozen
class Query:
    """A parsed query.

    Args:
        types: names of resource types in lower case; empty for all.
        condition: which resources it finds.
        sort_by: the field that orders the result, in lower case; empty for none.
        is_descending: whether the order is descending.
    """

    types: frozenset[str]
    condition: Condition
    sort_by: str
    is_descending: bool


def parse_query(text: str) -> Query:
    """Return the query; ValueError when the text is not one."""
    parser = _Parser.of(text, _TOKEN)
    parser.take("query")
    types = [parser.take()]
    while parser.skip(","):
        types.append(parser.take())
    parser.take("resources")
    if parser.skip("return"):
        parser.take()
        while parser.skip(","):
            parser.take()
    condition: Condition = parser.disjunction() if parser.skip("where") else lambda _fields: True
    sort_by, is_descending = "", False
    if parser.skip("sorted"):
        parser.take("by")
        sort_by = parser.take().lower()
        is_descending = parser.skip("desc")
        parser.skip("asc")
    parser.finish()
    names = frozenset(name.lower() for name in types)
    return Query(frozenset() if ALL in names else names, condition, sort_by, is_descending)


class _Parser(TokenParser):
    """A parser of the conditions of a query."""

    def disjunction(self) -> Condition:
        parts = [self.conjunction()]
        while self.skip("||") or self.skip("or"):
            parts.append(self.conjunction())
        return lambda fields: any(part(fields) for part in parts)

    def conjunction(self) -> Condition:
        parts = [self.comparison()]
        while self.skip("&&") or self.skip("and"):
            parts.append(self.comparison())
        return lambda fields: all(part(fields) for part in parts)

    def comparison(self) -> Condition:
        if self.skip("("):
            inner = self.disjunction()
            self.take(")")
            return inner
        name, operator, value = self.take().lower(), self.take(), self.take()
        compare = _COMPARISONS.get(_NEGATIONS.get(operator, operator))
        if compare is None:
            raise ValueError(f"unknown operator {operator!r}")
        wanted = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "'\"" else value
        is_negated = operator in _NEGATIONS
        return lambda fields: any(compare(actual, wanted) for actual in fields.get(name, ())) is not is_negated
