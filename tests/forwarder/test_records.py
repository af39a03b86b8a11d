"""Bytes into records."""

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
    """Return the records of a block as a reader of the JSON sees them."""
    return [json.loads(b'"' + text + b'"') for text in split_records(block, continuation, is_final=is_final).texts]


def cut_as_it_grows(block, ends):
    """Read a file that is seen at several lengths; return every record with its offset."""
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
    """Records are split after 16 bytes and cut four at a time, so that a few bytes show it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "MAX_RECORD_BYTES", 16)
        patch.setattr(records, "MAX_RECORDS_PER_SPLIT", 4)
        yield


@given(block=BLOCKS, ends=st.lists(st.integers(0, 1000), max_size=6))
def test_when_a_file_is_looked_at_changes_no_record(block, ends):
    """A file that is read as it grows gives the records, and the offsets, of one that is read at once."""
    assert cut_as_it_grows(block, ends) == cut_as_it_grows(block, [])


@given(block=BLOCKS)
def test_every_byte_is_in_one_record(block):
    """The records of a file, put together, are its text; only newlines and what is not UTF-8 differ."""
    found = cut_as_it_grows(block, [])
    bounds = [*(start for start, _ in found), len(block)]
    assert bounds == sorted(set(bounds)) or not block
    for (_, text), start, end in zip(found, bounds, bounds[1:], strict=False):
        original = block[start:end].decode("utf-8", "replace")
        assert _plain(json.loads(b'"' + text + b'"')) == _plain(original)
    assert not block[: bounds[0]].strip(b"\r\n")


def _plain(text):
    return text.replace("\r\n", "\n").rstrip("\r\n")


def test_the_last_record_waits_for_what_may_continue_it():
    """Without an end, the last line stays where it is, whole or not."""
    assert texts(b"one\ntwo\n", is_final=False) == ["one"]
    assert texts(b"one\ntwo\nthr", is_final=False) == ["one"]
    assert texts(b"one\ntwo\nthr") == ["one", "two", "thr"]


def test_an_escaped_backslash_before_n_is_no_newline():
    """What looks like an escape arrives as it was written."""
    assert texts(b'a\\nb"\t\x01\n') == ['a\\nb"\t\x01']


def test_no_part_of_a_long_line_ends_within_a_character():
    """A line that is too long is split between characters."""
    line = "aé€😀" * 9
    parts = texts(line.encode() + b"\n")
    assert "".join(parts) == line
    assert max(len(part.encode()) for part in parts) <= 16


class TestTraces:
    """With the default setting and records as long as they may be."""

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
        """From the message to the exception's own line."""
        trace = (
            "ERROR it broke\nTraceback (most recent call last):\n"
            '  File "a.py", line 1, in f\n    g()\nmodule.SomeError: boom'
        )
        assert texts(f"before\n{trace}\nafter\n".encode(), continuation) == ["before", trace, "after"]

    def test_a_java_trace_is_one_record(self, continuation):
        """With its causes."""
        trace = (
            "ERROR it broke\njava.lang.IllegalStateException: boom\n\tat a.B.c(B.java:1)\n"
            "Caused by: java.io.IOException: x\n\t... 3 more"
        )
        assert texts(f"{trace}\nafter\n".encode(), continuation) == [trace, "after"]

    def test_lines_that_only_name_an_error_stay_alone(self, continuation):
        """A line with a time or a level at its beginning is a record of its own."""
        lines = ["2026-01-01 ValueError: x", "INFO Error rate 0", "ErrorRate 0"]
        assert texts("\n".join(lines).encode(), continuation) == lines
