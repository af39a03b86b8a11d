"""What of the file system cannot be read: named once, counted, and tried again later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

_RETRY_AFTER_SECONDS: Final = 1.0


class FileFaults:
    """The paths that cannot be read now.

    Args:
        metrics: counts errors and paths.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._unlisted: set[str] = set()
        self._retry_at: dict[str, float] = {}

    def record_walk(self, errors: Mapping[str, OSError], found: Iterable[str]) -> None:
        """Record what a walk could not examine, and forget the files that it has not found any more."""
        for path, exc in errors.items():
            self._count("cannot open", path, exc, is_new=path not in self._unlisted)
        self._unlisted = set(errors)
        if self._retry_at:
            known = set(found)
            self._retry_at = {path: at for path, at in self._retry_at.items() if path in known}
        self._update()

    def report(self, event: str, path: str, exc: OSError, now: float) -> None:
        """Record that a file cannot be opened or read."""
        self._count(event, path, exc, is_new=path not in self._retry_at)
        self._retry_at[path] = now + _RETRY_AFTER_SECONDS
        self._update()

    def may_try(self, path: str, now: float) -> bool:
        """Return whether to try a file, because it has not failed just before."""
        return now >= self._retry_at.get(path, now)

    def clear(self, path: str) -> None:
        """Record that a file could be read."""
        if self._retry_at.pop(path, None) is not None:
            self._update()

    def _count(self, event: str, path: str, exc: OSError, *, is_new: bool) -> None:
        self._metrics.add("file_errors_total")
        if is_new:
            log(event, level="ERROR", path=path, reason=exc.strerror or repr(exc))

    def _update(self) -> None:
        self._metrics.set("unreadable_files", len(self._unlisted | self._retry_at.keys()))
