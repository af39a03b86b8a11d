"""Lists the files below a directory, a part at a time, so that many files do not take the CPU of others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from log_forwarder.log_files import FileId, FileInfo


@dataclass(slots=True)
class Listing:
    """What a walk has found.

    Args:
        files: the regular files that are not hidden.
        special: paths of symbolic links, pipes and the like.
        errors: paths of what could not be listed or examined: what is there is unknown.  A directory's path ends
            with a slash; that of the root is `.`.
    """

    files: dict[FileId, FileInfo] = field(default_factory=dict)
    special: list[str] = field(default_factory=list)
    errors: dict[str, OSError] = field(default_factory=dict)

    def is_unknown(self, path: str) -> bool:
        """Return whether a file may exist under a path although the walk has not found it."""
        return any(
            one == "." or (path.startswith(one) if one.endswith("/") else path == one) for one in self.errors
        )


class DirectoryWalk:
    """Walks below a directory, again and again.  Symbolic links are not followed.

    Args:
        root: the directory; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._listing = Listing()
        self._steps: Iterator[None] | None = None

    def advance(self, entries: float | None) -> Listing | None:
        """Examine so many entries, or all that are left with None; return the listing when it is complete."""
        if self._steps is None:
            self._listing = Listing()
            self._steps = self._walk(self._listing)
        for count, _ in enumerate(self._steps, 1):
            if entries is not None and count >= entries:
                return None
        self._steps = None
        return self._listing

    def _walk(self, listing: Listing) -> Iterator[None]:
        directories = [""]
        while directories:
            below = directories.pop()
            try:
                with os.scandir(f"{self._root}/{below}".rstrip("/")) as found:
                    entries = sorted(found, key=lambda entry: entry.name, reverse=True)
            except (FileNotFoundError, NotADirectoryError) as exc:
                if not below:
                    listing.errors["."] = exc
                continue
            except OSError as exc:
                listing.errors[below or "."] = exc
                continue
            for entry in entries:
                yield
                if not entry.name.startswith("."):
                    self._examine(entry, below + entry.name, listing, directories)

    @staticmethod
    def _examine(entry: os.DirEntry[str], path: str, listing: Listing, directories: list[str]) -> None:
        try:
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                file_id = (status.st_dev, status.st_ino)
                listing.files[file_id] = FileInfo(path, status.st_mtime_ns, status.st_size)
            elif entry.is_dir(follow_symlinks=False):
                directories.append(path + "/")
            else:
                listing.special.append(path)
        except FileNotFoundError:
            return
        except OSError as exc:
            listing.errors[path] = exc
