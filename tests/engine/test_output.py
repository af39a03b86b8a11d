"""The engine's log messages in OCI's line format."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.engine.output import MAX_LINES, WINDOW_BYTES, format_lines, merge_streams

TIME = b"2026-03-01T10:00:00.%09dZ"


def messages(texts):
    return [TIME % number + b" " + text for number, text in enumerate(texts)]


@given(st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"")), max_size=8), st.booleans())
def test_the_lines_contain_the_whole_output(texts, is_whole):
    """Joining the texts of the lines, with a newline after each full one, restores what the container wrote."""
    written = [text + (b"\n" if number % 2 or is_whole else b"") for number, text in enumerate(texts)]
    read = b""
    for line in format_lines(messages(written), "stdout", is_over=False):
        _, stream, mark, text = line.split(b" ", 3)
        assert stream == b"stdout"
        read += text.removesuffix(b"\n") + (b"\n" if mark == b"F" else b"")
    assert read == b"".join(written)


def test_the_text_after_the_last_newline_is_a_full_line_only_after_the_run():
    """Text after the last newline is a partial line during the run, and a full line after it."""
    assert [line[31:] for line in format_lines(messages([b"a\n", b"b"]), "stderr", is_over=False)] == [
        b"stderr F a\n",
        b"stderr P b\n",
    ]
    assert [line[31:] for line in format_lines(messages([b"b"]), "stderr", is_over=True)] == [b"stderr F b\n"]


def test_streams_are_merged_by_time():
    """The lines of both streams are ordered by their timestamps."""
    out = [TIME % 1 + b" stdout F a\n", TIME % 3 + b" stdout F c\n"]
    err = [TIME % 2 + b" stderr F b\n"]
    assert [line[-1] for line in merge_streams(out, err).splitlines()] == ["a", "b", "c"]


def test_the_newest_256_kb_are_kept():
    """The maximum number of shortest lines fills the window, which ends with the newest line."""
    shortest = [TIME % number + b" stdout F \n" for number in range(MAX_LINES)]
    text = merge_streams(shortest, [])
    assert len(text) == WINDOW_BYTES
    assert text.endswith(shortest[-1].decode())


def test_invalid_utf_8_is_replaced():
    """Bytes that are not valid UTF-8 become replacement characters instead of an error."""
    assert "�" in merge_streams([TIME % 1 + b" stdout F \xff\n"], [])
