"""The Monitoring Query Language, as far as alarms and charts of one deployment need it.

    Name[5m]{key = "value", other =~ "web-*|db-*"}.groupBy(key).mean() > 80 && Other[1m].absent()

Pure: text and datapoints in, numbers out.  Nested and arithmetic queries are refused with `QueryError`.

Source: Oracle's "Monitoring Query Language (MQL) Reference".  UNCONFIRMED: that a datapoint bears the start
of its window, that `rate()` and `increment()` compare with the last value before it, and that absence can be
detected for three days at most.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from attrs import frozen

from ocisidecar.emulator.syntax import Cursor

ABSENCE_DETECTION_SECONDS = 2 * 3600.0
"""How long after its last datapoint a stream still counts as absent, when the query names no period."""

DEFAULT_RESOLUTION_SECONDS = 60.0
"""Source: oci.monitoring.models.SummarizeMetricsDataDetails.resolution."""

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
    """One line of an answer: (start of the interval, value) in order."""

    dimensions: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    metadata: Mapping[str, str] | None = None


@frozen
class Matcher:
    """One condition on a dimension; `=~` knows `*` and `|`."""

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
    """`> 80`, `in (60, 80)`; both ends of a range belong to it."""

    operator: str
    operands: tuple[float, ...]

    def __call__(self, value: float) -> bool:
        """Return whether the value satisfies the comparison."""
        if self.operator in _RANGES:
            return (self.operands[0] <= value <= self.operands[1]) is _RANGES[self.operator]
        return bool(_COMPARISONS[self.operator](value, self.operands[0]))


@frozen
class Selection:
    """`metric[interval]{matchers}.grouping.statistic` and, for alarms, what it is compared with.

    `group_by` is None without a grouping: every stream then stands for itself.
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
        """Whether the values are truths, 0 or 1."""
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
        """Whether every part has a threshold or asks for absence, as an alarm must."""
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


_STATISTICS: Mapping[str, Callable[[Sequence[Datapoint]], float]] = {
    "mean": _mean,
    "avg": _mean,
    "sum": lambda points: sum(point.value * point.count for point in points),
    "max": lambda points: max(point.value for point in points),
    "min": lambda points: min(point.value for point in points),
    "count": lambda points: float(sum(point.count for point in points)),
    "first": lambda points: points[0].value,
    "last": lambda points: points[-1].value,
}
_CHANGES = ("rate", "increment")

_TOKEN = re.compile(
    r"""\s*(?: (?P<duration> \d+[mhd] \b )
           | (?P<number> -?\d+(?:\.\d+)?(?:[eE][+-]?\d+)? )
           | (?P<text> "[^"]*" )
           | (?P<word> [A-Za-z_$][\w$-]* (?:\.[\w$-]+)* )
           | (?P<sign> &&|\|\||=~|[<>=!]=|[][{}(),.<>=] ) )""",
    re.VERBOSE,
)


def parse_duration(text: str) -> float:
    """Return the seconds of an interval such as `5m`; QueryError when it is none between 1m and 1d."""
    cursor = Cursor(text, _TOKEN)
    seconds = _Parser(cursor).duration(_LONGEST_INTERVAL_SECONDS)
    if cursor.kind != "end":
        raise cursor.error("expected nothing more")
    return seconds


def parse(text: str) -> Query:
    """Return the query that the text states.

    Raises:
        QueryError: the text is no query; the message says where it stops making sense.
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
        elif function not in _STATISTICS and function not in _CHANGES:
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


def evaluate(
    query: Query,
    streams_of: Callable[[str], Iterable[Stream]],
    *,
    start: float,
    end: float,
    resolution_seconds: float = DEFAULT_RESOLUTION_SECONDS,
) -> tuple[Series, ...]:
    """Return what the query says about [start, end), one series per group that has a value there.

    Args:
        query: what is asked.
        streams_of: the streams of a metric name.
        start: seconds since the epoch.
        end: the first moment at which no window begins any more.
        resolution_seconds: how far apart windows begin; each is as long as the query's interval.
    """
    first = int(start // resolution_seconds)
    starts = [
        number * resolution_seconds
        for number in range(first, first + int((end - start) // resolution_seconds) + 2)
        if number * resolution_seconds < end
    ]
    groups = [
        [_select(selection, streams_of(selection.metric), starts, end) for selection in group]
        for group in query.alternatives
    ]
    return groups[0][0] if len(query.selections) == 1 else _joined(groups)


def _select(
    selection: Selection, streams: Iterable[Stream], starts: Sequence[float], end: float
) -> tuple[Series, ...]:
    members: dict[tuple[tuple[str, str], ...], list[Stream]] = {}
    for stream in streams:
        if all(matcher.accepts(stream.dimensions) for matcher in selection.matchers):
            keys = stream.dimensions if selection.group_by is None else selection.group_by
            shown = {key: stream.dimensions[key] for key in keys if key in stream.dimensions}
            members.setdefault(tuple(sorted(shown.items())), []).append(stream)
    answers = []
    for dimensions, group in members.items():
        merged = sorted((point for stream in group for point in stream.datapoints), key=_time)
        points = tuple(_aggregate(selection, merged, starts, end))
        if points:
            answers.append(Series(dict(dimensions), points, group[0].metadata))
    return tuple(answers)


def _aggregate(
    selection: Selection, merged: Sequence[Datapoint], starts: Sequence[float], end: float
) -> Iterator[tuple[float, float]]:
    for start in starts:
        low = bisect_left(merged, start, key=_time)
        high = bisect_left(merged, start + selection.interval_seconds, key=_time)
        before = merged[low - 1] if low else None
        if selection.statistic == "absent":
            is_over = start + selection.interval_seconds <= end
            value = _absence(selection, start, before, is_empty=low == high) if is_over else None
        elif low == high:
            value = None
        else:
            value = _statistic(selection, merged[low:high], before)
        if value is not None:
            yield start, value if selection.comparison is None else float(selection.comparison(value))


def _time(point: Datapoint) -> float:
    return point.time


def _absence(selection: Selection, start: float, before: Datapoint | None, *, is_empty: bool) -> float | None:
    """Return 1 for a window without data, until the detection period after the last datapoint is over."""
    if not is_empty:
        return 0.0
    period = selection.argument or ABSENCE_DETECTION_SECONDS
    return 1.0 if before is not None and start - before.time <= period else None


def _statistic(selection: Selection, points: Sequence[Datapoint], before: Datapoint | None) -> float | None:
    if selection.statistic in _CHANGES:
        if before is None:
            return None
        change = points[-1].value - before.value
        return change if selection.statistic == "increment" else change / (points[-1].time - before.time)
    if selection.argument is not None:
        return _percentile(points, selection.argument)
    return _STATISTICS[selection.statistic](points)


def _percentile(points: Sequence[Datapoint], fraction: float) -> float:
    values = sorted(point.value for point in points for _ in range(point.count))
    position = fraction * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _joined(groups: Sequence[Sequence[Sequence[Series]]]) -> tuple[Series, ...]:
    """Join truths by dimensions: within a group all must hold, of the groups one."""
    truths: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for group in groups:
        tables = [{_identity(series): dict(series.points) for series in part} for part in group]
        for dimensions in set.intersection(*(set(table) for table in tables)):
            values = [table[dimensions] for table in tables]
            for at in set.intersection(*(set(points) for points in values)):
                truth = float(all(points[at] for points in values))
                known = truths.setdefault(dimensions, {})
                known[at] = max(truth, known.get(at, 0.0))
    return tuple(
        Series(dict(dimensions), tuple(sorted(points.items()))) for dimensions, points in sorted(truths.items())
    )


def _identity(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(series.dimensions.items()))
