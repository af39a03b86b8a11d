"""Evaluation of the Monitoring Query Language: values per window and group of streams.

Pure: a query and datapoints in, numbers out.

Source: Oracle's "Monitoring Query Language (MQL) Reference".  UNCONFIRMED: that a datapoint has the time of
its window's start, and that `rate()` and `increment()` compare with the last value before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from ocisidecar.emulator.mql import (
    ABSENCE_DETECTION_SECONDS,
    CHANGES,
    STATISTICS,
    Datapoint,
    Query,
    Selection,
    Series,
    Stream,
)

DEFAULT_RESOLUTION_SECONDS = 60.0
"""Source: oci.monitoring.models.SummarizeMetricsDataDetails.resolution."""


def evaluate(
    query: Query,
    streams_of: Callable[[str], Iterable[Stream]],
    *,
    start: float,
    end: float,
    resolution_seconds: float = DEFAULT_RESOLUTION_SECONDS,
) -> tuple[Series, ...]:
    """Return the values of the query in [start, end), one series per group that has a value there.

    Args:
        query: the parsed query.
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
    if selection.statistic in CHANGES:
        if before is None:
            return None
        change = points[-1].value - before.value
        return change if selection.statistic == "increment" else change / (points[-1].time - before.time)
    if selection.argument is not None:
        return _percentile(points, selection.argument)
    return STATISTICS[selection.statistic](points)


def _percentile(points: Sequence[Datapoint], fraction: float) -> float:
    values = sorted(point.value for point in points for _ in range(point.count))
    position = fraction * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _joined(groups: Sequence[Sequence[Sequence[Series]]]) -> tuple[Series, ...]:
    """Join conditions by dimensions: all of a group must hold (`&&`), in at least one group (`||`)."""
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
