"""The datapoints of a metric as charts, and the metrics that can be asked for, as pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocisidecar.observe.resolution import seconds_of
from ocisidecar.views.page import Page, Row, Section, count_of

if TYPE_CHECKING:
    from ocisidecar.observe.metrics import MetricName, MetricNames, MetricRow, Metrics

_COLUMNS: Final = 48
"""How many heights a curve has."""
_MOST_CHARTS: Final = 25
_PERCENT: Final = 100.0
_KIBI: Final = 1024.0
_OWN: Final = frozenset(
    {"deployment", "container_instance", "resourceDisplayName", "container", "containerDisplayName"}
)
"""Dimensions that the beginning of a label says."""
_OF_RESOURCE: Final = frozenset({"resourceId", "containerOCID", "availabilityDomain", "faultDomain"})
"""Dimensions that say which resource an instance or a container is, for those whose names do not."""


@frozen
class _Axis:
    """The columns of all charts of a metric: when the first begins, and how long each is."""

    begin: datetime
    width: timedelta
    columns: int


def metrics_page(metrics: Metrics) -> Page:
    """Return the charts of a metric, one for each stream, all in one scale."""
    series = metrics.series
    low, high = _scale(metrics)
    axis = _axis(metrics)
    shown = series[:_MOST_CHARTS]
    rows = tuple(
        Row(sign="", subject=label, curve=_curve(one, axis, low, high), text=text)
        for label, one, text in zip(_labels(shown), shown, _texts(shown, metrics.unit), strict=True)
    )
    return Page(
        title="" if rows else _heading(metrics),
        sections=(Section(_heading(metrics), rows),) if rows else (),
        summary=". ".join(_sentences(metrics, len(series), low, high)),
    )


def metric_names_page(names: MetricNames) -> Page:
    """Return the metrics that can be asked for, under the headings of who sends them."""
    senders: dict[str, list[MetricName]] = {}
    for one in names:
        senders.setdefault(f"Sent by {one.sent_by}, {one.namespace}", []).append(one)
    return Page(
        title=f"Metrics of {names.deployment}",
        sections=tuple(Section(heading, tuple(map(_name_row, found))) for heading, found in senders.items()),
        summary=f"{count_of(sum(one.has_data for one in names), 'metric')} of {len(names)} with data.",
    )


def _name_row(name: MetricName) -> Row:
    words = [name.metric] if name.metric != name.name else []
    words += [name.unit] if name.unit else []
    words.append(count_of(name.streams, "stream") if name.has_data else "no data")
    return Row(sign="✓" if name.has_data else "○", subject=name.name, text=", ".join(words))


def _heading(metrics: Metrics) -> str:
    of = f" ({metrics.unit})" if metrics.unit else ""
    how = f", {metrics.statistic}" if metrics.statistic else ""
    every = f" every {metrics.resolution}" if metrics.resolution else ""
    is_one_day = metrics.since.date() == metrics.until.date()
    until = f"{metrics.until:%H:%M}" if is_one_day else f"{metrics.until:%Y-%m-%d %H:%M}"
    return f"{metrics.name}{of}{how}{every}, {metrics.since:%Y-%m-%d %H:%M} to {until} UTC"


def _sentences(metrics: Metrics, count: int, low: float, high: float) -> Iterator[str]:
    if metrics.rows:
        show = _format(metrics.unit)
        yield f"Charts from {show(low)} to {show(high)}"
    if count > _MOST_CHARTS:
        yield f"{count - _MOST_CHARTS} of {count} streams are not shown; .rows has them all"
    if metrics.note:
        yield f"No datapoints: {metrics.note}" if not metrics.rows else metrics.note


def _scale(metrics: Metrics) -> tuple[float, float]:
    """Return the lowest and the highest value of the charts: 0 is in it, and of a share the whole."""
    values = [row.value for row in metrics.rows]
    low = min([0.0, *values])
    high = max([0.0, *values])
    if metrics.unit == "%":
        return low, max(high, _PERCENT)
    return (low, high) if high > low else (low, low + 1)


def _curve(rows: Sequence[MetricRow], axis: _Axis, low: float, high: float) -> tuple[float | None, ...]:
    """Return the highest value of each part of the time, as a height."""
    found: list[float | None] = [None] * axis.columns
    for row in rows:
        column = min(max(int((row.time - axis.begin) / axis.width), 0), axis.columns - 1)
        height = (row.value / 2 - low / 2) / (high / 2 - low / 2)  # halves: no difference of floats is too large
        before = found[column]
        found[column] = height if before is None else max(before, height)
    return tuple(found)


def _axis(metrics: Metrics) -> _Axis:
    """Return one column for each datapoint to be expected, if they fit, so that no gap comes from rounding."""
    times = sorted({row.time for row in metrics.rows})
    gaps = (later - earlier for earlier, later in pairwise(times))
    step = timedelta(seconds=seconds_of(metrics.resolution)) or min(gaps, default=timedelta(0))
    span = metrics.until - metrics.since
    if not step or span > _COLUMNS * step:
        return _Axis(metrics.since, span / _COLUMNS, _COLUMNS)
    lead = (metrics.since - times[0]) % step if times else timedelta(0)
    begin = metrics.since - lead
    return _Axis(begin, step, max(math.ceil((metrics.until - begin) / step), 1))


def _texts(series: Sequence[Sequence[MetricRow]], unit: str) -> Iterator[str]:
    """Yield the last, mean and highest value of each, one below the other."""
    show = _format(unit)
    table = [
        [
            show(rows[-1].value),
            show(sum(row.value for row in rows) / len(rows)),
            show(max(row.value for row in rows)),
        ]
        for rows in series
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        last, mean, most = (one.rjust(width) for one, width in zip(line, widths, strict=True))
        yield f"last {last}  mean {mean}  max {most}"


def _labels(series: Sequence[Sequence[MetricRow]]) -> list[str]:
    """Return for each instance and container, and as many dimensions as tell them all apart."""
    firsts = [rows[0] for rows in series]
    every = {key for row in firsts for key in row.dimensions} - _OWN
    telling = sorted(key for key in every if len({row.dimensions.get(key) for row in firsts}) > 1)
    others = [key for key in telling if key not in _OF_RESOURCE]
    for keys in ([], others, telling):
        labels = [_label(row, keys) for row in firsts]
        if len(set(labels)) == len(labels):
            break
    return labels


def _label(row: MetricRow, keys: Sequence[str]) -> str:
    place = "/".join(one for one in (row.instance, row.container) if one)
    others = [f"{key}={_short(row.dimensions[key])}" for key in keys if key in row.dimensions]
    return " ".join(one for one in (place, *others) if one) or row.name


def _short(value: str) -> str:
    return f"…{value[-6:]}" if value.startswith("ocid1.") else value


def _format(unit: str) -> Callable[[float], str]:
    return _FORMATS.get(unit, lambda value: f"{value:.4g}")


def _bytes(value: float) -> str:
    for name in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < _KIBI:
            return f"{value:.4g} {name}"
        value /= _KIBI
    return f"{value:.4g} TiB"


_FORMATS: Final[Mapping[str, Callable[[float], str]]] = {
    "%": lambda value: f"{value:.1f} %",
    "bytes": _bytes,
    "cores": lambda value: f"{value:.3f}",
}
"""Unit → how values are written."""
