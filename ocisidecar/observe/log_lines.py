"""Parse container logs into lines, and find the new lines between two polls.  Pure.

OCI returns the newest 256 KB of one run, and its API has neither a position nor a time range.  So each window is
aligned with the one before it by content.  Every line has the prefix of the Container Runtime Interface, with its
time, stream and a tag for full or partial lines: `2026-03-01T10:00:00.123456789Z stdout F text`.

Source: oci.container_instances.ContainerInstanceClient.retrieve_logs for the size.  UNCONFIRMED: the prefix, which
was seen in live use but is not documented; lines without it are kept unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Literal

from attrs import asdict, define, field, frozen

from ocisidecar.timestamps import from_rfc3339

WINDOW_BYTES = 256 * 1024
"""The most that OCI returns.  Source: as above."""

_MAX_LINE_BYTES = 16 * 1024
"""Runtimes split longer lines, so a window that was cut at a line's end may be this much below the maximum."""

_PREFIXED = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?P<stream>stdout|stderr) "
    r"(?P<tag>[FP]) ?(?P<text>.*)"
)
_PARTIAL = "P"

Stream = Literal["stdout", "stderr", "note"]


@frozen(kw_only=True)
class LogLine:
    """One line that a container wrote.

    Attributes:
        time: as the container runtime recorded it, to the microsecond; None for a line without a prefix.
        instance: name of the instance, e.g. `web-0`.
        container: name of the container.
        stream: `stdout` or `stderr`; `note` for a remark of this library, such as a gap in the log.
        text: without the newline.
    """

    time: datetime | None
    instance: str
    container: str
    stream: Stream
    text: str

    def to_dict(self) -> dict[str, object]:
        """Return the line as plain data, its time in RFC 3339."""
        return {**asdict(self), "time": self.time.isoformat() if self.time is not None else None}

    def __str__(self) -> str:
        time = self.time.isoformat() if self.time is not None else "-"
        return f"{time} {self.instance}/{self.container} {self.stream} {self.text}"


class Continuity(Enum):
    """How a window continues what was read before."""

    CONTINUES = "continues"
    RESTARTED = "restarted"
    GAP = "gap"


@frozen
class Window:
    """The text of one retrieval of a log.

    Attributes:
        lines: complete lines, with their prefix.
        incomplete: what follows the last newline: a line that may still grow.
        is_full: whether it has the maximum size, so that older lines may be missing.
    """

    lines: tuple[str, ...]
    incomplete: str = ""
    is_full: bool = False

    @classmethod
    def of(cls, text: str) -> Window:
        """Return the window of `text`, without the remainder of a first line that was cut."""
        is_full = len(text.encode()) >= WINDOW_BYTES - _MAX_LINE_BYTES
        *lines, incomplete = text.split("\n")
        if is_full and lines and not _PREFIXED.fullmatch(lines[0]):
            del lines[0]
        return cls(tuple(lines), incomplete, is_full)


def overlap(before: Sequence[str], lines: Sequence[str]) -> int | None:
    """Return how many of `lines`, from the front, `before` already contains; None if there is no overlap.

    Of several possible overlaps the largest counts.
    """
    if not before:
        return 0
    for start, line in enumerate(before):
        if lines[:1] == (line,):
            shared = min(len(before) - start, len(lines))
            if before[start : start + shared] == lines[:shared]:
                return shared
    return None


@define
class LogFollower:
    """Turns successive windows of one container's log into lines, each once."""

    instance: str
    container: str
    _before: tuple[str, ...] = ()
    _incomplete: str = ""
    _partial: dict[Stream, str] = field(factory=dict)
    _time: datetime | None = None

    def continuity(self, window: Window) -> Continuity:
        """Return how `window` continues what was read before."""
        if overlap(self._before, window.lines) is not None:
            return Continuity.CONTINUES
        return Continuity.GAP if window.is_full else Continuity.RESTARTED

    def read(self, window: Window, *, is_last: bool = False) -> list[LogLine]:
        """Return the lines of `window` that are new.

        An incomplete line is held back until it is complete, has not grown since the last window, or `is_last`.
        """
        is_complete = window.incomplete and (is_last or window.incomplete == self._incomplete)
        lines = (*window.lines, window.incomplete) if is_complete else window.lines
        known = overlap(self._before, lines)
        new = lines[known or 0 :]
        parsed = list(self._parse(new)) if known is not None else [*self._flush(), *self._parse(new)]
        if new:
            self._before = lines
        self._incomplete = window.incomplete
        return [*parsed, *self._flush()] if is_last else parsed

    def note(self, text: str, time: datetime) -> LogLine:
        """Return a remark about this log."""
        return LogLine(time=time, instance=self.instance, container=self.container, stream="note", text=text)

    def _parse(self, lines: Iterable[str]) -> Iterator[LogLine]:
        for line in lines:
            match = _PREFIXED.fullmatch(line)
            time = from_rfc3339(match["time"]) if match is not None else None
            if match is None or time is None:
                yield self._line("stdout", line)
                continue
            self._time = time
            stream: Stream = "stderr" if match["stream"] == "stderr" else "stdout"
            text = self._partial.pop(stream, "") + match["text"]
            if match["tag"] == _PARTIAL:
                self._partial[stream] = text
            else:
                yield self._line(stream, text)

    def _flush(self) -> list[LogLine]:
        """Return partial lines whose end is missing, and forget them."""
        lines = [self._line(stream, text) for stream, text in self._partial.items()]
        self._partial.clear()
        return lines

    def _line(self, stream: Stream, text: str) -> LogLine:
        return LogLine(time=self._time, instance=self.instance, container=self.container, stream=stream, text=text)
