"""One file from its first byte to its last, whatever it is called in between."""

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
"""More than the longest record and the longest line after it, without which the record's end is not certain."""

FINGERPRINT_BYTES: Final = 1024
CLOSE_AFTER_QUIET_SECONDS: Final = 5.0
"""A file that was deleted is closed when its writer has let go of it for so long."""

_TIME_STEP_MICROS: Final = 1000
_SPREAD_BEFORE_MICROS: Final = 100_000
"""Over how much time before it was written the first records of a file are spread, when it is not known better."""
_SPREAD_AFTER_MICROS: Final = 1_000_000
"""Over how much time after it was written."""


class Truncated(Exception):
    """The file does not hold what was read from it any more: it was emptied, and maybe written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushTimeouts:
    """How long nothing may have been written before a record counts as complete, in seconds.

    Args:
        record_seconds: when it ends with a newline, and a line that continues it might follow.
        partial_seconds: when it does not.
    """

    record_seconds: float
    partial_seconds: float


@dataclass(eq=False, slots=True)
class Span:
    """Bytes of a generation on their way: read, and settled as soon as they are acknowledged."""

    end: int
    tail: Fingerprint
    is_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Records that were read.

    Args:
        records: their starts count from `offset`.
        offset: in the file.
        at: when the file was written last, in microseconds since the epoch.
        window: the bytes that they came from, and before them `overlap` bytes that had been read already.
    """

    records: Records
    offset: int
    modified_at: int
    window: bytes
    overlap: int

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.offset + self.records.consumed

    def tail(self, end: int) -> Fingerprint:
        """Return the mark of the bytes before an offset within the block."""
        stop = self.overlap + end - self.offset
        return _fingerprint(self.window[max(0, stop - FINGERPRINT_BYTES) : stop])


class Generation:
    """An open file, what was read of it and what was acknowledged.  Not thread-safe.

    Args:
        path: of its log below the log directory, without what a rotation appended.
        descriptor: of the open file; belongs to the generation from now on.
        state: what is known of it from an earlier run.
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
        self._latest_time: int | None = None
        self._attach(descriptor)

    def _attach(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.device, self.inode = status.st_dev, status.st_ino
        length = min(FINGERPRINT_BYTES, self.position)
        self._recent_bytes = os.pread(descriptor, length, self.position - length)

    def switch_to(self, descriptor: int) -> None:
        """Go on in a copy, which `matches` has approved of."""
        os.close(self._descriptor)
        self._attach(descriptor)

    def duplicate(self) -> int:
        """Return another descriptor of the same file."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    @property
    def is_deleted(self) -> bool:
        """Whether only the descriptor keeps the file."""
        return os.fstat(self._descriptor).st_nlink == 0

    @property
    def last_seen_size(self) -> int:
        """How large the file was when it was last read."""
        return self._size_and_mtime[0]

    @property
    def is_truncated(self) -> bool:
        """Whether the file does not hold any more what was read last."""
        return not matches(self.state_at_position(), self._descriptor)

    @property
    def unread_bytes(self) -> int:
        """How many bytes there are to be read."""
        return max(0, os.fstat(self._descriptor).st_size - self.position)

    @property
    def is_acknowledged(self) -> bool:
        """Whether everything read was acknowledged."""
        return not self._in_flight

    def is_finished(self, now: float) -> bool:
        """Whether everything was acknowledged, and nothing has been written for a while."""
        return (
            self.is_acknowledged and not self.unread_bytes and now - self.last_growth_at > CLOSE_AFTER_QUIET_SECONDS
        )

    def state(self) -> GenerationState:
        """Return what must be kept; made only of what was read or acknowledged."""
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
        """Return the same with the marks of what was read, for telling copies."""
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
        """Tell whether the file begins with all that another one holds: that one is a copy, maybe not done yet."""
        offset = 0
        while part := os.pread(descriptor, READ_BYTES, offset):
            if os.pread(self._descriptor, len(part), offset) != part:
                return False
            offset += len(part)
        return True

    def read(self, continuation: re.Pattern[bytes], timeouts: FlushTimeouts, now: float) -> Block | None:
        """Return the next records, or None when there are none to be had yet.

        Args:
            continuation: see `records.continuation_pattern`.
            timeouts: when a record counts as complete.
            now: seconds on a clock that never goes back.

        Raises:
            Truncated: see there; nothing was consumed.
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
        """Return what comes next, after what was read last.

        A writer that does not append goes on at its old offset after a truncation, and leaves a hole of zeros at
        the file's beginning; it is passed over.
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
        """Cut where an earlier run has cut; else at ends that are certain; else where a timeout ends."""
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
        """Return when the records of the block just read were written, in microseconds since the epoch.

        That is after the block before and about when the file was written last; nothing tells more.  What must not
        be lost is their order, so each is later than all before it: by 1 ms, which is how exactly OCI shows times,
        unless there are too many for the time until shortly after the file was written.

        Args:
            block: with one record at least.
            latest: no record is from after that; a file's own time may be wrong.
        """
        count = len(block.records.texts)
        at = min(block.modified_at, latest)
        since = at - _SPREAD_BEFORE_MICROS if self._latest_time is None else self._latest_time
        end = min(max(at, since + count * _TIME_STEP_MICROS), at + _SPREAD_AFTER_MICROS, latest)
        step = max(1, min(_TIME_STEP_MICROS, (end - since) // count))
        first = max(since + step, end - (count - 1) * step)
        self._latest_time = first + (count - 1) * step
        return range(first, first + count * step, step)

    def track(self, block: Block, end: int) -> Span:
        """Note that what lies before an offset in the block just read is on its way; to be called in order."""
        span = Span(end, block.tail(end))
        self._in_flight.append(span)
        return span

    def acknowledge(self, span: Span) -> None:
        """Note that a span was acknowledged; progress is made when all before it were."""
        span.is_acknowledged = True
        while self._in_flight and self._in_flight[0].is_acknowledged:
            done = self._in_flight.popleft()
            self.acknowledged, self._tail = done.end, done.tail
        while self._cuts and self._cuts[0] <= self.acknowledged:
            self._cuts.pop(0)


def matches(state: GenerationState, descriptor: int) -> bool:
    """Tell whether an open file begins with what a generation was up to its offset."""
    if os.fstat(descriptor).st_size < state.acknowledged:
        return False
    head = os.pread(descriptor, state.head.length, 0)
    tail = os.pread(descriptor, state.tail.length, state.acknowledged - state.tail.length)
    return _fingerprint(head) == state.head and _fingerprint(tail) == state.tail


def open_log(path: Path) -> int | None:
    """Return a descriptor of a regular file, None when it is gone or something else; OSError when refused."""
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
