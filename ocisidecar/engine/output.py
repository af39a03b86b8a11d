"""What a container wrote, in the form that OCI returns it.

Each line bears its time, its stream and a mark: F for a whole line, P for a part of one that was longer than what
the engine takes at once (16 KB).  Source: the format of the Container Runtime Interface, seen in live use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

WINDOW_BYTES = 256 * 1024
"""Source: oci.container_instances.ContainerInstanceClient.retrieve_logs."""

SHORTEST_LINE_BYTES = len("2026-03-01T10:00:00.123456789Z stdout F \n")
MAX_LINES = WINDOW_BYTES // SHORTEST_LINE_BYTES + 1

Stream = Literal["stdout", "stderr"]


def lines_of(messages: Iterable[bytes], stream: Stream, *, is_over: bool) -> Iterator[bytes]:
    """Yield the lines of one stream, its messages being `<time> <text>` as the engine gives them.

    The text that follows the last line's end is a part of a line until the run is over.
    """
    held: tuple[bytes, bytes] | None = None
    for message in messages:
        if held is not None:
            yield _line(*held, stream, is_whole=held[1].endswith(b"\n"))
        time, _, text = message.partition(b" ")
        held = (time, text)
    if held is not None:
        yield _line(*held, stream, is_whole=is_over or held[1].endswith(b"\n"))


def _line(time: bytes, text: bytes, stream: Stream, *, is_whole: bool) -> bytes:
    mark = b"F" if is_whole else b"P"
    return b" ".join((time, stream.encode(), mark, text.removesuffix(b"\n"))) + b"\n"


def merged(stdout: Iterable[bytes], stderr: Iterable[bytes]) -> str:
    """Return the lines of both streams in the order of their times, the newest 256 KB of them."""
    lines: list[bytes] = sorted([*stdout, *stderr], key=_time)
    return b"".join(lines)[-WINDOW_BYTES:].decode(errors="replace")


def _time(line: bytes) -> bytes:
    return line.partition(b" ")[0]
