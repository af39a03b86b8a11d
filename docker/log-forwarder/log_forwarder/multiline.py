"""Which lines belong together: those of a stack trace, those up to the next beginning of a record, or none."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from log_forwarder import records
from log_forwarder.records import INNER_NEWLINE, RecordRule
from log_forwarder.traces import (
    BEGINNING,
    HEADER,
    NEXT_SIGN,
    RECORD_START,
    SIGN,
    TRACE,
    UNDECIDED,
)

TRACES: Final = "traces"
OFF: Final = "off"
PATTERN_MARK: Final = "^"
"""A setting that begins with this is the regular expression of a record's beginning."""

_LINES_BEFORE: Final = 6
"""How many lines before the first frame may be those of the exception and its message."""
_LINES_AFTER: Final = 8
"""After so many lines a trace has ended."""
_LINES_AFTER_BRACE: Final = 42
_OPEN: Final = (b"Caused by: ", b"Suppressed: ", b"Wrapped by: ", b":in ")
"""Parts of lines after which other text may come before the trace goes on."""


def rule_of(multiline: str) -> RecordRule:
    """Return the rule for a setting: TRACES, OFF or a pattern that begins with PATTERN_MARK.

    Raises:
        ValueError: it is none of these, or not a regular expression.
    """
    if multiline == TRACES:
        return TraceRule()
    if multiline == OFF:
        return LineRule()
    if not multiline.startswith(PATTERN_MARK):
        raise ValueError(
            f"must be {TRACES}, {OFF} or a regular expression that begins with {PATTERN_MARK}, got {multiline!r}"
        )
    try:
        return StartRule(multiline)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"is not a valid regular expression: {exc}") from exc


class LineRule:
    """Every line is a record."""

    def join(self, block: bytes, *, is_final: bool, is_continued: bool) -> tuple[bytes, int]:  # noqa: ARG002
        """See `RecordRule`."""
        return block, len(block) if is_final else block.rfind(b"\n") + 1


class StartRule:
    """A record begins with each line that matches a pattern; the other lines continue it.

    Args:
        pattern: a regular expression.

    Raises:
        re.error: it is not a regular expression, or not one that can be part of another.
    """

    def __init__(self, pattern: str) -> None:
        self._inner_newline = re.compile(rb"\n(?!" + pattern.encode() + rb")(?!\Z)", re.MULTILINE)

    def join(self, block: bytes, *, is_final: bool, is_continued: bool) -> tuple[bytes, int]:  # noqa: ARG002
        """See `RecordRule`."""
        joined = self._inner_newline.sub(INNER_NEWLINE, block)
        return joined, len(block) if is_final else joined.rfind(b"\n", 0, max(0, len(joined) - 1)) + 1


class TraceRule:
    """A stack trace is one record, with the line before it, which is its message; every other line is a record.

    A trace that follows another trace is a record of its own.  A joined record has at most MAX_RECORD_BYTES.
    """

    def join(self, block: bytes, *, is_final: bool, is_continued: bool) -> tuple[bytes, int]:
        """See `RecordRule`."""
        complete = len(block) if is_final else block.rfind(b"\n") + 1
        floor = at = (block.find(b"\n") + 1 or complete) if is_continued else 0
        parts = [block[:floor]] if floor else []
        refused: deque[int] = deque(maxlen=_LINES_AFTER)  # earlier ones cannot begin a trace any more
        while (sign := _next_sign(block, at, complete)) is not None:
            span = _trace_at(block, sign, floor, complete)
            if span is None:
                refused.append(sign)
                at = sign + 1
                continue
            head, stop = span
            if not is_final and any(_may_begin(block, one, complete, min(head, one)) for one in refused):
                break
            if not is_final and not _has_ended(block, head, stop, complete):
                return b"".join((*parts, block[floor:])), head
            last = stop - 1 if block[stop - 1 : stop] == b"\n" else stop
            parts += [block[floor:head], block[head:last].replace(b"\n", INNER_NEWLINE), block[last:stop]]
            floor = at = stop
            refused.clear()
        end = complete if is_final else _undecided_from(block, floor, complete)
        return b"".join((*parts, block[floor:])) if parts else block, end


def _next_sign(block: bytes, at: int, end: int) -> int | None:
    """Return the offset of the next line that is a sign of a trace, from an offset on."""
    if at == 0 and SIGN.match(block, 0, end):
        return 0
    match = NEXT_SIGN.search(block, max(0, at - 1), end)
    return match.end() if match else None


def _trace_at(block: bytes, sign: int, floor: int, complete: int) -> tuple[int, int] | None:
    """Return the bounds of the record with the trace that has a sign at an offset; None when there is no trace."""
    match = TRACE.match(block, sign, _limit(block, sign, complete))
    if match is None or not match.group():
        return None
    if match.lastgroup == "whole":
        return sign, match.end()
    while True:
        head = _head_of(block, sign, floor, is_start=match.lastgroup == "start")
        limit = _limit(block, head, complete)
        found = match if match.end() <= limit else TRACE.match(block, sign, limit)
        if found is not None and found.end() > head:
            return head, found.end()
        if head >= sign:
            return None
        floor = block.find(b"\n", head) + 1  # as if the lines before were not there: they may have been read before


def _may_begin(block: bytes, sign: int, complete: int, first: int) -> bool:
    """Return whether the next lines may make a trace of a sign that begins none with the lines that there are.

    They cannot where they are too far from `first`, with which the record would begin.
    """
    return block.count(b"\n", sign, complete) < _LINES_AFTER and len(block) - first <= records.MAX_RECORD_BYTES


def _limit(block: bytes, head: int, complete: int) -> int:
    """Return the end of the last line that a record may have that begins at an offset."""
    end = head + records.MAX_RECORD_BYTES
    return complete if end >= complete else block.rfind(b"\n", head, end) + 1


def _head_of(block: bytes, at: int, floor: int, *, is_start: bool) -> int:
    """Return where the record begins that has a trace, or the first frame of one, at an offset.

    Args:
        block: the bytes.
        at: of the first line of the trace that was recognised.
        floor: end of the record before.
        is_start: whether the trace begins there; otherwise it began in the lines before.
    """
    lines = list(_lines_before(block, at, max(floor, at - records.MAX_RECORD_BYTES // 4)))
    for number, (start, line) in enumerate(lines[:_LINES_BEFORE]):
        if BEGINNING.match(line):
            return start
        if HEADER.match(line) and not (is_start and number == 0):
            return _message_of(lines, number)
        if RECORD_START.match(line):
            break
    return _message_of(lines, -1, is_adjacent=not is_start) if lines else at


def _message_of(lines: list[tuple[int, bytes]], number: int, *, is_adjacent: bool = False) -> int:
    """Return the offset of the message before a line, or of that line if there is none.

    Args:
        lines: offsets and lines, from the last to the first; the line `number` is that whose message is wanted.
        number: -1 for the line after `lines`.
        is_adjacent: the message is the line before, without a blank line between.
    """
    start = lines[number][0] if number >= 0 else lines[0][0] + len(lines[0][1])
    rest = lines[number + 1 :]
    if rest and not is_adjacent and not rest[0][1].strip():
        rest = rest[1:]
    if not rest:
        return start
    before, message = rest[0]
    is_other = not message.strip() or message.lstrip()[:1] == b"{" or (number >= 0 and HEADER.match(message))
    return start if is_other else before


def _lines_before(block: bytes, at: int, floor: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines before an offset with their offsets, from the last on."""
    for _ in range(_LINES_BEFORE + 2):
        start = max(floor, block.rfind(b"\n", floor, max(floor, at - 1)) + 1)
        if at <= floor or (start == floor and floor and block[floor - 1 : floor] != b"\n"):
            return
        yield start, block[start:at]
        at = start


def _has_ended(block: bytes, head: int, stop: int, complete: int) -> bool:
    """Return whether a trace ends at an offset whatever follows the lines that there are."""
    if len(block) - head > records.MAX_RECORD_BYTES:
        return True
    last = block[block.rfind(b"\n", head, stop - 1) + 1 : stop].rstrip()
    after = block[stop:complete].split(b"\n", _LINES_AFTER_BRACE)[:-1]
    if len(after) >= (_LINES_AFTER_BRACE if last.endswith(b"{") else _LINES_AFTER):
        return True
    visible = [line for line in after if line.strip()]
    is_open = last.endswith(b"{") or any(word in last for word in _OPEN)
    return len(after) > 1 and bool(visible) and not is_open and not UNDECIDED.match(visible[0])


def _undecided_from(block: bytes, floor: int, complete: int) -> int:
    """Return where the first record begins that what follows the block may change."""
    found = min(
        _head_of(block, complete, floor, is_start=False),
        _head_of(block, complete, floor, is_start=True),
    )
    for start, line in list(_lines_before(block, complete, floor)):
        if SIGN.match(line) or HEADER.match(line) or BEGINNING.match(line):
            found = min(found, _head_of(block, start, floor, is_start=True))
    while found < complete and len(block) - found > records.MAX_RECORD_BYTES:
        found = block.find(b"\n", found) + 1
    return found
