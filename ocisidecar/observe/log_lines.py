"""What a container wrote, as lines: parsing, and finding what is new between two looks.  Pure.

OCI returns the newest 256 KB of one run and nothing else: no position, no time range.  So a look is joined to the
one before it by content.  Every line bears its time, stream and a mark that says whether it is whole, the format
of the Container Runtime Interface: `2026-03-01T10:00:00.123456789Z stdout F text`.

Source: oci.container_instances.ContainerInstanceClient.retrieve_logs for the size.  UNCONFIRMED: the prefix, which
was seen in live use but is not documented; lines without it are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Literal

from attrs import asdict, define, field, frozen

WINDOW_BYTES = 256 * 1024
"""Source: as above."""

_LONGEST_LINE_BYTES = 16 * 1024
"""A runtime splits longer lines, so a window that was cut at a line may be that much shorter than the whole."""

_PREFIXED = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?P<stream>stdout|stderr) "
    r"(?P<mark>[FP]) ?(?P<text>.*)"
)
_PART = "P"

Stream = Literal["stdout", "stderr", "note"]


@frozen(kw_only=True)
class LogLine:
    """One line that a container wrote.

    Attributes:
        time: when, in the container's own words, to the microsecond; None for a line that came without it.
        instance: name of the instance, e.g. `web-0`.
        container: name of the container.
        stream: `stdout` or `stderr`; `note` for what this library has to say about the log, such as a gap.
        text: without the line's end.
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


class Joint(Enum):
    """How a look joins the one before it."""

    CONTINUES = "continues"
    RESTARTED = "restarted"
    GAP = "gap"


@frozen
class Window:
    """One look at a log.

    Attributes:
        lines: whole lines, raw.
        rest: what follows the last line's end: a line that may still grow.
        is_full: older lines fell out of it.
    """

    lines: tuple[str, ...]
    rest: str = ""
    is_full: bool = False

    @classmethod
    def of(cls, text: str) -> Window:
        """Return the look at `text`; the end of a line that was cut off in front is left out."""
        is_full = len(text.encode()) >= WINDOW_BYTES - _LONGEST_LINE_BYTES
        *lines, rest = text.split("\n")
        if is_full and lines and not _PREFIXED.fullmatch(lines[0]):
            del lines[0]
        return cls(tuple(lines), rest, is_full)


def seen_lines(before: Sequence[str], lines: Sequence[str]) -> int | None:
    """Return how many of `lines`, from the front, were in the look `before`; None when the two do not meet.

    Of several ways to lay them over each other the one with the largest overlap is taken.
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
class Tail:
    """Turns successive looks at one container's log into lines, each once."""

    instance: str
    container: str
    _before: tuple[str, ...] = ()
    _rest: str = ""
    _parts: dict[Stream, str] = field(factory=dict)
    _time: datetime | None = None

    def joint(self, window: Window) -> Joint:
        """Return how `window` joins what was taken before."""
        if seen_lines(self._before, window.lines) is not None:
            return Joint.CONTINUES
        return Joint.GAP if window.is_full else Joint.RESTARTED

    def take(self, window: Window, *, is_last: bool = False) -> list[LogLine]:
        """Return the lines of `window` that were not taken before.

        An unfinished line is kept back until it is finished, has not grown since the last look, or `is_last`.
        """
        is_finished = window.rest and (is_last or window.rest == self._rest)
        lines = (*window.lines, window.rest) if is_finished else window.lines
        seen = seen_lines(self._before, lines)
        new = lines[seen or 0 :]
        taken = list(self._parse(new)) if seen is not None else [*self._flush(), *self._parse(new)]
        if new:
            self._before = lines
        self._rest = window.rest
        return [*taken, *self._flush()] if is_last else taken

    def note(self, text: str, time: datetime) -> LogLine:
        """Return what there is to say about this log."""
        return LogLine(time=time, instance=self.instance, container=self.container, stream="note", text=text)

    def _parse(self, lines: Iterable[str]) -> Iterator[LogLine]:
        for line in lines:
            found = _PREFIXED.fullmatch(line)
            if found is None:
                yield self._line("stdout", line)
                continue
            self._time = datetime.fromisoformat(found["time"])
            stream: Stream = "stderr" if found["stream"] == "stderr" else "stdout"
            text = self._parts.pop(stream, "") + found["text"]
            if found["mark"] == _PART:
                self._parts[stream] = text
            else:
                yield self._line(stream, text)

    def _flush(self) -> list[LogLine]:
        """Return lines whose last part never came."""
        lines = [self._line(stream, text) for stream, text in self._parts.items()]
        self._parts.clear()
        return lines

    def _line(self, stream: Stream, text: str) -> LogLine:
        return LogLine(time=self._time, instance=self.instance, container=self.container, stream=stream, text=text)
