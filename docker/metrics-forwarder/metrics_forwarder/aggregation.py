"""From samples to one datapoint per stream and interval.  No clock is read, nothing is stored and nothing is sent.

An interval ends when its time is over and no sample of it has come for a while.  So what a sender repeats after
an outage is counted in the interval of its own time, and a clock that jumps neither holds an interval open for
ever nor loses what it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from metrics_forwarder.histogram_streams import (
    chosen_names,
    native_streams,
    native_values,
    quantile_labels,
    without_bound,
)
from metrics_forwarder.histograms import quantile
from metrics_forwarder.native_histograms import Layout, NativeHistogram
from metrics_forwarder.samples import NAME, Batch, Kind, Labels, Series, Type, Value, family_of, is_stale, kind_of
from metrics_forwarder.selectors import Selector
from metrics_forwarder.series import State, is_number

FORGET_SECONDS: Final = 3600.0
"""A series without samples for this long is forgotten."""

_MAX_DECISIONS: Final = 20_000
_MAX_TYPES: Final = 20_000
_SERIES_PER_STREAM: Final = 30
"""A histogram has more series than streams; so many of them are known at most per stream of the budget."""

_KEPT: Final = "up"
_KEPT_SHARE: Final = 20
"""Of so many streams one is kept for `up`, which says what is down: it is the last of every scrape."""


@dataclass(frozen=True, slots=True)
class Point:
    """A datapoint: labels of its stream, time in milliseconds since the epoch, value."""

    labels: Labels
    at_ms: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is made of samples.

    Args:
        selector: which series are sent.
        interval_seconds: the length of an interval.
        delay_seconds: how long no sample of an interval must have come before it ends.
        max_streams: the budget.
        quantiles: of histograms; empty sends their buckets instead.
        counts_since_ms: see `State.add`.
    """

    selector: Selector
    interval_seconds: float
    delay_seconds: float
    max_streams: int
    quantiles: tuple[float, ...]
    counts_since_ms: int = 0


@dataclass(slots=True)
class Counts:
    """What became of the samples of a request."""

    taken: int = 0
    repeated: int = 0
    unselected: int = 0
    over_budget: int = 0
    not_numbers: int = 0
    stale_markers: int = 0


@dataclass(slots=True)
class Aggregator:
    """The series and the intervals that have not ended.  Not thread-safe."""

    rules: Rules
    states: dict[Labels, State] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    new_types: set[str] = field(default_factory=set)
    forgotten: set[Labels] = field(default_factory=set)
    _touched: dict[int, float] = field(default_factory=dict)
    _streams: set[Labels] = field(default_factory=set)
    _decisions: dict[int, bool] = field(default_factory=dict)
    _has_ended_series: bool = False
    _type_changes: int = 0

    def restore(self, states: Collection[State], types: Mapping[str, Type], now: float) -> None:
        """Take what was stored."""
        self.types.update(types)
        for state in states:
            self.states[state.labels] = state
            if not state.is_stale:
                self._streams |= self._streams_of(state)
            self._touched.update(dict.fromkeys(state.intervals, now))

    @property
    def stream_count(self) -> int:
        """How much of the budget is used."""
        return len(self._streams)

    def add(self, batch: Batch, now: float) -> Counts:
        """Take the samples of a request; `now` is of a monotonic clock."""
        counts = Counts()
        for family, family_type in batch.types.items():
            if self.types.get(family) is not family_type and len(self.types) < _MAX_TYPES:
                self.types[family] = family_type
                self.new_types.add(family)
                self._type_changes += 1
        for series in batch.series:
            self._add_series(series, now, counts)
        return counts

    def _add_series(self, series: Series, now: float, counts: Counts) -> None:
        state = self.states.get(series.labels)
        if state is None or state.is_stale:
            state = self._admitted(state, series, counts)
            if state is None:
                return
        self._check_kind(state, series)
        state.seen_at = now
        for at_ms, value in series.points:
            if isinstance(value, NativeHistogram):
                self._add_value(state, at_ms, value, series.start_ms, counts)
                self._widen(state, value, counts)
            elif is_number(value):
                self._add_value(state, at_ms, value, series.start_ms, counts)
            elif is_stale(value):
                counts.stale_markers += 1
                state.is_stale = state.is_changed = self._has_ended_series = True
            else:
                counts.not_numbers += 1

    def _add_value(self, state: State, at_ms: int, value: Value, start_ms: int, counts: Counts) -> None:
        interval_ms = round(self.rules.interval_seconds * 1000)
        is_taken = state.add(
            at_ms, value, start_ms, interval_ms=interval_ms, counts_since_ms=self.rules.counts_since_ms
        )
        if is_taken:
            counts.taken += 1
            self._touched[at_ms // interval_ms] = state.seen_at
        else:
            counts.repeated += 1

    def _widen(self, state: State, histogram: NativeHistogram, counts: Counts) -> None:
        """Give a native histogram of which buckets are sent the bounds that it needs, if the budget has them."""
        layout = Layout.covering(histogram, state.layout)
        if self.rules.quantiles or layout == state.layout:
            return
        streams = self._native_streams(state, layout)
        if len(self._streams | streams) > self._room(state):
            counts.over_budget += 1
            return
        self._streams |= streams
        self._has_ended_series = True  # bounds of a finer layout
        state.layout, state.is_changed = layout, True

    def _admitted(self, state: State | None, series: Series, counts: Counts) -> State | None:
        """Return the state of a series that is new or comes back; None when it is not sent."""
        if not self._is_chosen(series):
            counts.unselected += len(series.points)
            return None
        if all(is_stale(value) for _, value in series.points):
            counts.stale_markers += len(series.points)
            return None
        if state is None:
            name = dict(series.labels)[NAME]
            kind = series.kind or kind_of(name, self._type_of(name))
            state = State(series.labels, kind, is_native=series.is_native)
        streams = self._streams_of(state)
        is_too_many = len(self._streams | streams) > self._room(state)
        if is_too_many or len(self.states) >= self.rules.max_streams * _SERIES_PER_STREAM:
            counts.over_budget += len(series.points)
            return None
        self._streams |= streams
        self.states[series.labels] = state
        self.forgotten.discard(series.labels)
        return state

    def _room(self, state: State) -> int:
        """Return how many streams there may be with those of a series."""
        most = self.rules.max_streams
        return most if state.name == _KEPT else most - most // _KEPT_SHARE

    def _is_chosen(self, series: Series) -> bool:
        if series.is_native and series.kind is not None:
            return bool(self._suffixes(series.labels, series.kind))
        return self._is_selected(series.labels)

    def _suffixes(self, labels: Labels, kind: Kind) -> tuple[str, ...]:
        """Return which parts of a native histogram are sent, see `chosen_names`."""
        parts = chosen_names(labels, kind).items()
        return tuple(suffix for suffix, names in parts if any(self._is_selected(one) for one in names))

    def _is_selected(self, labels: Labels) -> bool:
        """Return whether a series is sent; remembered by hash, since labels of what is not sent take memory."""
        key = hash(labels)
        found = self._decisions.get(key)
        if found is None:
            if len(self._decisions) >= _MAX_DECISIONS:
                self._decisions.clear()
            found = self._decisions[key] = self.rules.selector(dict(labels))
        return found

    def _check_kind(self, state: State, series: Series) -> None:
        """Change the kind of a series whose type becomes known late, or that becomes a native histogram."""
        kind = series.kind
        if kind is None and state.types_seen == self._type_changes and series.is_native is state.is_native:
            return
        is_native = series.is_native or (state.is_native and is_stale(series.points[0][1]))
        state.types_seen = self._type_changes
        if kind is None:
            name = state.name
            kind = kind_of(name, self._type_of(name))
        if kind is not state.kind or is_native is not state.is_native:
            state.begin_as(kind, is_native=is_native)
            self._streams |= self._streams_of(state)

    def _type_of(self, name: str) -> Type | None:
        """Return the type of a series' family, by its own name or without a suffix, which no gauge has."""
        found = self.types.get(name)
        if found is None:
            family_type = self.types.get(family_of(name))
            found = None if family_type is Type.GAUGE else family_type
        return found

    def _streams_of(self, state: State) -> set[Labels]:
        """Return the streams of a series; all buckets of a histogram have those of its quantiles."""
        if state.is_native:
            return self._native_streams(state, state.layout)
        if self.rules.quantiles and state.bound is not None:
            return {quantile_labels(state.labels, one) for one in self.rules.quantiles}
        return {state.labels}

    def _native_streams(self, state: State, layout: Layout | None) -> set[Labels]:
        suffixes = self._suffixes(state.labels, state.kind)
        return native_streams(state.labels, suffixes, self.rules.quantiles, layout)

    def ended(self, wall_seconds: float, now: float) -> list[int]:
        """Return the numbers of the intervals that have ended, oldest first.

        Args:
            wall_seconds: since the epoch.
            now: of a monotonic clock.
        """
        length, delay = self.rules.interval_seconds, self.rules.delay_seconds
        newest = max(self._touched, default=0)
        return sorted(
            number
            for number, touched in self._touched.items()
            if now - touched >= delay
            and (number < newest or wall_seconds >= (number + 1) * length or now - touched >= length + delay)
        )

    def open_intervals(self) -> list[int]:
        """Return the numbers of all intervals that have not ended, oldest first."""
        return sorted(self._touched)

    def points_of(self, intervals: Collection[int]) -> list[Point]:
        """Return the datapoints of some intervals, oldest first."""
        return [point for number in sorted(intervals) for point in self._points_of(number)]

    def _points_of(self, number: int) -> Collection[Point]:
        """Return the datapoints of an interval: one per stream, also where a histogram is sent in both forms."""
        classic: dict[Labels, list[State]] = {}
        native: list[State] = []
        points: dict[Labels, Point] = {}
        for state in self.states.values():
            one = state.intervals.get(number)
            if one is None:
                continue
            if isinstance(one.value, NativeHistogram):
                native.append(state)
            elif self.rules.quantiles and state.bound is not None:
                classic.setdefault(without_bound(state.labels), []).append(state)
            else:
                points[state.labels] = Point(state.labels, one.at_ms, one.value)
        for states in classic.values():
            points |= {point.labels: point for point in self._quantile_points(states, number)}
        for state in native:
            points |= {point.labels: point for point in self._native_points(state, number)}
        return points.values()

    def _quantile_points(self, states: list[State], number: int) -> Iterator[Point]:
        values = [(state.bound or 0.0, state.intervals[number].value) for state in states]
        buckets = {bound: value for bound, value in values if not isinstance(value, NativeHistogram)}
        at_ms = max(state.intervals[number].at_ms for state in states)
        for one in self.rules.quantiles:
            value = quantile(one, buckets)
            if value is not None:
                yield Point(quantile_labels(states[0].labels, one), at_ms, value)

    def _native_points(self, state: State, number: int) -> Iterator[Point]:
        one = state.intervals[number]
        if isinstance(one.value, NativeHistogram):
            streams = self._streams_of(state)
            values = native_values(state.labels, state.kind, one.value, self.rules.quantiles, state.layout)
            for labels, value in values:
                if labels in streams:
                    yield Point(labels, one.at_ms, value)

    def changed(self, ended: Collection[int]) -> list[State]:
        """Return the series of which something else is to be stored than before, once the intervals have ended."""
        return [
            state
            for state in self.states.values()
            if state.is_changed or any(number in state.intervals for number in ended)
        ]

    def settle(self, ended: Collection[int], changed: Collection[State]) -> None:
        """Record that all was stored: the intervals' datapoints, and the series."""
        for number in ended:
            self._touched.pop(number, None)
        for state in changed:
            state.is_changed = False
            for number in ended:
                state.intervals.pop(number, None)
        self.forgotten.clear()
        self.new_types.clear()

    def forget(self, now: float) -> None:
        """Forget series without samples for long, and give their part of the budget to others."""
        gone = [
            state for state in self.states.values() if not state.intervals and now - state.seen_at > FORGET_SECONDS
        ]
        for state in gone:
            del self.states[state.labels]
            self.forgotten.add(state.labels)
        if gone or self._has_ended_series:
            self._has_ended_series = False
            live = [state for state in self.states.values() if not state.is_stale]
            self._streams = set().union(*(self._streams_of(state) for state in live))
