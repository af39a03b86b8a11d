"""The forwarder without its threads: requests in, datapoints out, and what is stored between.  Thread-safe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

from metrics_forwarder import otlp, remote_write
from metrics_forwarder.aggregation import Aggregator, Counts, Point
from metrics_forwarder.names import dimensions, metric_name
from metrics_forwarder.samples import NAME, Batch, DecodeError, Type
from metrics_forwarder.series import State
from metrics_forwarder.store import QueuedPoint, Store

MAX_CONTENT_BYTES: Final = 4_000_000
"""Of a request, uncompressed."""

MAX_JOURNAL_BYTES: Final = 8_000_000
"""When the stored requests have more, what they did is stored instead."""

FORMATS: Final[Mapping[str, Callable[[bytes], Batch]]] = {
    "remote write 1": lambda body: remote_write.decode_1(remote_write.uncompressed(body, MAX_CONTENT_BYTES)),
    "remote write 2": lambda body: remote_write.decode_2(remote_write.uncompressed(body, MAX_CONTENT_BYTES)),
    "otlp": otlp.decode_protobuf,
    "otlp gzip": lambda body: otlp.decode_protobuf(otlp.gunzipped(body, MAX_CONTENT_BYTES)),
    "otlp json": otlp.decode_json,
    "otlp json gzip": lambda body: otlp.decode_json(otlp.gunzipped(body, MAX_CONTENT_BYTES)),
}
"""Format of a request → what decodes its body."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The sources of time.

    Args:
        wall: seconds since the epoch.
        monotonic: seconds of a clock that does not jump.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]


class Forwarder:
    """Takes requests, and keeps the datapoints that are to be sent.

    Args:
        store: what survives a SIGKILL; what it has is taken now.
        aggregator: an empty one.
        clock: the source of time.
        metrics: counts what happens.
        extra: dimensions of every stream.
        max_points: how many datapoints may wait.
    """

    def __init__(
        self,
        store: Store,
        aggregator: Aggregator,
        *,
        clock: Clock,
        metrics: Metrics,
        extra: Mapping[str, str],
        max_points: int,
    ) -> None:
        self._store = store
        self._aggregator = aggregator
        self._clock = clock
        self._metrics = metrics
        self._extra = dict(extra)
        self._max_points = max_points
        self._lock = threading.Lock()
        self._told_budget = False
        self.is_drained = False
        self._restore()

    def accept(self, request_format: str, body: bytes) -> Batch:
        """Store a request and take its samples; when this returns they are not lost any more.

        Raises:
            DecodeError: the body is not what the format says; nothing was taken.
            StoreError: the volume does not take it; nothing was taken.
        """
        batch = FORMATS[request_format](body)
        with self._lock:
            self._store.append_request(request_format, body)
            self._take(batch)
        return batch

    def tick(self, *, is_last: bool = False) -> None:
        """Store the datapoints of the intervals that have ended, or of all; StoreError when that fails."""
        with self._lock:
            now = self._clock.monotonic()
            ended = self._aggregator.ended(self._clock.wall(), now)
            if is_last:
                ended = self._aggregator.open_intervals()
            if ended or self._store.journal_bytes > MAX_JOURNAL_BYTES:
                self._aggregator.forget(now)
                self._checkpoint(ended)
            self._update_gauges()

    def oldest_points(self, max_streams: int, max_points: int) -> list[QueuedPoint]:
        """Return waiting datapoints for one call."""
        with self._lock:
            return self._store.oldest_points(max_streams, max_points)

    def remove_points(self, points: list[QueuedPoint]) -> None:
        """Remove datapoints that need not be sent any more; StoreError when that fails."""
        with self._lock:
            self._store.remove_points(points)
            self._update_gauges()

    @property
    def has_points(self) -> bool:
        """Whether datapoints wait."""
        return self._store.queued_points > 0

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._store.close()

    def _restore(self) -> None:
        now = self._clock.monotonic()
        states = [State.from_row(row, now) for row in self._store.series()]
        types = {family: Type(text) for family, text in self._store.types().items()}
        self._aggregator.restore(states, types, now)
        for request_format, body in self._store.requests():
            try:
                self._take(FORMATS[request_format](body))
            except (DecodeError, KeyError) as exc:
                log("stored request unreadable", level="ERROR", format=request_format, reason=str(exc))
        self._update_gauges()

    def _take(self, batch: Batch) -> None:
        counts = self._aggregator.add(batch, self._clock.monotonic())
        for one in fields(counts):
            self._metrics.add(f"{_COUNTERS[one.name]}_total", getattr(counts, one.name))
        self._metrics.add("unsupported_samples_total", batch.unsupported)
        self._tell_budget(counts)

    def _tell_budget(self, counts: Counts) -> None:
        if counts.over_budget and not self._told_budget:
            self._told_budget = True
            log(
                "budget used up: further series are not sent",
                level="WARNING",
                streams=self._aggregator.rules.max_streams,
                remedy="choose fewer with OCISIDECAR_METRICS, or raise OCISIDECAR_MAX_STREAMS",
            )

    def _checkpoint(self, ended: list[int]) -> None:
        points = self._aggregator.points_of(ended)
        changed = self._aggregator.changed(ended)
        types = [(family, self._aggregator.types[family].value) for family in self._aggregator.new_types]
        dropped = self._store.checkpoint(
            rows=[state.to_row(ended) for state in changed],
            forgotten=self._aggregator.forgotten,
            types=types,
            points=[(self._stream(one), one.at_ms, one.value) for one in points],
            max_points=self._max_points,
        )
        self._aggregator.settle(ended, changed)
        self._metrics.add("points_total", len(points))
        if dropped:
            self._metrics.add("dropped_points_total", dropped)
            log("queue full: the oldest datapoints are lost", level="ERROR", points=dropped)

    def _stream(self, point: Point) -> str:
        name = dict(point.labels)[NAME]
        stream = {"name": metric_name(name), "dimensions": dimensions(point.labels, self._extra)}
        return json.dumps(stream, separators=(",", ":"))

    def _update_gauges(self) -> None:
        self._metrics.set("streams", self._aggregator.stream_count)
        self._metrics.set("series", len(self._aggregator.states))
        self._metrics.set("queued_points", self._store.queued_points)
        self._metrics.set("oldest_queued_point_timestamp_seconds", self._store.oldest_point_ms / 1000)
        self._metrics.set("journal_bytes", self._store.journal_bytes)


_COUNTERS: Final = {
    "taken": "samples",
    "repeated": "repeated_samples",
    "unselected": "unselected_samples",
    "over_budget": "over_budget_samples",
    "not_numbers": "not_a_number_samples",
    "stale_markers": "stale_markers",
}
