"""Splitting bytes into records; `test_multiline` is about the lines that belong together."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_forwarder import records
from log_forwarder.multiline import rule_of
from log_forwarder.records import split_records

INDENTED = rule_of(r"^[^ \t]")

BLOCKS = st.lists(
    st.sampled_from(
        [b"a", b"bcdefgh", b" ", b"\t", b"\n", b"\r\n", b'"', b"\\", b"\x00", "é€😀".encode(), b"\xff\xc3"]
    )
).map(b"".join)


def texts(block, *, is_final=True):
    """Return the records of a block, parsed from JSON."""
    return [json.loads(b'"' + text + b'"') for text in split_records(block, INDENTED, is_final=is_final).texts]


def split_growing(block, ends):
    """Split a file that is read at several lengths; return every record with its offset."""
    found, position = [], 0
    for end in [*sorted(end % (len(block) + 1) for end in ends), len(block), None]:
        while True:
            part = split_records(block[position:end], INDENTED, is_final=end is None)
            found += [(position + start, text) for start, text in zip(part.starts, part.texts, strict=True)]
            position += part.consumed
            if not part.consumed:
                break
    return found


@pytest.fixture(scope="module", autouse=True)
def short_records():
    """Limits of 16 bytes per record and 4 records per split, so that short examples reach them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "MAX_RECORD_BYTES", 16)
        patch.setattr(records, "MAX_RECORDS_PER_SPLIT", 4)
        yield


@given(block=BLOCKS, ends=st.lists(st.integers(0, 1000), max_size=6))
def test_records_do_not_depend_on_when_a_file_is_read(block, ends):
    """A file that is read while it grows has the same records and offsets as one that is read at once."""
    assert split_growing(block, ends) == split_growing(block, [])


@given(block=BLOCKS)
def test_every_byte_is_in_one_record(block):
    """The records of a file together are its text, but for newlines at their ends and bytes that are not UTF-8."""
    found = split_growing(block, [])
    bounds = [*(start for start, _ in found), len(block)]
    assert bounds == sorted(set(bounds)) or not block
    for (_, text), start, end in zip(found, bounds, bounds[1:], strict=False):
        original = block[start:end].decode("utf-8", "replace")
        assert _plain(json.loads(b'"' + text + b'"')) == _plain(original)
    assert not block[: bounds[0]].strip(b"\r\n")


def _plain(text):
    return text.replace("\r\n", "\n").rstrip("\r\n")


def test_the_last_record_is_held_unless_the_block_is_final():
    """The last line, with or without its newline, is a record only if the block is final."""
    assert texts(b"one\ntwo\n", is_final=False) == ["one"]
    assert texts(b"one\ntwo\nthr", is_final=False) == ["one"]
    assert texts(b"one\ntwo\nthr") == ["one", "two", "thr"]


def test_a_backslash_before_n_stays_a_backslash():
    """Text that looks like a JSON escape survives the JSON unchanged."""
    assert texts(b'a\\nb"\t\x01\n') == ['a\\nb"\t\x01']


def test_long_lines_are_split_between_characters():
    """The parts of a line that is too long are at most as long as allowed, and joined they are the line."""
    line = "aé€😀" * 9
    parts = texts(line.encode() + b"\n")
    assert "".join(parts) == line
    assert max(len(part.encode()) for part in parts) <= 16


@pytest.mark.parametrize("other", [b"", b"\xff"], ids=["text", "with other bytes"])
def test_a_carriage_return_is_text_unless_a_newline_follows(other):
    """Carriage returns are left out before newlines only, also in a line that is too long or has other bytes."""
    block = b"0123456789abcde\r" * 2 + b"\r\n" + other + b"a\r\r\nb\r"
    parts = [part.replace("\ufffd", "") for part in texts(block)]
    assert "".join(parts) == "0123456789abcde\r" * 2 + "a\r" + "b\r"


@pytest.mark.parametrize("first", ["", "one\n"])
def test_a_byte_order_mark_is_not_text(first):
    """U+FEFF at the beginning of a record, as programs put it before their first line, is left out."""
    assert texts(f"{first}\ufeff{{}}\n\ufeff\ntwo\n".encode()) == [*first.split(), "{}", "two"]
