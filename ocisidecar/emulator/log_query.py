"""The Logging Query Language: the part that finds entries.

    search "<compartment>/<log group>/<log>" | where data.level = 'ERROR' and logContent = '*refused*'
        | sort by datetime desc | limit 10

Pure: text and entries in, entries out.  Projections and aggregations are refused with `QueryError`.

Source: Oracle's "Logging Query Language Specification".
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from attrs import frozen

from ocisidecar.emulator.syntax import Cursor

Entry = Mapping[str, object]
"""One search result: `{"datetime": <milliseconds>, "logContent": {...}}`."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TOKEN = re.compile(
    r"""\s*(?: (?P<number> -?\d+(?:\.\d+)? )
           | (?P<text> '(?:[^']|'')*' )
           | (?P<name> (?:[A-Za-z_]\w*|"(?:[^"]|"")*") (?:\.(?:[A-Za-z_]\w*|"(?:[^"]|"")*"))* )
           | (?P<sign> [<>!]=|<>|[(),|<>=] ) )""",
    re.VERBOSE,
)
_SCOPE = re.compile(r'"([^"/]+)(?:/([^"/]+)(?:/([^"/]+))?)?"')
_PART = re.compile(r'"((?:[^"]|"")*)"|(\w+)')


class Condition(Protocol):
    """A condition of a query: a predicate of entries."""

    def __call__(self, entry: Entry) -> bool:
        """Return whether the entry satisfies the condition."""
        ...


@frozen
class Scope:
    """Where to search: a compartment, and a log group and a log in it unless None, each by OCID or name."""

    compartment_id: str
    log_group: str | None = None
    log: str | None = None


@frozen
class Sort:
    """The order of results: a field, and the direction."""

    path: tuple[str, ...]
    is_descending: bool


@frozen
class LogQuery:
    """A parsed query: scopes, conditions, order, and the maximum number of entries."""

    scopes: tuple[Scope, ...]
    conditions: tuple[Condition, ...] = ()
    sort: Sort | None = None
    limit: int | None = None

    def select(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Return the matching ones of the entries, which already lie within the scopes."""
        found = [entry for entry in entries if all(holds(entry) for holds in self.conditions)]
        if self.sort is not None:
            path = self.sort.path
            found.sort(key=lambda entry: _rank(_value(entry, path)), reverse=self.sort.is_descending)
        return tuple(found[: self.limit])

    def operands(self, *path: str) -> Iterator[str | float | bool]:
        """Yield what the conditions compare a field with for equality, wherever in the query they stand."""
        for equality in _equalities(self.conditions):
            if equality.path == path:
                yield equality.operand


@frozen
class _Equality:
    path: tuple[str, ...]
    operand: str | float | bool

    def __call__(self, entry: Entry) -> bool:
        value = _value(entry, self.path)
        if not isinstance(self.operand, str):
            return value is self.operand or (type(self.operand) is float and _number(value) == self.operand)
        if isinstance(value, (dict, list)):
            value = json.dumps(value, ensure_ascii=False)
        return value is not None and fnmatchcase(str(value), _pattern(self.operand))


@frozen
class _Order:
    path: tuple[str, ...]
    sign: str
    operand: float

    def __call__(self, entry: Entry) -> bool:
        number = _number(_value(entry, self.path))
        return number is not None and _COMPARISONS[self.sign](number, self.operand)


@frozen
class _All:
    conditions: tuple[Condition, ...]

    def __call__(self, entry: Entry) -> bool:
        return all(holds(entry) for holds in self.conditions)


@frozen
class _Any:
    conditions: tuple[Condition, ...]

    def __call__(self, entry: Entry) -> bool:
        return any(holds(entry) for holds in self.conditions)


@frozen
class _Not:
    condition: Condition

    def __call__(self, entry: Entry) -> bool:
        return not self.condition(entry)


def _equalities(conditions: Iterable[Condition]) -> Iterator[_Equality]:
    for condition in conditions:
        if isinstance(condition, _Equality):
            yield condition
        elif isinstance(condition, _All | _Any):
            yield from _equalities(condition.conditions)
        elif isinstance(condition, _Not):
            yield from _equalities((condition.condition,))


def parse(text: str) -> LogQuery:
    """Return the parsed query.

    Raises:
        QueryError: the text is not a query; the message names the position of the first unexpected token.
    """
    return _Parser(Cursor(text, _TOKEN)).query()


@frozen
class _Parser:
    """Recursive descent over the tokens of one text."""

    cursor: Cursor

    def query(self) -> LogQuery:
        cursor = self.cursor
        cursor.expect("search")
        scopes = [self._scope()]
        while cursor.accept(",") or cursor.kind == "name":
            scopes.append(self._scope())
        conditions: list[Condition] = []
        sort: Sort | None = None
        limit: int | None = None
        while cursor.kind != "end":
            cursor.expect("|")
            stage = cursor.expect("where", "sort", "limit").lower()
            if stage == "where":
                conditions.append(self._alternatives())
            elif stage == "sort":
                sort = self._sort()
            else:
                limit = int(float(cursor.take("number")))
        return LogQuery(tuple(scopes), tuple(conditions), sort, limit)

    def _scope(self) -> Scope:
        match = _SCOPE.fullmatch(self.cursor.take("name"))
        if match is None:
            raise self.cursor.error('expected "<compartment>/<log group>/<log>" just before')
        return Scope(*match.groups())

    def _sort(self) -> Sort:
        self.cursor.expect("by")
        path = _path(self.cursor.take("name"))
        direction = self.cursor.expect("asc", "desc").lower() if self.cursor.kind == "name" else "asc"
        return Sort(path, is_descending=direction == "desc")

    def _alternatives(self) -> Condition:
        conditions = [self._conjunction()]
        while self.cursor.accept("or"):
            conditions.append(self._conjunction())
        return _Any(tuple(conditions)) if len(conditions) > 1 else conditions[0]

    def _conjunction(self) -> Condition:
        conditions = [self._negation()]
        while self.cursor.accept("and"):
            conditions.append(self._negation())
        return _All(tuple(conditions)) if len(conditions) > 1 else conditions[0]

    def _negation(self) -> Condition:
        if self.cursor.accept("not"):
            return _Not(self._negation())
        if self.cursor.accept("("):
            inner = self._alternatives()
            self.cursor.expect(")")
            return inner
        path = _path(self.cursor.take("name"))
        sign = self.cursor.expect("=", "!=", "<>", *_COMPARISONS)
        if sign in _COMPARISONS:
            return _Order(path, sign, float(self.cursor.take("number")))
        equal = _Equality(path, self._literal())
        return equal if sign == "=" else _Not(equal)

    def _literal(self) -> str | float | bool:
        if self.cursor.kind == "text":
            return self.cursor.take("text")[1:-1].replace("''", "'")
        if self.cursor.kind == "number":
            return float(self.cursor.take("number"))
        return self.cursor.expect("true", "false").lower() == "true"


def _path(name: str) -> tuple[str, ...]:
    """Split `data."first name"`; entries hold everything but their time below `logContent`."""
    parts = tuple(quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(name))
    return parts if parts[0] in ("datetime", "logContent") else ("logContent", *parts)


def _value(entry: Entry, path: Sequence[str]) -> object:
    value: object = entry
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _rank(value: object) -> tuple[bool, float, str]:
    """Return a sort key: numbers come before texts, so that a field of mixed types has an order."""
    number = _number(value)
    return (True, 0.0, str(value)) if number is None else (False, number, "")


def _pattern(text: str) -> str:
    """Return a pattern for fnmatch in which `*` is the only wildcard."""
    return re.sub(r"[\[?]", lambda match: f"[{match[0]}]", text)
