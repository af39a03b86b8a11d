"""A container's output in the line format of OCI's `retrieve_logs`.

Each line has its timestamp, its stream and a tag: F for a full line, P for a part of a line that is longer than the
engine's buffer (16 KB).  Source: log format of the Container Runtime Interface, seen in live use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

WINDOW_BYTES = 256 * 1024
"""Source: oci.container_instances.ContainerInstanceClient.retrieve_logs."""

SHORTEST_LINE_BYTES = len("2026-03-01T10:00:00.123456789Z stdout F \n")
MAX_LINES = WINDOW_BYTES // SHORTEST_LINE_BYTES + 1

Stream = Literal["stdout", "stderr"]


def format_lines(messages: Iterable[bytes], stream: Stream, *, is_over: bool) -> Iterator[bytes]:
    """Yield the lines of one stream.

    Args:
        messages: `<time> <text>`, as the engine sends them.
        stream: their stream.
        is_over: whether the run has ended; until then, text after the last newline is a partial line.
    """
    held: tuple[bytes, bytes] | None = None
    for message in messages:
        if held is not None:
            yield _line(*held, stream, is_full=held[1].endswith(b"\n"))
        time, _, text = message.partition(b" ")
        held = (time, text)
    if held is not None:
        yield _line(*held, stream, is_full=is_over or held[1].endswith(b"\n"))


def _line(time: bytes, text: bytes, stream: Stream, *, is_full: bool) -> bytes:
    tag = b"F" if is_full else b"P"
    return b" ".join((time, stream.encode(), tag, text.removesuffix(b"\n"))) + b"\n"


def merge_streams(stdout: Iterable[bytes], stderr: Iterable[bytes]) -> str:
    """Return the newest 256 KB of the lines of both streams, ordered by timestamp."""
    lines: list[bytes] = sorted([*stdout, *stderr], key=_time)
    return b"".join(lines)[-WINDOW_BYTES:].decode(errors="replace")


def _time(line: bytes) -> bytes:
    return line.partition(b" ")[0]
