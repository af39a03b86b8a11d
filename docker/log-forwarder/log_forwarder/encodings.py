"""Log files in UTF-16, as Windows and .NET programs write them, and marks of the byte order."""

from __future__ import annotations

import codecs
from typing import Final

from log_forwarder.records import RecordRule, Records, split_records

UTF_8: Final = "utf-8"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UNMARKED_BYTES: Final = 64
"""How many first bytes decide whether a file without a mark is UTF-16."""
_MIN_UNMARKED_BYTES: Final = 4
_TEXT: Final = frozenset([*range(0x20, 0x7F), *b"\t\r\n"])
_LONGEST_CHARACTER_BYTES: Final = 4
_HIGH_SURROGATES: Final = range(0xD8, 0xDC)
"""The more significant bytes of units that are the first half of a character."""


def encoding_of(first: bytes) -> str:
    """Return the encoding of a file by its first bytes, at least 64 if it has so many.

    UTF-16 has a byte order mark, or every other byte is zero and those between are ASCII.
    """
    if first[:2] in _UTF_16:
        return _UTF_16[first[:2]]
    sample = first[: min(_UNMARKED_BYTES, len(first) & ~1)]
    for encoding, text, zeros in (
        ("utf-16-le", sample[0::2], sample[1::2]),
        ("utf-16-be", sample[1::2], sample[0::2]),
    ):
        if len(sample) >= _MIN_UNMARKED_BYTES and not zeros.strip(b"\0") and _TEXT.issuperset(text):
            return encoding
    return UTF_8


def unit_bytes(encoding: str) -> int:
    """Return the size of the units that texts in an encoding consist of."""
    return 1 if encoding == UTF_8 else 2


def without_zeros(block: bytes, encoding: str) -> bytes:
    """Return a block without the zeros at its end: space that was allocated and is not written yet."""
    length = len(block.rstrip(b"\0"))
    return block[: length + length % unit_bytes(encoding)]


def end_of_last_line(block: bytes, encoding: str) -> int:
    """Return the offset after the last newline of a block, or 0."""
    newline = "\n".encode(encoding)
    at = block.rfind(newline)
    while at % len(newline) and at >= 0:
        at = block.rfind(newline, 0, at + len(newline) - 1)
    return at + len(newline) if at >= 0 else 0


def end_of_last_character(block: bytes, encoding: str) -> int:
    """Return the offset after the last character of a block that is whole; what follows may begin another one."""
    tail = block[max(0, len(block) - _LONGEST_CHARACTER_BYTES) & ~1 :]
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    decoder.decode(tail)
    incomplete, _ = decoder.getstate()
    return len(block) - len(incomplete)


def ends_within_line(before: bytes, encoding: str) -> bool:
    """Return whether the bytes before a block end within a line; space that was not written ends one."""
    last = before[-unit_bytes(encoding) :]
    return bool(last.strip(b"\0")) and last != "\n".encode(encoding)


def split(block: bytes, encoding: str, rule: RecordRule, *, is_final: bool, is_continued: bool = False) -> Records:
    """Split a block in any encoding; see `split_records`."""
    if encoding == UTF_8:
        return split_records(block, rule, is_final=is_final, is_continued=is_continued)
    units = block[: len(block) & ~1]
    high = 1 if encoding == "utf-16-le" else 0
    if not is_final and units and units[-2:][high] in _HIGH_SURROGATES:
        units = units[:-2]
    text = units.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    records = split_records(text, rule, is_final=is_final, is_continued=is_continued)
    starts, at, offset = [], 0, 0
    for start in (*records.starts, records.consumed):
        offset += len(text[at:start].decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass"))
        at = start
        starts.append(offset)
    consumed = starts.pop()
    return Records(records.texts, starts, len(block) if is_final and consumed == len(units) else consumed)
