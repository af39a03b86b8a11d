"""One series over time: from the values of a sender to what is added in an interval."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from metrics_forwarder.native_histograms import Layout, NativeHistogram
from metrics_forwarder.samples import LE, NAME, Kind, Labels, Value

_REPEATED_MS: Final = 10 * 60 * 1000
"""A sample that is older than what came before by up to this is one that was sent again."""

_RECENT: Final = 16


@dataclass(slots=True)
class Open:
    """What an interval that has not ended has of a series: the value so far, and the time of its last sample."""

    value: Value
    at_ms: int


@dataclass(slots=True)
class State:
    """What is known of a series.

    Args:
        labels: its identity.
        kind: how its values are to be understood.
        last: the last value; None before the first one.
        last_ms: the time of that, milliseconds since the epoch.
        start_ms: since when the counter has counted; 0 if unknown.
        begun_ms: the time of the first value after the counter last began anew; 0 before that.
        is_native: whether its values are native histograms.
        layout: the bounds that are sent of these, if buckets are.
        is_stale: whether the sender has said that the series has ended.
        seen_at: of the monotonic clock, when the last sample came.
        is_changed: since it was stored.
        types_seen: how many changes of types its kind takes into account.
        recent: start and time of the last deltas.
        intervals: number of an interval → what it has so far.
    """

    labels: Labels
    kind: Kind
    last: Value | None = None
    last_ms: int = 0
    start_ms: int = 0
    begun_ms: int = 0
    is_native: bool = False
    layout: Layout | None = None
    is_stale: bool = False
    seen_at: float = 0.0
    is_changed: bool = True
    types_seen: int = -1
    recent: list[tuple[int, int]] = field(default_factory=list)
    intervals: dict[int, Open] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The metric's name."""
        return next(value for name, value in self.labels if name == NAME)

    @property
    def bound(self) -> float | None:
        """The upper bound, if this is a bucket of a histogram."""
        if self.kind is Kind.GAUGE or not self.name.endswith("_bucket"):
            return None
        text = next((value for name, value in self.labels if name == LE), "")
        try:
            return float(text)
        except ValueError:
            return None

    def add(self, at_ms: int, value: Value, start_ms: int, *, interval_ms: int, counts_since_ms: int) -> bool:
        """Take a finite value or a histogram; returns False for one that was taken before or is older than that.

        Args:
            at_ms: its time.
            value: the value.
            start_ms: since when a counter has counted; 0 if the sender does not tell.
            interval_ms: the length of an interval.
            counts_since_ms: the first value of a counter that has counted since then or later counts in full; of
                any other it is unknown how much of it was sent before.
        """
        if self._is_repeated(at_ms, value, start_ms):
            return False
        has_begun_anew = self._has_begun_anew(value, start_ms)
        added = self._added(value, start_ms, counts_since_ms, has_begun_anew=has_begun_anew)
        if self.kind is Kind.DELTA:
            self.recent = [*self.recent[-_RECENT + 1 :], (start_ms, at_ms)]
        if has_begun_anew:
            self.begun_ms = at_ms
        self.last, self.last_ms, self.start_ms = value, at_ms, start_ms
        self.is_stale, self.is_changed = False, True
        if added is not None:
            self._open(at_ms, added, at_ms // interval_ms)
        return True

    def begin_as(self, kind: Kind, *, is_native: bool) -> None:
        """Begin with values of another kind; what there is of open intervals is void."""
        self.kind, self.is_native = kind, is_native
        self.last, self.is_changed = None, True
        self.intervals.clear()

    def _is_repeated(self, at_ms: int, value: Value, start_ms: int) -> bool:
        """Whether a value was taken before.

        A counter tells by its value, also when the clock was put back, unless it began anew since; deltas, which
        several processes of an app may send of one series, by the time that they are about.
        """
        if self.kind is Kind.DELTA:
            return (start_ms, at_ms) in self.recent
        if self.last is None or at_ms > self.last_ms:
            return False
        if self.kind is Kind.COUNTER:
            is_not_above = _amount(value) <= _amount(self.last) and start_ms <= self.start_ms
            return is_not_above or 0 < self.begun_ms - at_ms <= _REPEATED_MS
        return self.last_ms - at_ms <= _REPEATED_MS

    def _has_begun_anew(self, value: Value, start_ms: int) -> bool:
        """Whether a counter no longer counts what it counted before."""
        last: Any = self.last
        if self.kind is not Kind.COUNTER or last is None:
            return False
        if self.start_ms and start_ms > self.start_ms:
            return True
        if isinstance(value, NativeHistogram):
            return value.has_begun_anew(last)
        return bool(value < last)

    def _added(self, value: Value, start_ms: int, counts_since_ms: int, *, has_begun_anew: bool) -> Value | None:
        """Return what a value adds to its interval; None for a counter of which it is unknown."""
        if self.kind is not Kind.COUNTER or has_begun_anew:
            return value
        if self.last is None:
            return value if start_ms and start_ms >= counts_since_ms else None
        last: Any = self.last  # of the same form as the value
        difference: Value = value - last
        return difference

    def _open(self, at_ms: int, added: Value, interval: int) -> None:
        before = self.intervals.get(interval)
        if before is None:
            self.intervals[interval] = Open(added, at_ms)
            return
        so_far: Any = before.value
        before.value = added if self.kind is Kind.GAUGE else so_far + added
        before.at_ms = max(before.at_ms, at_ms)

    def to_row(self, ended: Collection[int]) -> list[Any]:
        """Return what is stored, as JSON values, without the intervals that have ended."""
        intervals = [
            [number, _to_json(one.value), one.at_ms]
            for number, one in self.intervals.items()
            if number not in ended
        ]
        layout = self.layout and [self.layout.schema, self.layout.low, self.layout.high]
        return [
            self.labels,
            self.kind,
            _to_json(self.last),
            self.last_ms,
            self.start_ms,
            self.is_stale,
            self.recent,
            intervals,
            self.begun_ms,
            self.is_native,
            layout,
        ]

    @classmethod
    def from_row(cls, row: list[Any], seen_at: float) -> State:
        """Return what was stored; rows of earlier versions end after the intervals."""
        labels, kind, last, last_ms, start_ms, is_stale, recent, intervals, *rest = row
        begun_ms, is_native, layout = rest or (0, False, None)
        return cls(
            tuple((name, value) for name, value in labels),
            Kind(kind),
            _from_json(last),
            last_ms,
            start_ms,
            begun_ms,
            is_native,
            Layout(*layout) if layout else None,
            is_stale,
            seen_at,
            is_changed=False,
            recent=[(one, other) for one, other in recent],
            intervals={number: Open(_from_json(value), at_ms) for number, value, at_ms in intervals},
        )


def is_number(value: float) -> bool:
    """Return whether OCI takes a value: JSON has neither NaN nor infinity."""
    return math.isfinite(value)


def _amount(value: Value) -> float:
    """Return what grows as long as a counter counts."""
    return value.count if isinstance(value, NativeHistogram) else value


def _to_json(value: Value | None) -> Any:
    return value.to_json() if isinstance(value, NativeHistogram) else value


def _from_json(value: Any) -> Any:
    return NativeHistogram.from_json(value) if isinstance(value, dict) else value
