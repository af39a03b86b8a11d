"""The Monitoring Query Language: the part that alarms and charts of one deployment need.

    Name[5m]{key = "value", other =~ "web-*|db-*"}.groupBy(key).mean() > 80 && Other[1m].absent()

Here are the values of the language and its parser; `mql_evaluation` computes what a query says about datapoints.
Nested and arithmetic queries are refused with `QueryError`.

Source: Oracle's "Monitoring Query Language (MQL) Reference".  UNCONFIRMED: that absence can be detected for three
days at most.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from attrs import frozen

from ocisidecar.emulator.syntax import Cursor

ABSENCE_DETECTION_SECONDS = 2 * 3600.0
"""How long after its last datapoint a stream still counts as absent, when the query names no period."""

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_INTERVAL_SECONDS = 86400.0
_LONGEST_ABSENCE_SECONDS = 3 * 86400.0


@frozen
class Datapoint:
    """One raw value; `count` is how often it occurred."""

    time: float
    value: float
    count: int = 1


@frozen
class Stream:
    """The datapoints of one combination of metric and dimensions, oldest first."""

    dimensions: Mapping[str, str]
    datapoints: Sequence[Datapoint]
    metadata: Mapping[str, str] | None = None


@frozen
class Series:
    """One series of a result: pairs of the interval's start and the value, in order."""

    dimensions: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    metadata: Mapping[str, str] | None = None


@frozen
class Matcher:
    """A condition on a dimension; `=~` supports `*` and `|`."""

    key: str
    operator: str
    value: str

    def accepts(self, dimensions: Mapping[str, str]) -> bool:
        """Return whether a stream with these dimensions is selected."""
        found = dimensions.get(self.key)
        if found is None:
            return False
        if self.operator == "=~":
            return any(fnmatchcase(found, pattern) for pattern in self.value.split("|"))
        return (found == self.value) is (self.operator == "=")


@frozen
class Comparison:
    """A threshold such as `> 80` or `in (60, 80)`; ranges include both ends."""

    operator: str
    operands: tuple[float, ...]

    def __call__(self, value: float) -> bool:
        """Return whether the value satisfies the comparison."""
        if self.operator in _RANGES:
            return (self.operands[0] <= value <= self.operands[1]) is _RANGES[self.operator]
        return bool(_COMPARISONS[self.operator](value, self.operands[0]))


@frozen
class Selection:
    """`metric[interval]{matchers}.grouping.statistic` and, for alarms, a comparison.

    `group_by` is None without a grouping: every stream then is a separate series.
    """

    metric: str
    interval_seconds: float
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...] | None
    statistic: str
    argument: float | None = None
    comparison: Comparison | None = None

    @property
    def is_condition(self) -> bool:
        """Whether the values are 0 for false and 1 for true."""
        return self.comparison is not None or self.statistic == "absent"


@frozen
class Query:
    """Selections joined by `&&` and `||`; `&&` binds closer.  Most queries are one selection."""

    alternatives: tuple[tuple[Selection, ...], ...]

    @property
    def selections(self) -> tuple[Selection, ...]:
        """Every selection, in the order of the text."""
        return tuple(one for group in self.alternatives for one in group)

    @property
    def is_condition(self) -> bool:
        """Whether every selection has a threshold or detects absence, as an alarm's must."""
        return all(selection.is_condition for selection in self.selections)


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_RANGES = {"in": True, "not in": False}


def _mean(points: Sequence[Datapoint]) -> float:
    return sum(point.value * point.count for point in points) / sum(point.count for point in points)


STATISTICS: Mapping[str, Callable[[Sequence[Datapoint]], float]] = {
    "mean": _mean,
    "avg": _mean,
    "sum": lambda points: sum(point.value * point.count for point in points),
    "max": lambda points: max(point.value for point in points),
    "min": lambda points: min(point.value for point in points),
    "count": lambda points: float(sum(point.count for point in points)),
    "first": lambda points: points[0].value,
    "last": lambda points: points[-1].value,
}
CHANGES = ("rate", "increment")

_TOKEN = re.compile(
    r"""\s*(?: (?P<duration> \d+[mhd] \b )
           | (?P<number> -?\d+(?:\.\d+)?(?:[eE][+-]?\d+)? )
           | (?P<text> "[^"]*" )
           | (?P<word> [A-Za-z_$][\w$-]* (?:\.[\w$-]+)* )
           | (?P<sign> &&|\|\||=~|[<>=!]=|[][{}(),.<>=] ) )""",
    re.VERBOSE,
)


def parse_duration(text: str) -> float:
    """Return the seconds of an interval such as `5m`; QueryError when the text is not an interval from 1m to 1d."""
    cursor = Cursor(text, _TOKEN)
    seconds = _Parser(cursor).duration(_LONGEST_INTERVAL_SECONDS)
    if cursor.kind != "end":
        raise cursor.error("expected nothing more")
    return seconds


def parse(text: str) -> Query:
    """Return the parsed query.

    Raises:
        QueryError: the text is not a query; the message names the position of the first unexpected token.
    """
    return _Parser(Cursor(text, _TOKEN)).query()


@frozen
class _Parser:
    """Recursive descent over the tokens of one text."""

    cursor: Cursor

    def query(self) -> Query:
        alternatives = [[self._selection()]]
        while self.cursor.kind != "end":
            if self.cursor.expect("&&", "||") == "&&":
                alternatives[-1].append(self._selection())
            else:
                alternatives.append([self._selection()])
        return Query(tuple(tuple(group) for group in alternatives))

    def _selection(self) -> Selection:
        cursor = self.cursor
        metric = cursor.take("word")
        cursor.expect("[")
        interval = self.duration(_LONGEST_INTERVAL_SECONDS)
        cursor.expect("]")
        matchers = self._matchers()
        cursor.expect(".")
        function = cursor.take("word")
        group_by: tuple[str, ...] | None = None
        if function in ("grouping", "groupBy"):
            group_by = self._group(function)
            cursor.expect(".")
            function = cursor.take("word")
        return Selection(
            metric=metric,
            interval_seconds=interval,
            matchers=matchers,
            group_by=group_by,
            statistic=function,
            argument=self._argument(function),
            comparison=self._comparison(),
        )

    def _matchers(self) -> tuple[Matcher, ...]:
        cursor = self.cursor
        matchers: list[Matcher] = []
        if cursor.accept("{"):
            while not cursor.accept("}"):
                if matchers:
                    cursor.expect(",")
                key = cursor.take("word")
                sign = cursor.expect("=", "!=", "=~")
                matchers.append(Matcher(key, sign, cursor.take("text")[1:-1]))
        return tuple(matchers)

    def _group(self, function: str) -> tuple[str, ...]:
        cursor = self.cursor
        cursor.expect("(")
        keys: list[str] = []
        while not cursor.accept(")"):
            if keys:
                cursor.expect(",")
            keys.append(cursor.take("word"))
        if bool(keys) is (function == "grouping"):
            raise cursor.error("grouping() takes no dimension, groupBy() at least one")
        return tuple(keys)

    def _argument(self, function: str) -> float | None:
        cursor = self.cursor
        cursor.expect("(")
        argument: float | None = None
        if function == "percentile":
            argument = float(cursor.take("number"))
            if not 0 < argument < 1:
                raise cursor.error("percentile() takes a fraction between 0 and 1")
        elif function == "absent":
            is_bare = cursor.sees(")")
            argument = ABSENCE_DETECTION_SECONDS if is_bare else self.duration(_LONGEST_ABSENCE_SECONDS)
        elif function not in STATISTICS and function not in CHANGES:
            raise cursor.error(f"unknown statistic {function!r}")
        cursor.expect(")")
        return argument

    def _comparison(self) -> Comparison | None:
        cursor = self.cursor
        if not cursor.sees(*_COMPARISONS, "in", "not"):
            return None
        sign = cursor.expect(*_COMPARISONS, "in", "not")
        if sign in _COMPARISONS:
            return Comparison(sign, (float(cursor.take("number")),))
        if sign == "not":
            cursor.expect("in")
        cursor.expect("(")
        low = float(cursor.take("number"))
        cursor.expect(",")
        high = float(cursor.take("number"))
        cursor.expect(")")
        return Comparison("in" if sign == "in" else "not in", (low, high))

    def duration(self, longest: float) -> float:
        text = self.cursor.take("duration")
        seconds = float(text[:-1]) * _UNITS[text[-1]]
        if not 0 < seconds <= longest:
            raise self.cursor.error(f"{text!r} is not within {longest:.0f} s")
        return seconds
