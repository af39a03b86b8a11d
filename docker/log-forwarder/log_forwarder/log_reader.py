"""Reads many files into PutLogs calls, and turns acknowledgements into progress."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

from log_forwarder import payload
from log_forwarder.checkpoint import Checkpoint
from log_forwarder.discovery import FileDiscovery
from log_forwarder.flush_timeouts import FlushTimeouts
from log_forwarder.generation import Block, Generation, Span, Truncated
from log_forwarder.multiline import rule_of
from log_forwarder.settings import Settings

_FLUSH_NOW: Final = FlushTimeouts(record_seconds=0.0, partial_seconds=0.0)


@dataclass(frozen=True, slots=True)
class EntryRange:
    """Consecutive entries of one generation, which are acknowledged together."""

    generation: Generation
    span: Span
    count: int


@dataclass(frozen=True, slots=True)
class Batch:
    """An encoded LogEntryBatch and the entries that it contains."""

    entry_range: EntryRange
    body: bytes


@dataclass(frozen=True, slots=True)
class PutLogsCall:
    """The body of one PutLogs call and the entries that it contains."""

    body: bytes
    entry_ranges: tuple[EntryRange, ...]


class LogReader:
    """Reads new records and batches them into calls; buffers at most two calls.  Not thread-safe.

    Args:
        settings: sizes and times.
        source: the `source` of all entries, part of their ids.
        checkpoint: stores the progress.
        metrics: counts what is read and acknowledged.
    """

    def __init__(self, settings: Settings, *, source: str, checkpoint: Checkpoint, metrics: Metrics) -> None:
        self._settings = settings
        self._source = source
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._rule = rule_of(settings.multiline)
        self._timeouts = FlushTimeouts(
            record_seconds=settings.record_quiet_seconds, partial_seconds=settings.partial_quiet_seconds
        )
        self._discovery = FileDiscovery(settings.directory, checkpoint.load(), metrics, settings.log_files)
        self._next_scan_at = 0.0
        self._round_robin: deque[Generation] = deque()
        self._batches: deque[Batch] = deque()
        self._buffered_entries = self._buffered_bytes = 0
        self._buffered_since = 0.0
        self._entries_in_flight = 0
        self._blocks_read = 0
        self._has_unsaved_progress = self._has_save_failed = False
        self._last_growth_at = 0.0

    def next_call(self, now: float, *, flush: bool = False) -> PutLogsCall | None:
        """Return the next call, or None when there are too few records for one yet.

        On return the state is saved without which the entries of the call would get other ids.

        Args:
            now: seconds of a monotonic clock.
            flush: return what there is, because nothing more will be written.
        """
        if now >= self._next_scan_at or flush:
            self._discovery.scan(now, flush=flush)
            self._next_scan_at = now + self._settings.poll_seconds
        self._round_robin = deque(self._discovery.polled)
        self._round_robin.rotate(-self._blocks_read)
        while self._round_robin and not self._is_full():
            self._read_block(now, flush=flush)
        is_due = flush or self._is_full() or now - self._buffered_since >= self._settings.linger_seconds
        if not self._batches or not is_due:
            return None
        call = self._build_call()
        self._buffered_since = now
        self.save()
        return call

    def acknowledge(self, call: PutLogsCall) -> None:
        """Record that every entry of a call was accepted or written to the dead-letter file."""
        for entry_range in call.entry_ranges:
            entry_range.generation.acknowledge(entry_range.span)
            self._entries_in_flight -= entry_range.count
            self._metrics.add("acknowledged_entries_total", entry_range.count)
        self._has_unsaved_progress = True

    def on_idle(self) -> None:
        """Save new progress and update the gauges; for moments when nothing can be sent."""
        with contextlib.suppress(OSError):  # the next read reports it
            self._discovery.look()
        if self._has_unsaved_progress:
            self.save()
        self._update_gauges()

    @property
    def has_unacknowledged_entries(self) -> bool:
        """Whether entries were read that are not acknowledged yet."""
        return self._entries_in_flight > 0

    @property
    def last_growth_at(self) -> float:
        """When a read last found that a file had changed, in seconds of the clock of `next_call`."""
        return self._last_growth_at

    def close(self) -> None:
        """Close all files without saving; the next run reads again what was not saved."""
        self._discovery.close()

    def save(self) -> None:
        """Save the progress; a failure, such as a full disk, is logged and counted and stops nothing."""
        try:
            self._checkpoint.save(self._discovery.states())
        except OSError as exc:
            self._metrics.add("save_failures_total")
            if not self._has_save_failed:
                log("cannot save progress", level="ERROR", reason=exc.strerror)
            self._has_unsaved_progress = self._has_save_failed = True
        else:
            self._has_unsaved_progress = self._has_save_failed = False
        self._update_gauges()

    def _update_gauges(self) -> None:
        self._metrics.set("unacknowledged_entries", self._entries_in_flight)
        self._metrics.set("unread_bytes", sum(one.lost_bytes for one in self._discovery.polled))

    def _is_full(self) -> bool:
        return (
            self._buffered_entries >= self._settings.batch_entries
            or self._buffered_bytes >= self._settings.batch_bytes
        )

    def _read_block(self, now: float, *, flush: bool) -> None:
        """Read a block of the next generation in turn, and drop it from the round when it has no more."""
        generation = self._round_robin[0]
        block = None
        try:
            descriptor = self._discovery.descriptor(generation, now)
            if descriptor is not None:
                timeouts = _FLUSH_NOW if flush else self._timeouts
                block = generation.read(descriptor, self._rule, timeouts, now)
                self._discovery.report_readable(generation)
        except Truncated:
            self._round_robin[0] = self._discovery.restart(generation)
            return
        except OSError as exc:
            self._discovery.report_unreadable(generation, exc, now)
        self._last_growth_at = max(self._last_growth_at, generation.last_growth_at)
        self._round_robin.rotate(-1)
        if block is None:
            self._round_robin.pop()
            self._discovery.rest(generation, now)
            return
        self._blocks_read += 1
        if not self._batches:
            self._buffered_since = now
        self._metrics.add("read_bytes_total", block.records.consumed)
        self._metrics.add("entries_total", len(block.records.texts))
        for batch in self._encode(generation, block):
            self._batches.append(batch)
            self._buffered_entries += batch.entry_range.count
            self._buffered_bytes += len(batch.body)
            self._entries_in_flight += batch.entry_range.count

    def _encode(self, generation: Generation, block: Block) -> Iterator[Batch]:
        """Yield the records of a block as batches, each of which fits into one call."""
        texts, starts = block.records.texts, block.records.starts
        if not texts:
            generation.acknowledge(generation.track(block, block.end))
            self._has_unsaved_progress = True
            return
        times = generation.times.assign(
            len(texts), modified_at_micros=block.modified_at_micros, latest_micros=time.time_ns() // 1000
        )
        bounds = [(0, len(texts))]
        namespace = payload.id_namespace(self._source, generation.id)
        while bounds:
            first, last = bounds.pop()
            if last - first > 1 and not self._fits_in_one_call(texts[first:last]):
                middle = (first + last) // 2
                bounds += [(middle, last), (first, middle)]
                continue
            offsets = [block.offset + start for start in starts[first:last]]
            body = payload.encode_batch(
                payload.encode_entries(texts[first:last], offsets, times[first:last], namespace),
                source=self._source,
                subject=generation.path,
                entry_type=payload.LINE_TYPE,
                time=times[first],
            )
            end = block.offset + starts[last] if last < len(texts) else block.end
            yield Batch(EntryRange(generation, generation.track(block, end), last - first), body)

    def _fits_in_one_call(self, texts: Sequence[bytes]) -> bool:
        """Return whether records fit into one call."""
        size = sum(map(len, texts)) + len(texts) * payload.ENTRY_BYTES
        return len(texts) <= self._settings.batch_entries and size <= self._settings.batch_bytes

    def _build_call(self) -> PutLogsCall:
        bodies: list[bytes] = []
        entry_ranges: list[EntryRange] = []
        count = size = 0
        while self._batches:
            batch = self._batches[0]
            count, size = count + batch.entry_range.count, size + len(batch.body)
            if entry_ranges and (count > self._settings.batch_entries or size > self._settings.batch_bytes):
                break
            self._batches.popleft()
            bodies.append(batch.body)
            entry_ranges.append(batch.entry_range)
            self._buffered_entries -= batch.entry_range.count
            self._buffered_bytes -= len(batch.body)
        return PutLogsCall(payload.encode_call(bodies), tuple(entry_ranges))
