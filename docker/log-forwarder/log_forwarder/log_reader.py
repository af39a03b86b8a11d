"""From many files to calls, and from acknowledgements to progress."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from log_forwarder import payload
from log_forwarder.checkpoint import Checkpoint
from log_forwarder.discovery import Directory
from log_forwarder.generation import Block, Generation, Patience, Span, Truncated
from log_forwarder.json_log import log
from log_forwarder.metrics import Metrics
from log_forwarder.records import joiner
from log_forwarder.settings import Settings

_NO_PATIENCE: Final = Patience(record=0.0, partial=0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """What is acknowledged with a LogEntryBatch of `count` entries."""

    generation: Generation
    span: Span
    count: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A LogEntryBatch, ready to be sent."""

    part: Part
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """The body of one PutLogs, and what it is made of."""

    body: bytes
    parts: tuple[Part, ...]


class Harvest:
    """Reads what is new and packs it; holds no more than two calls' worth.  Not thread-safe.

    Args:
        settings: sizes and times.
        source: the `source` of all entries, part of their ids.
        checkpoint: where progress is kept.
        metrics: counts.
    """

    def __init__(self, settings: Settings, *, source: str, checkpoint: Checkpoint, metrics: Metrics) -> None:
        self._settings = settings
        self._source = source
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._joins = joiner(settings.continuation)
        self._patience = Patience(record=settings.record_quiet_seconds, partial=settings.partial_quiet_seconds)
        self._directory = Directory(settings.directory, checkpoint.load(), metrics)
        self._scan_at = 0.0
        self._turn: deque[Generation] = deque()
        self._pieces: deque[Piece] = deque()
        self._packed = self._packed_bytes = 0
        self._packed_at = 0.0
        self._on_the_way = 0
        self._blocks = 0
        self._is_dirty = self._is_unsaved = False

    def next_call(self, now: float, *, is_closing: bool = False) -> Call | None:
        """Return the next call; None when there is too little to be worth one yet.

        What must not be forgotten once the call is sent has been saved on return.

        Args:
            now: seconds on a clock that never goes back.
            is_closing: nothing more will be written, so nothing is waited for.
        """
        if now >= self._scan_at or is_closing:
            self._directory.scan(now, is_closing=is_closing)
            self._scan_at = now + self._settings.poll_seconds
        self._turn = deque(self._directory.generations)
        self._turn.rotate(-self._blocks)
        while self._turn and not self._is_full():
            self._read_one(now, is_closing=is_closing)
        is_due = is_closing or self._is_full() or now - self._packed_at >= self._settings.linger_seconds
        if not self._pieces or not is_due:
            return None
        call = self._pack()
        self._packed_at = now
        self._save()
        return call

    def settle(self, call: Call) -> None:
        """Note that a call's entries were all accepted or set aside."""
        for part in call.parts:
            part.generation.settle(part.span)
            self._on_the_way -= part.count
            self._metrics.add("acknowledged_entries_total", part.count)
        self._is_dirty = True

    def rest(self) -> None:
        """Save what is new and tell what waits; for moments when there is nothing to send."""
        if self._is_dirty:
            self._save()
        self._observe()

    @property
    def is_waiting(self) -> bool:
        """Whether something was read that is not acknowledged yet."""
        return self._on_the_way > 0

    @property
    def grew_at(self) -> float:
        """When a file last grew, as far as it was looked at."""
        return max((generation.grew_at for generation in self._directory.generations), default=0.0)

    def close(self) -> None:
        """Save, and close all files."""
        self._save()
        self._directory.close()

    def _save(self) -> None:
        """A full disk stops no line: what cannot be saved might only be sent again under other ids."""
        try:
            self._checkpoint.save(self._directory.known())
        except OSError as exc:
            self._metrics.add("save_failures_total")
            if not self._is_unsaved:
                log("cannot save progress", level="ERROR", reason=exc.strerror)
            self._is_dirty = self._is_unsaved = True
        else:
            self._is_dirty = self._is_unsaved = False
        self._observe()

    def _observe(self) -> None:
        self._metrics.set("unacknowledged_entries", self._on_the_way)
        self._metrics.set("unread_bytes", sum(one.unread for one in self._directory.generations))

    def _is_full(self) -> bool:
        return self._packed >= self._settings.batch_entries or self._packed_bytes >= self._settings.batch_bytes

    def _read_one(self, now: float, *, is_closing: bool) -> None:
        """Read a block of the generation whose turn it is; it stays in turn as long as it has more."""
        generation = self._turn[0]
        try:
            block = generation.read(self._joins, _NO_PATIENCE if is_closing else self._patience, now)
        except Truncated:
            self._turn[0] = self._directory.replace(generation)
            return
        self._turn.rotate(-1)
        if block is None:
            self._turn.pop()
            return
        self._blocks += 1
        if not self._pieces:
            self._packed_at = now
        self._metrics.add("read_bytes_total", block.records.consumed)
        self._metrics.add("entries_total", len(block.records.texts))
        for piece in self._render(generation, block):
            self._pieces.append(piece)
            self._packed += piece.part.count
            self._packed_bytes += len(piece.body)
            self._on_the_way += piece.part.count

    def _render(self, generation: Generation, block: Block) -> Iterator[Piece]:
        """Yield a block's records as pieces that fit into a call."""
        texts, starts = block.records.texts, block.records.starts
        if not texts:
            generation.settle(generation.send(block, block.end))
            self._is_dirty = True
            return
        times = generation.times(block, latest=time.time_ns() // 1000)
        bounds = [(0, len(texts))]
        space = payload.id_space(self._source, generation.id)
        while bounds:
            first, last = bounds.pop()
            if last - first > 1 and not self._fits(texts[first:last]):
                middle = (first + last) // 2
                bounds += [(middle, last), (first, middle)]
                continue
            offsets = [block.offset + start for start in starts[first:last]]
            body = payload.batch(
                payload.entries(texts[first:last], offsets, times[first:last], space),
                source=self._source,
                subject=generation.path,
                kind=payload.LINE_TYPE,
                time=times[first],
            )
            end = block.offset + starts[last] if last < len(texts) else block.end
            yield Piece(Part(generation, generation.send(block, end), last - first), body)

    def _fits(self, texts: Sequence[bytes]) -> bool:
        """Tell whether records fit into one call."""
        size = sum(map(len, texts)) + len(texts) * payload.ENTRY_BYTES
        return len(texts) <= self._settings.batch_entries and size <= self._settings.batch_bytes

    def _pack(self) -> Call:
        bodies: list[bytes] = []
        parts: list[Part] = []
        count = size = 0
        while self._pieces:
            piece = self._pieces[0]
            count, size = count + piece.part.count, size + len(piece.body)
            if parts and (count > self._settings.batch_entries or size > self._settings.batch_bytes):
                break
            self._pieces.popleft()
            bodies.append(piece.body)
            parts.append(piece.part)
            self._packed -= piece.part.count
            self._packed_bytes -= len(piece.body)
        return Call(payload.details(bodies), tuple(parts))
