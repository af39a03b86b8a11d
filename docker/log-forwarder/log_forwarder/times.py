"""Times of entries: when a line was written is unknown, but their order is known."""

from __future__ import annotations

from typing import Final

_STEP_MICROS: Final = 1000
_SPREAD_BEFORE_MICROS: Final = 100_000
"""The first records of a file get times from this long before its modification time."""
_SPREAD_AFTER_MICROS: Final = 1_000_000
"""Records get times until this long after the file's modification time, if there are many."""


class EntryTimes:
    """Assigns a time to each record of a file."""

    __slots__ = ("_latest_micros",)

    def __init__(self) -> None:
        self._latest_micros: int | None = None

    def assign(self, count: int, *, modified_at_micros: int, latest_micros: int) -> range:
        """Return a time for each record just read, in microseconds since the epoch.

        The real times are unknown: they are after those of earlier records and near the file's modification time.
        The order must survive, so each record is later than all before it: by 1 ms, which is the resolution that
        OCI displays, or by less when there are too many for the time until shortly after the modification time.

        Args:
            count: how many records, at least 1.
            modified_at_micros: modification time of the file.
            latest_micros: the latest time to return, because the modification time may be in the future.
        """
        at = min(modified_at_micros, latest_micros)
        since = at - _SPREAD_BEFORE_MICROS if self._latest_micros is None else self._latest_micros
        end = min(max(at, since + count * _STEP_MICROS), at + _SPREAD_AFTER_MICROS, latest_micros)
        step = max(1, min(_STEP_MICROS, (end - since) // count))
        first = max(since + step, end - (count - 1) * step)
        self._latest_micros = first + (count - 1) * step
        return range(first, first + count * step, step)
