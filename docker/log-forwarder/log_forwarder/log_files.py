"""Which files are logs, by their names, and which log a rotated file belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from typing import Final, NamedTuple

FileId = tuple[int, int]
"""Device and inode."""

DEFAULT_PATTERNS: Final = ("*.log",)

_SUFFIX: Final = re.compile(r"[.\-_](?=\d[\w.:+-]*$)")
"""Where the suffix of a rotated file may begin: `app.log.1`, `app.log-20260101`."""

_CLEAR_SUFFIX: Final = re.compile(r"\.\d{1,3}|[.\-_]\d{8}(?:[.\-_]\d+)?|[.\-_]\d{4}-\d\d-\d\d(?:[.\-_T][\d.:-]+)?")
"""A suffix that marks a rotated file even where the patterns match the name with it."""

_NUMBER: Final = re.compile(r"[.\-_](?=\d[^/]*$)")
"""Where the part that a rotation inserted before the extension may begin in a path (logrotate's `extension`)."""

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z", ".lzma", ".7z", ".tgz")


class FileInfo(NamedTuple):
    """A regular file: its path below the log directory, modification time (ns) and size (bytes)."""

    path: str
    mtime_ns: int
    size: int

    @property
    def mtime_and_size(self) -> tuple[int, int]:
        """What changes when the file is written."""
        return self.mtime_ns, self.size


class LogFiles:
    """The files that are shipped.

    Args:
        patterns: as of a shell, with `*`, `?` and `[...]`.  One with a slash is compared with the path below the
            log directory, one without with the name; one that begins with `!` excludes files, also those that
            another pattern matches.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._included = [_compiled(one) for one in patterns if not one.startswith("!")]
        self._excluded = [_compiled(one[1:]) for one in patterns if one.startswith("!")]

    def log_of(self, path: str) -> str:
        """Return the path of the log that a file belongs to, or an empty text when it is not shipped.

        That is the file's own path, or that without the suffix of a rotation.
        """
        if path.endswith(_COMPRESSED) or self._matches(self._excluded, path):
            return ""
        is_log = self._matches(self._included, path)
        name_at = path.rfind("/") + 1
        for match in _SUFFIX.finditer(path, name_at + 1):
            log = path[: match.start()]
            is_rotated = not is_log or _CLEAR_SUFFIX.fullmatch(path, match.start())
            if is_rotated and self._matches(self._included, log):
                return "" if self._matches(self._excluded, log) else log
        return path if is_log else ""

    @staticmethod
    def _matches(patterns: list[tuple[re.Pattern[str], bool]], path: str) -> bool:
        name = path[path.rfind("/") + 1 :]
        return any(pattern.match(path if is_path else name) for pattern, is_path in patterns)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that no generation has: what a walk has seen of it, and the log that it belongs to."""

    info: FileInfo
    log: str

    @property
    def is_rotated(self) -> bool:
        """Whether the name has a suffix after that of the log."""
        return self.info.path != self.log

    @property
    def originals(self) -> list[str]:
        """Paths of the logs that this file may be a copy of, judging by its name."""
        if self.is_rotated:
            return [self.log]
        stem, dot, extension = self.log.rpartition(".")
        if not dot or "/" in extension:
            return []
        return [f"{stem[: match.start()]}.{extension}" for match in _NUMBER.finditer(stem)]


def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    return re.compile(translate(pattern.removeprefix("./"))), "/" in pattern
