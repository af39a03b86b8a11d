"""One log file from its first byte to its last, under any name: a generation (see `log_forwarder`)."""

from __future__ import annotations

import bisect
import os
import re
import stat
import uuid
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from log_forwarder.checkpoint import Fingerprint, GenerationState
from log_forwarder.records import MAX_RECORD_BYTES, Records, split_records

READ_BYTES: Final = 2 * MAX_RECORD_BYTES + 64 * 1024
"""More than the longest record and the longest line after it, which decides where the record ends."""

FINGERPRINT_BYTES: Final = 1024
CLOSE_AFTER_QUIET_SECONDS: Final = 5.0
"""How long a deleted file must not have grown before it is closed."""

_TIME_STEP_MICROS: Final = 1000
_SPREAD_BEFORE_MICROS: Final = 100_000
"""The first records of a file get times from this long before its modification time."""
_SPREAD_AFTER_MICROS: Final = 1_000_000
"""Records get times until this long after the file's modification time, if there are many."""


class Truncated(Exception):
    """The file no longer contains what was read from it: it was truncated, and possibly written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushTimeouts:
    """How long a file must not have grown before its last record counts as complete.

    Args:
        record_seconds: for a record that ends with a newline, which a next line may continue.
        partial_seconds: for a record without its newline.
    """

    record_seconds: float
    partial_seconds: float


@dataclass(eq=False, slots=True)
class Span:
    """Bytes of a generation that were read and are sent together; `end` and `tail` are the progress they make."""

    end: int
    tail: Fingerprint
    is_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Records that were read.

    Args:
        records: their starts are relative to `offset`.
        offset: in the file, in bytes.
        modified_at_micros: modification time of the file, in microseconds since the epoch.
        window: the bytes that the records were read from, after `overlap` bytes that had been read before.
    """

    records: Records
    offset: int
    modified_at_micros: int
    window: bytes
    overlap: int

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.offset + self.records.consumed

    def tail(self, end: int) -> Fingerprint:
        """Return the fingerprint of the bytes before an offset within the block."""
        stop = self.overlap + end - self.offset
        return _fingerprint(self.window[max(0, stop - FINGERPRINT_BYTES) : stop])


class Generation:
    """An open log file with its read position and its acknowledged offset.  Not thread-safe.

    Args:
        path: path of its log below the log directory, without the suffix that a rotation appended.
        descriptor: of the open file; the generation owns it.
        state: its state from an earlier run.
    """

    def __init__(self, path: str, descriptor: int, state: GenerationState | None = None) -> None:
        self.path = path
        self.id = uuid.uuid4().hex if state is None else state.id
        self.acknowledged = self.position = 0 if state is None else state.acknowledged
        self._head = Fingerprint() if state is None else state.head
        self._tail = Fingerprint() if state is None else state.tail
        self._cuts = [] if state is None else list(state.cuts)
        self._in_flight: deque[Span] = deque()
        self._size_and_mtime = (0, 0)
        self.last_growth_at = 0.0
        self._has_partial_record = False
        self._latest_time_micros: int | None = None
        self._attach(descriptor)

    def _attach(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.device, self.inode = status.st_dev, status.st_ino
        length = min(FINGERPRINT_BYTES, self.position)
        self._recent_bytes = os.pread(descriptor, length, self.position - length)

    def switch_to(self, descriptor: int) -> None:
        """Continue in a copy of the file, for which `matches` was true; owns its descriptor."""
        os.close(self._descriptor)
        self._attach(descriptor)

    def duplicate(self) -> int:
        """Return a new descriptor of the same file."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    @property
    def is_deleted(self) -> bool:
        """Whether the file has no name any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    @property
    def last_seen_size(self) -> int:
        """Size of the file in bytes when it was last read."""
        return self._size_and_mtime[0]

    @property
    def is_truncated(self) -> bool:
        """Whether the file no longer contains what was read last."""
        return not matches(self.state_at_position(), self._descriptor)

    @property
    def unread_bytes(self) -> int:
        """How many bytes of the file are not read yet."""
        return max(0, os.fstat(self._descriptor).st_size - self.position)

    @property
    def is_acknowledged(self) -> bool:
        """Whether everything that was read is acknowledged."""
        return not self._in_flight

    def is_finished(self, now: float) -> bool:
        """Return whether everything is acknowledged and the file has not grown for CLOSE_AFTER_QUIET_SECONDS."""
        return (
            self.is_acknowledged and not self.unread_bytes and now - self.last_growth_at > CLOSE_AFTER_QUIET_SECONDS
        )

    def state(self) -> GenerationState:
        """Return the state to save: how far the generation is acknowledged."""
        return GenerationState(
            id=self.id,
            path=self.path,
            device=self.device,
            inode=self.inode,
            acknowledged=self.acknowledged,
            head=self._head,
            tail=self._tail,
            cuts=tuple(self._cuts),
        )

    def state_at_position(self) -> GenerationState:
        """Return the state as of the read position, to recognise copies of the file."""
        length = len(self._recent_bytes)
        return GenerationState(
            id=self.id,
            path=self.path,
            device=self.device,
            inode=self.inode,
            acknowledged=self.position,
            head=self._head,
            tail=Fingerprint(length, zlib.crc32(self._recent_bytes)),
            cuts=(),
        )

    def starts_with(self, descriptor: int) -> bool:
        """Return whether the file starts with the whole content of another, maybe an unfinished copy."""
        offset = 0
        while part := os.pread(descriptor, READ_BYTES, offset):
            if os.pread(self._descriptor, len(part), offset) != part:
                return False
            offset += len(part)
        return True

    def read(self, continuation: re.Pattern[bytes], timeouts: FlushTimeouts, now: float) -> Block | None:
        """Return the next records, or None when there is no complete one yet.

        Args:
            continuation: see `records.continuation_pattern`.
            timeouts: when the last record counts as complete.
            now: seconds of a monotonic clock.

        Raises:
            Truncated: the file was truncated; nothing was consumed.
        """
        status = os.fstat(self._descriptor)
        if status.st_size < self.position:
            raise Truncated
        size_and_mtime = (status.st_size, status.st_mtime_ns)
        if size_and_mtime != self._size_and_mtime:
            self.last_growth_at, self._has_partial_record = now, False
        elif status.st_size == self.position:
            return None
        quiet = now - self.last_growth_at
        if self._has_partial_record and quiet < timeouts.record_seconds:
            return None
        window, overlap = self._window(), len(self._recent_bytes)
        self._size_and_mtime = size_and_mtime
        block = window[overlap:]
        records = self._split(block, continuation, timeouts, quiet)
        self._has_partial_record = not records.consumed
        if not records.consumed:
            return None
        offset = self.position
        if not overlap:
            hole = bytes(min(offset, FINGERPRINT_BYTES))
            self._head = _fingerprint((hole + block[: records.consumed])[:FINGERPRINT_BYTES])
        self.position += records.consumed
        self._recent_bytes = window[: overlap + records.consumed][-FINGERPRINT_BYTES:]
        return Block(records, offset, status.st_mtime_ns // 1000, window, overlap)

    def _window(self) -> bytes:
        """Return the next bytes, after the bytes that were read last.

        A writer that did not open the file for appending continues at its old offset after a truncation, which
        leaves a hole of zeros at the beginning of the file; the hole is skipped.
        """
        overlap = len(self._recent_bytes)
        window = os.pread(self._descriptor, overlap + READ_BYTES, self.position - overlap)
        is_other = self.position == 0 and _fingerprint(window[: self._head.length]) != self._head
        if is_other or window[:overlap] != self._recent_bytes:
            raise Truncated
        while not overlap and window.startswith(b"\0"):
            rest = window.lstrip(b"\0")
            self.position += len(window) - len(rest)
            window = rest or os.pread(self._descriptor, READ_BYTES, self.position)
        return window

    def _split(
        self, block: bytes, continuation: re.Pattern[bytes], timeouts: FlushTimeouts, quiet: float
    ) -> Records:
        """Split where an earlier run did; else at certain ends of records; else where a flush timeout is over."""
        index = bisect.bisect_right(self._cuts, self.position)
        if index < len(self._cuts) and self._cuts[index] - self.position <= len(block):
            return split_records(block[: self._cuts[index] - self.position], continuation, is_final=True)
        records = split_records(block, continuation, is_final=False)
        if records.consumed:
            return records
        end = 0
        if quiet >= timeouts.partial_seconds:
            end = len(block)
        elif quiet >= timeouts.record_seconds:
            end = block.rfind(b"\n") + 1
        if end:
            self._cuts.append(self.position + end)
        return split_records(block[:end], continuation, is_final=True)

    def assign_times(self, block: Block, *, latest: int) -> range:
        """Return a time for each record of the block just read, in microseconds since the epoch.

        The real times are unknown: they are after the previous block and near the file's modification time.  The
        order must survive, so each record is later than all before it: by 1 ms, which is the resolution that OCI
        displays, or by less when there are too many for the time until shortly after the modification time.

        Args:
            block: a block of at least one record.
            latest: the latest time to return, because the modification time may be in the future.
        """
        count = len(block.records.texts)
        at = min(block.modified_at_micros, latest)
        since = at - _SPREAD_BEFORE_MICROS if self._latest_time_micros is None else self._latest_time_micros
        end = min(max(at, since + count * _TIME_STEP_MICROS), at + _SPREAD_AFTER_MICROS, latest)
        step = max(1, min(_TIME_STEP_MICROS, (end - since) // count))
        first = max(since + step, end - (count - 1) * step)
        self._latest_time_micros = first + (count - 1) * step
        return range(first, first + count * step, step)

    def track(self, block: Block, end: int) -> Span:
        """Return a span for the bytes before an offset in the block just read; call it in order of the offsets."""
        span = Span(end, block.tail(end))
        self._in_flight.append(span)
        return span

    def acknowledge(self, span: Span) -> None:
        """Mark a span as acknowledged; the acknowledged offset moves when all spans before it are."""
        span.is_acknowledged = True
        while self._in_flight and self._in_flight[0].is_acknowledged:
            done = self._in_flight.popleft()
            self.acknowledged, self._tail = done.end, done.tail
        while self._cuts and self._cuts[0] <= self.acknowledged:
            self._cuts.pop(0)


def matches(state: GenerationState, descriptor: int) -> bool:
    """Return whether an open file has the content of a generation up to its acknowledged offset."""
    if os.fstat(descriptor).st_size < state.acknowledged:
        return False
    head = os.pread(descriptor, state.head.length, 0)
    tail = os.pread(descriptor, state.tail.length, state.acknowledged - state.tail.length)
    return _fingerprint(head) == state.head and _fingerprint(tail) == state.tail


def open_log(path: Path) -> int | None:
    """Return a descriptor of a regular file; None if it is gone or of another type; OSError if not permitted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _fingerprint(data: bytes) -> Fingerprint:
    return Fingerprint(len(data), zlib.crc32(data))
