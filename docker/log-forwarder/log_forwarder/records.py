"""Split bytes into records: a record is a line together with the lines that belong to it (see `multiline`).

Where a record ends depends only on the bytes after its start, never on how many of them existed when it was read:
the same bytes are split in the same way after a restart, and so get the same ids.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

MAX_RECORD_BYTES: Final = 256 * 1024
"""Longer records are split.  With U+FFFD (3 bytes) for every byte they stay below 1 MB."""

MAX_RECORDS_PER_SPLIT: Final = 20_000
"""Bounds the memory for a block of very short lines."""

INNER_NEWLINE: Final = b"\xff"
"""Replaces newlines inside records while a block is split; this byte does not occur in UTF-8."""

_UTF8_TRAILING_BYTE: Final = 0x80
"""The first two bits (mask 0xC0) of every byte of a character but its first."""

_CONTROLS: Final = [code for code in range(0x20) if code != ord("\n")]
_SHORT: Final = {8: rb"\b", 9: rb"\t", 12: rb"\f", 13: rb"\r"}
_ESCAPES: Final = (
    (b"\\", rb"\\"),
    (b'"', rb"\""),
    *((bytes([code]), _SHORT.get(code, rb"\u%04x" % code)) for code in _CONTROLS),
    (INNER_NEWLINE, rb"\n"),
)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a block.

    Args:
        texts: the records, each escaped as the inside of a JSON string; blank lines are left out.
        starts: the offset of each in the block.
        consumed: how many bytes of the block the records take, blank lines included.
    """

    texts: list[bytes]
    starts: list[int]
    consumed: int


class RecordRule(Protocol):
    """Decides which lines belong together."""

    def join(self, block: bytes, *, is_final: bool, is_continued: bool) -> tuple[bytes, int]:
        """Replace the newlines inside records by INNER_NEWLINE; return the block and the end of its last record.

        The record that begins at that end may go on after the block; with `is_final` the last one ends with it.

        Args:
            block: begins with a record, and ends with a newline unless its last line is longer than
                MAX_RECORD_BYTES or `is_final`.
            is_final: nothing follows the block.
            is_continued: its first line is the rest of one that was too long.
        """


def split_records(block: bytes, rule: RecordRule, *, is_final: bool, is_continued: bool = False) -> Records:
    """Split a block, which begins with a record, into records.

    Args:
        block: bytes of a file: at least 2 * MAX_RECORD_BYTES + 2, or all that exist.
        rule: which lines belong together.
        is_final: whether the last record ends with the block.  Otherwise it is left in the block, because the next
            line may continue it.
        is_continued: the first line of the block is the rest of one that was too long.
    """
    whole = block
    if not is_final and len(block) - (complete := block.rfind(b"\n") + 1) <= MAX_RECORD_BYTES:
        whole = block[:complete]
    joined, end = rule.join(whole, is_final=is_final, is_continued=is_continued)
    lines = joined[:end].split(b"\n", MAX_RECORDS_PER_SPLIT) if end else []
    if len(lines) > MAX_RECORDS_PER_SPLIT:
        end -= len(lines[-1])
        lines[-1] = b""
        whole = whole[:end]
    lengths = [len(line) for line in lines]
    held = len(whole[end:].removesuffix(b"\n"))
    if max(lengths, default=0) > MAX_RECORD_BYTES or held > MAX_RECORD_BYTES or not _is_utf8(whole[:end]):
        return _split_carefully(whole, lengths, end)
    texts = _escape_for_json(joined[:end]).split(b"\n") if end else []
    starts = []
    start = 0
    for length in lengths:
        starts.append(start)
        start += length + 1
    return _without_blank_records(texts, starts, end)


def _split_carefully(block: bytes, lengths: list[int], end: int) -> Records:
    """Split a block with records that are too long or bytes that are not UTF-8."""
    texts, starts, start = [], [], 0
    for length in lengths:
        for first, last in _chunks(block, start, start + length):
            starts.append(first)
            texts.append(_escape_with_replacement(block, first, last))
        start += length + 1
    *full, (end, _) = _chunks(block, end, len(block.removesuffix(b"\n")))
    for first, last in full:
        starts.append(first)
        texts.append(_escape_with_replacement(block, first, last))
    return _without_blank_records(texts, starts, end)


def _chunks(block: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of a record's parts of at most MAX_RECORD_BYTES; none ends within a character."""
    while end - start > MAX_RECORD_BYTES:
        stop = start + MAX_RECORD_BYTES
        while stop > start + MAX_RECORD_BYTES - 3 and block[stop] & 0xC0 == _UTF8_TRAILING_BYTE:
            stop -= 1
        yield start, stop
        start = stop
    yield start, max(start, end)


def _without_blank_records(texts: list[bytes], starts: list[int], consumed: int) -> Records:
    if any(text.startswith(codecs.BOM_UTF8) for text in texts):
        texts = [text.removeprefix(codecs.BOM_UTF8) for text in texts]
    if b"" in texts:
        kept = [(text, start) for text, start in zip(texts, starts, strict=True) if text]
        texts, starts = [text for text, _ in kept], [start for _, start in kept]
    return Records(texts, starts, consumed)


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escape_with_replacement(block: bytes, first: int, last: int) -> bytes:
    """Escape a record, or a part of one, for JSON, with U+FFFD for bytes that are not UTF-8.

    A carriage return at its end belongs to the newline after it; without one it is text.
    """
    record = block[first:last]
    if block[last : last + 1] == b"\n":
        record = record.removesuffix(b"\r")
    return _escape_for_json(record.decode("utf-8", "replace").encode().replace(b"\n", INNER_NEWLINE))


def _escape_for_json(block: bytes) -> bytes:
    """Escape records for JSON.

    Newlines stay, since they separate records; carriage returns before them are removed.  `bytes.replace` is fast
    when nothing matches, so one call per escape is faster than any test of each character.
    """
    block = block.replace(b"\r\n", b"\n").replace(b"\r" + INNER_NEWLINE, INNER_NEWLINE)
    for plain, escaped in _ESCAPES:
        block = block.replace(plain, escaped)
    return block
