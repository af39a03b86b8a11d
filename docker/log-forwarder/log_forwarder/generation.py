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

from log_forwarder.checkpoint import Mark, Saved
from log_forwarder.records import MAX_RECORD_BYTES, Records, cut

READ_BYTES: Final = 2 * MAX_RECORD_BYTES + 64 * 1024
"""More than the longest record and the longest line after it, without which the record's end is not certain."""

MARK_BYTES: Final = 1024
QUIET_SECONDS: Final = 5.0
"""A file that was deleted is closed when its writer has let go of it for so long."""

_APART_MICROS: Final = 1000
_SPREAD_BEFORE_MICROS: Final = 100_000
"""Over how much time before it was written the first records of a file are spread, when it is not known better."""
_SPREAD_AFTER_MICROS: Final = 1_000_000
"""Over how much time after it was written."""


class Truncated(Exception):
    """The file does not hold what was read from it any more: it was emptied, and maybe written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long nothing may have been written before a record counts as complete, in seconds.

    Args:
        record: when it ends with a newline, and a line that continues it might follow.
        partial: when it does not.
    """

    record: float
    partial: float


@dataclass(eq=False, slots=True)
class Span:
    """Bytes of a generation on their way: read, and settled as soon as they are acknowledged."""

    end: int
    tail: Mark
    is_settled: bool = False


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
    at: int
    window: bytes
    overlap: int

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.offset + self.records.consumed

    def tail(self, end: int) -> Mark:
        """Return the mark of the bytes before an offset within the block."""
        stop = self.overlap + end - self.offset
        return _mark(self.window[max(0, stop - MARK_BYTES) : stop])


class Generation:
    """An open file, what was read of it and what was acknowledged.  Not thread-safe.

    Args:
        path: of its log below the log directory, without what a rotation appended.
        descriptor: of the open file; belongs to the generation from now on.
        saved: what is known of it from an earlier run.
    """

    def __init__(self, path: str, descriptor: int, saved: Saved | None = None) -> None:
        self.path = path
        self.id = uuid.uuid4().hex if saved is None else saved.id
        self.acknowledged = self.position = 0 if saved is None else saved.acknowledged
        self._head = Mark() if saved is None else saved.head
        self._tail = Mark() if saved is None else saved.tail
        self._cuts = [] if saved is None else list(saved.cuts)
        self._on_the_way: deque[Span] = deque()
        self._stamp = (0, 0)
        self.grew_at = 0.0
        self._is_waiting = False
        self._newest: int | None = None
        self._attach(descriptor)

    def _attach(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.device, self.inode = status.st_dev, status.st_ino
        length = min(MARK_BYTES, self.position)
        self._recent = os.pread(descriptor, length, self.position - length)

    def move_to(self, descriptor: int) -> None:
        """Go on in a copy, which `fits` has approved of."""
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
    def seen_size(self) -> int:
        """How large the file was when it was last read."""
        return self._stamp[0]

    @property
    def is_truncated(self) -> bool:
        """Whether the file does not hold any more what was read last."""
        return not fits(self.here(), self._descriptor)

    @property
    def unread(self) -> int:
        """How many bytes there are to be read."""
        return max(0, os.fstat(self._descriptor).st_size - self.position)

    @property
    def is_settled(self) -> bool:
        """Whether everything read was acknowledged."""
        return not self._on_the_way

    def is_over(self, now: float) -> bool:
        """Whether everything was acknowledged, and nothing has been written for a while."""
        return self.is_settled and not self.unread and now - self.grew_at > QUIET_SECONDS

    def known(self) -> Saved:
        """Return what must be kept; made only of what was read or acknowledged."""
        return Saved(
            id=self.id,
            path=self.path,
            device=self.device,
            inode=self.inode,
            acknowledged=self.acknowledged,
            head=self._head,
            tail=self._tail,
            cuts=tuple(self._cuts),
        )

    def here(self) -> Saved:
        """Return the same with the marks of what was read, for telling copies."""
        length = len(self._recent)
        return Saved(
            id=self.id,
            path=self.path,
            device=self.device,
            inode=self.inode,
            acknowledged=self.position,
            head=self._head,
            tail=Mark(length, zlib.crc32(self._recent)),
            cuts=(),
        )

    def begins_with(self, descriptor: int) -> bool:
        """Tell whether the file begins with all that another one holds: that one is a copy, maybe not done yet."""
        offset = 0
        while part := os.pread(descriptor, READ_BYTES, offset):
            if os.pread(self._descriptor, len(part), offset) != part:
                return False
            offset += len(part)
        return True

    def read(self, joins: re.Pattern[bytes], patience: Patience, now: float) -> Block | None:
        """Return the next records, or None when there are none to be had yet.

        Args:
            joins: see `records.joiner`.
            patience: when a record counts as complete.
            now: seconds on a clock that never goes back.

        Raises:
            Truncated: see there; nothing was consumed.
        """
        status = os.fstat(self._descriptor)
        if status.st_size < self.position:
            raise Truncated
        stamp = (status.st_size, status.st_mtime_ns)
        if stamp != self._stamp:
            self.grew_at, self._is_waiting = now, False
        elif status.st_size == self.position:
            return None
        quiet = now - self.grew_at
        if self._is_waiting and quiet < patience.record:
            return None
        window, overlap = self._window(), len(self._recent)
        self._stamp = stamp
        block = window[overlap:]
        records = self._cut(block, joins, patience, quiet)
        self._is_waiting = not records.consumed
        if not records.consumed:
            return None
        offset = self.position
        if not overlap:
            hole = bytes(min(offset, MARK_BYTES))
            self._head = _mark((hole + block[: records.consumed])[:MARK_BYTES])
        self.position += records.consumed
        self._recent = window[: overlap + records.consumed][-MARK_BYTES:]
        return Block(records, offset, status.st_mtime_ns // 1000, window, overlap)

    def _window(self) -> bytes:
        """Return what comes next, after what was read last.

        A writer that does not append goes on at its old offset after a truncation, and leaves a hole of zeros at
        the file's beginning; it is passed over.
        """
        overlap = len(self._recent)
        window = os.pread(self._descriptor, overlap + READ_BYTES, self.position - overlap)
        is_other = self.position == 0 and _mark(window[: self._head.length]) != self._head
        if is_other or window[:overlap] != self._recent:
            raise Truncated
        while not overlap and window.startswith(b"\0"):
            rest = window.lstrip(b"\0")
            self.position += len(window) - len(rest)
            window = rest or os.pread(self._descriptor, READ_BYTES, self.position)
        return window

    def _cut(self, block: bytes, joins: re.Pattern[bytes], patience: Patience, quiet: float) -> Records:
        """Cut where an earlier run has cut; else at ends that are certain; else where patience ends."""
        index = bisect.bisect_right(self._cuts, self.position)
        if index < len(self._cuts) and self._cuts[index] - self.position <= len(block):
            return cut(block[: self._cuts[index] - self.position], joins, is_end=True)
        records = cut(block, joins, is_end=False)
        if records.consumed:
            return records
        end = 0
        if quiet >= patience.partial:
            end = len(block)
        elif quiet >= patience.record:
            end = block.rfind(b"\n") + 1
        if end:
            self._cuts.append(self.position + end)
        return cut(block[:end], joins, is_end=True)

    def times(self, block: Block, *, latest: int) -> range:
        """Return when the records of the block just read were written, in microseconds since the epoch.

        That is after the block before and about when the file was written last; nothing tells more.  What must not
        be lost is their order, so each is later than all before it: by 1 ms, which is how exactly OCI shows times,
        unless there are too many for the time until shortly after the file was written.

        Args:
            block: with one record at least.
            latest: no record is from after that; a file's own time may be wrong.
        """
        count = len(block.records.texts)
        at = min(block.at, latest)
        since = at - _SPREAD_BEFORE_MICROS if self._newest is None else self._newest
        end = min(max(at, since + count * _APART_MICROS), at + _SPREAD_AFTER_MICROS, latest)
        step = max(1, min(_APART_MICROS, (end - since) // count))
        first = max(since + step, end - (count - 1) * step)
        self._newest = first + (count - 1) * step
        return range(first, first + count * step, step)

    def send(self, block: Block, end: int) -> Span:
        """Note that what lies before an offset in the block just read is on its way; to be called in order."""
        span = Span(end, block.tail(end))
        self._on_the_way.append(span)
        return span

    def settle(self, span: Span) -> None:
        """Note that a span was acknowledged; progress is made when all before it were."""
        span.is_settled = True
        while self._on_the_way and self._on_the_way[0].is_settled:
            done = self._on_the_way.popleft()
            self.acknowledged, self._tail = done.end, done.tail
        while self._cuts and self._cuts[0] <= self.acknowledged:
            self._cuts.pop(0)


def fits(saved: Saved, descriptor: int) -> bool:
    """Tell whether an open file begins with what a generation was up to its offset."""
    if os.fstat(descriptor).st_size < saved.acknowledged:
        return False
    head = os.pread(descriptor, saved.head.length, 0)
    tail = os.pread(descriptor, saved.tail.length, saved.acknowledged - saved.tail.length)
    return _mark(head) == saved.head and _mark(tail) == saved.tail


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


def _mark(data: bytes) -> Mark:
    return Mark(len(data), zlib.crc32(data))
