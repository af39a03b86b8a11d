"""One log file from its first byte to its last, under any name: a generation (see `log_forwarder`)."""

from __future__ import annotations

import bisect
import os
import uuid
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from log_forwarder import encodings, holes
from log_forwarder.checkpoint import Fingerprint, GenerationState
from log_forwarder.flush_timeouts import FlushTimeouts
from log_forwarder.log_files import FileId, FileInfo
from log_forwarder.open_files import birth_ns
from log_forwarder.records import MAX_RECORD_BYTES, RecordRule, Records
from log_forwarder.times import EntryTimes

READ_BYTES: Final = 2 * MAX_RECORD_BYTES + 64 * 1024
"""More than the longest record and the lines after it that decide where it ends; twice that in UTF-16."""

FINGERPRINT_BYTES: Final = 1024
CLOSE_AFTER_QUIET_SECONDS: Final = 5.0
"""How long a deleted file must not have grown before it is closed."""


class Truncated(Exception):
    """The file no longer contains what was read from it: it was truncated, and possibly written again."""


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
    """A log file with its read position and its acknowledged offset.  Not thread-safe.

    It owns no descriptor: what reads it is given one.

    Args:
        path: path of its log below the log directory, without the suffix that a rotation appended.
        file_id: of the file.
        location: the file's path below the log directory.
        state: its state from an earlier run.
    """

    __slots__ = (
        "_cuts",
        "_encoding",
        "_has_partial_record",
        "_head",
        "_in_flight",
        "_looked_at",
        "_recent_bytes",
        "_state",
        "_suspicion",
        "_tail",
        "_zeros_until",
        "acknowledged",
        "born_ns",
        "file_id",
        "has_zeros",
        "id",
        "last_growth_at",
        "location",
        "missing_since",
        "path",
        "position",
        "size",
        "times",
    )

    def __init__(self, path: str, file_id: FileId, location: str, state: GenerationState | None = None) -> None:
        self.path, self.file_id, self.location = path, file_id, location
        self.id = uuid.uuid4().hex if state is None else state.id
        self.acknowledged = self.position = 0 if state is None else state.acknowledged
        self.size = 0 if state is None else state.size
        self.born_ns = 0 if state is None else state.born_ns
        self.times = EntryTimes()
        self.last_growth_at = 0.0
        self.missing_since: float | None = None
        self._head = Fingerprint() if state is None else state.head
        self._tail = Fingerprint() if state is None else state.tail
        self._cuts = [] if state is None else list(state.cuts)
        self._encoding = "" if state is None else state.encoding
        self._looked_at = (0, 0) if state is None else (state.size, state.mtime_ns)
        self._recent_bytes: bytes | None = None
        self._in_flight: list[Span] = []
        self._has_partial_record = False
        self.has_zeros = False if state is None else state.has_zeros
        self._zeros_until = 0
        self._suspicion: tuple[int, int] | None = None
        self._state: GenerationState | None = None

    def switch_to(self, descriptor: int, file_id: FileId, location: str) -> None:
        """Continue in a copy of the file, for which `matches` was true."""
        self.file_id, self.location, self.born_ns = file_id, location, birth_ns(descriptor)
        self.missing_since = None
        self.size, self._looked_at, self._state = 0, (0, 0), None

    def check_birth(self, descriptor: int) -> None:
        """Compare the creation time of a file that was opened again.

        Raises:
            Truncated: it is another file, which was given the inode of the one before.
        """
        born_ns = birth_ns(descriptor)
        if self.born_ns and born_ns and born_ns != self.born_ns:
            raise Truncated
        if born_ns != self.born_ns:
            self.born_ns, self._state = born_ns, None

    def notice(self, info: FileInfo) -> bool:
        """Record where a walk has found the file; return whether the file must be read, because it has changed."""
        self.location, self.missing_since = info.path, None
        if info.size > self.size:
            self.size, self._state = info.size, None
        return (info.size, info.mtime_ns) != self._looked_at

    @property
    def has_unread_bytes(self) -> bool:
        """Whether bytes of the file are not read yet; space that is allocated and not written does not count."""
        return self.size > self.position and not self.has_zeros

    @property
    def lost_bytes(self) -> int:
        """How many bytes would be lost if the file could not be read any more."""
        return self.size - self.position if self.has_unread_bytes else 0

    @property
    def is_acknowledged(self) -> bool:
        """Whether everything that was read is acknowledged."""
        return not self._in_flight

    def is_finished(self, now: float) -> bool:
        """Return whether everything is acknowledged and the file has not grown for CLOSE_AFTER_QUIET_SECONDS."""
        is_quiet = now - self.last_growth_at > CLOSE_AFTER_QUIET_SECONDS
        return self.is_acknowledged and not self.has_unread_bytes and is_quiet

    def rest(self) -> None:
        """Give back what is only needed while the file is read; it is read again from the acknowledged offset."""
        if self.is_acknowledged:
            self.position, self._recent_bytes = self.acknowledged, None

    def state(self) -> GenerationState:
        """Return the state to save: how far the generation is acknowledged."""
        if self._state is None:
            self._state = self._state_at(self.acknowledged, self._tail, tuple(self._cuts))
        return self._state

    def state_at_position(self) -> GenerationState:
        """Return the state as of the read position, to recognise copies of the file."""
        if self._recent_bytes is None:
            return self._state_at(self.position, self._tail, ())
        return self._state_at(self.position, _fingerprint(self._recent_bytes), ())

    def _state_at(self, offset: int, tail: Fingerprint, cuts: tuple[int, ...]) -> GenerationState:
        return GenerationState(
            id=self.id,
            path=self.path,
            device=self.file_id[0],
            inode=self.file_id[1],
            acknowledged=offset,
            head=self._head,
            tail=tail,
            cuts=cuts,
            size=self.size,
            mtime_ns=self._looked_at[1] if self._looked_at[0] == self.size else 0,
            born_ns=self.born_ns,
            encoding=self._encoding,
            has_zeros=self.has_zeros,
        )

    def ignore_touch(self, status: os.stat_result) -> None:
        """Accept a modification time that `touch` has set, before a read changes the time of access."""
        if status.st_size == self.size and _is_touched(status):
            self._looked_at = (status.st_size, status.st_mtime_ns)

    def look(self, descriptor: int) -> None:
        """Record the file's size, so that what gets lost can be counted."""
        size = os.fstat(descriptor).st_size
        if size > self.size:
            self.size, self._state = size, None

    def read(self, descriptor: int, rule: RecordRule, timeouts: FlushTimeouts, now: float) -> Block | None:
        """Return the next records, or None when there is no complete one yet.

        Args:
            descriptor: of the file.
            rule: which lines are records.
            timeouts: when the last record counts as complete.
            now: seconds of a monotonic clock.

        Raises:
            Truncated: the file was truncated or written again; nothing was consumed.
            OSError: it cannot be read.
        """
        status = os.fstat(descriptor)
        size_and_mtime = (status.st_size, status.st_mtime_ns)
        if status.st_size < (self.position if self.has_zeros else max(self.size, self.position)):
            raise Truncated
        if size_and_mtime != self._looked_at:
            if self._may_be_rewritten(status):
                return None
            self.last_growth_at, self._has_partial_record = now, False
        elif status.st_size == self.position:
            return None
        self.last_growth_at = self.last_growth_at or now  # an earlier run may have seen it grow just before
        quiet = now - self.last_growth_at
        if self._has_partial_record and quiet < timeouts.record_seconds:
            return None
        known = self._encoding
        recent, block = self._next_block(descriptor)
        self.size, self._looked_at, self._state = status.st_size, size_and_mtime, None
        records = self._split(recent, block, rule, timeouts, quiet)
        self._has_partial_record = not records.consumed
        if not records.consumed:
            self._encoding = known  # the next look may show more of the bytes that decide it
            return None
        offset = self.position
        self.position += records.consumed
        window = recent + block
        self._recent_bytes = window[: len(recent) + records.consumed][-FINGERPRINT_BYTES:]
        if offset == len(recent):
            self._head = _fingerprint(window[: min(FINGERPRINT_BYTES, self.position)])
        elif not self._head.length:  # a hole of zeros was skipped
            self._head = _fingerprint(bytes(FINGERPRINT_BYTES))
        return Block(records, offset, status.st_mtime_ns // 1000, window, len(recent))

    def _may_be_rewritten(self, status: os.stat_result) -> bool:
        """Return whether to wait for the next look before the file is read.

        A file that was truncated and written again has the same size as before if a program repeats its output, as
        in a crash loop: only its modification time differs.  One that is being appended to looks like that too,
        before its size grows, hence the second look.  `touch` sets the time of access to the same value, which no
        write does.

        Raises:
            Truncated: it was written again.
        """
        size_and_mtime = status.st_size, status.st_mtime_ns
        is_new = self._looked_at[1] == 0 or not status.st_size or status.st_size != self._looked_at[0]
        if is_new or self.has_zeros or _is_touched(status):
            self._suspicion = None
            return False
        if self._suspicion == size_and_mtime:
            raise Truncated
        self._suspicion = size_and_mtime
        return True

    def _next_block(self, descriptor: int) -> tuple[bytes, bytes]:
        """Return the bytes that were read last, and the next ones up to space that is not written."""
        recent, block = self._window(descriptor)
        encoding = self._encoding or encodings.encoding_of(block)
        unit = encodings.unit_bytes(encoding)
        if block and not block[:unit].strip(b"\0"):
            offset, is_found = holes.find_data(descriptor, max(self.position, self._zeros_until), unit=unit)
            self._zeros_until = offset
            if not is_found:
                self.has_zeros = True
                return recent, b""
            self.position = offset
            length = min(FINGERPRINT_BYTES, offset)
            self._recent_bytes = os.pread(descriptor, length, offset - length)
            recent, block = self._window(descriptor)
            encoding = self._encoding or encodings.encoding_of(block)
        if unit > 1 and len(block) > READ_BYTES - FINGERPRINT_BYTES:
            block += os.pread(descriptor, READ_BYTES, self.position + len(block))
        written = encodings.without_zeros(block, encoding)
        if unit == 1 and (hole := written.find(b"\n\0")) >= 0:
            written = written[: hole + 1]
        self._encoding, self.has_zeros = encoding, len(written) < len(block)
        return recent, written

    def _window(self, descriptor: int) -> tuple[bytes, bytes]:
        """Return the bytes that were read last and the next ones.

        Raises:
            Truncated: the file has other content before its read position.
        """
        if self._recent_bytes is None:
            if not matches(self._state_at(self.position, self._tail, ()), descriptor):
                raise Truncated
            length = min(FINGERPRINT_BYTES, self.position)
            self._recent_bytes = os.pread(descriptor, length, self.position - length)
        overlap = len(self._recent_bytes)
        window = os.pread(descriptor, overlap + READ_BYTES, self.position - overlap)
        is_other = self.position == 0 and _fingerprint(window[: self._head.length]) != self._head
        if is_other or window[:overlap] != self._recent_bytes:
            raise Truncated
        return self._recent_bytes, window[overlap:]

    def _split(
        self, recent: bytes, block: bytes, rule: RecordRule, timeouts: FlushTimeouts, quiet: float
    ) -> Records:
        """Split where an earlier run did; else at certain ends of records; else where a flush timeout is over."""
        encoding = self._encoding or encodings.UTF_8
        split = partial(
            encodings.split,
            encoding=encoding,
            rule=rule,
            is_continued=encodings.ends_within_line(recent, encoding),
        )
        index = bisect.bisect_right(self._cuts, self.position)
        if index < len(self._cuts) and self._cuts[index] - self.position <= len(block):
            return split(block[: self._cuts[index] - self.position], is_final=True)
        records = split(block, is_final=False)
        if records.consumed:
            return records
        end = timeouts.end_of(block, encoding, quiet)
        if end:
            self._cuts.append(self.position + end)
            self._state = None
        return split(block[:end], is_final=True)

    def track(self, block: Block, end: int) -> Span:
        """Return a span for the bytes before an offset in the block just read; call it in order of the offsets."""
        span = Span(end, block.tail(end))
        self._in_flight.append(span)
        return span

    def acknowledge(self, span: Span) -> None:
        """Mark a span as acknowledged; the acknowledged offset moves when all spans before it are."""
        span.is_acknowledged, self._state = True, None
        while self._in_flight and self._in_flight[0].is_acknowledged:
            done = self._in_flight.pop(0)
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


def starts_with(descriptor: int, other: int) -> bool:
    """Return whether an open file starts with the whole content of another, maybe an unfinished copy."""
    offset = 0
    while part := os.pread(other, READ_BYTES, offset):
        if os.pread(descriptor, len(part), offset) != part:
            return False
        offset += len(part)
    return True


def _is_touched(status: os.stat_result) -> bool:
    return status.st_atime_ns == status.st_mtime_ns


def _fingerprint(data: bytes) -> Fingerprint:
    return Fingerprint(len(data), zlib.crc32(data))
