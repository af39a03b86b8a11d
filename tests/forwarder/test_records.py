"""Splitting bytes into records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_forwarder import records
from log_forwarder.records import continuation_pattern, split_records
from log_forwarder.settings import Settings

INDENTED = continuation_pattern("[ \t]")

BLOCKS = st.lists(
    st.sampled_from(
        [b"a", b"bcdefgh", b" ", b"\t", b"\n", b"\r\n", b'"', b"\\", b"\x00", "é€😀".encode(), b"\xff\xc3"]
    )
).map(b"".join)


def texts(block, continuation=INDENTED, *, is_final=True):
    """Return the records of a block, parsed from JSON."""
    return [json.loads(b'"' + text + b'"') for text in split_records(block, continuation, is_final=is_final).texts]


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


class TestTraces:
    """Stack traces, with the default continuation."""

    @pytest.fixture(autouse=True)
    def long_records(self, monkeypatch):
        monkeypatch.setattr(records, "MAX_RECORD_BYTES", 4096)

    @pytest.fixture
    def continuation(self):
        settings = Settings.from_environment(
            {"OCISIDECAR_LOG_ID": "l", "OCISIDECAR_LOG_DIRECTORY": "/logs", "OCISIDECAR_ENDPOINT": "http://x"}
        )
        return continuation_pattern(settings.continuation)

    def test_a_python_trace_is_one_record(self, continuation):
        """A Python trace is one record, from the message before it to the line of the exception."""
        trace = (
            "ERROR it broke\nTraceback (most recent call last):\n"
            '  File "a.py", line 1, in f\n    g()\nmodule.SomeError: boom'
        )
        assert texts(f"before\n{trace}\nafter\n".encode(), continuation) == ["before", trace, "after"]

    def test_a_java_trace_is_one_record(self, continuation):
        """A Java trace is one record, with its causes."""
        trace = (
            "ERROR it broke\njava.lang.IllegalStateException: boom\n\tat a.B.c(B.java:1)\n"
            "Caused by: java.io.IOException: x\n\t... 3 more"
        )
        assert texts(f"{trace}\nafter\n".encode(), continuation) == [trace, "after"]

    def test_lines_that_only_mention_an_error_are_records(self, continuation):
        """A line that starts with a time or a level, or has no colon after the error, is a separate record."""
        lines = ["2026-01-01 ValueError: x", "INFO Error rate 0", "ErrorRate 0"]
        assert texts("\n".join(lines).encode(), continuation) == lines
