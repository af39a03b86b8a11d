"""A file system whose functions can be made to fail, and the system calls that a forwarder makes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from log_forwarder.checkpoint import Checkpoint


class _Entry:
    """An entry of a directory whose `stat` may fail."""

    def __init__(self, entry, file_system):
        self._entry = entry
        self._file_system = file_system
        self.name = entry.name
        self.is_dir = entry.is_dir
        self.is_file = entry.is_file

    def stat(self, *, follow_symlinks):
        self._file_system.call("stat", self._entry.path)
        return self._entry.stat(follow_symlinks=follow_symlinks)


class _Listing:
    def __init__(self, entries):
        self._entries = entries

    def __enter__(self):
        return iter(self._entries)

    def __exit__(self, *_):
        pass


class FileSystem:
    """Fails as told: `errors` has the error numbers, by function and path below the root.

    Args:
        root: the log directory.
        monkeypatch: replaces the functions of `os`.
    """

    def __init__(self, root: Path, monkeypatch) -> None:
        self.root = root
        self.errors: dict[tuple[str, str], int] = {}
        self.calls: Counter[str] = Counter()
        self.paths: dict[int, str] = {}
        scandir, save, os_open = os.scandir, Checkpoint.save, os.open

        def opened(path, *arguments, **options):
            self.call("open", path)
            descriptor = os_open(path, *arguments, **options)
            self.paths[descriptor] = os.fspath(path)
            return descriptor

        def listed(path):
            self.call("scandir", path)
            with scandir(path) as entries:
                return _Listing([_Entry(entry, self) for entry in entries])

        def saved(checkpoint, states):
            self.call("save", root)
            save(checkpoint, states)

        monkeypatch.setattr(os, "open", opened)
        monkeypatch.setattr(os, "scandir", listed)
        monkeypatch.setattr(Checkpoint, "save", saved)
        for name in ("pread", "fstat"):
            monkeypatch.setattr(os, name, self._by_descriptor(name, getattr(os, name)))

    def fail(self, function: str, path: str, code: int) -> None:
        """Let a function fail for a path below the root, whether or not the file is open."""
        self.errors[function, path] = code

    def heal(self) -> None:
        """Let nothing fail any more."""
        self.errors.clear()

    def call(self, function: str, path: str | Path) -> None:
        """Count a call, and fail if told to."""
        self.calls[function] += 1
        below = os.path.relpath(os.fsdecode(path), self.root)
        if code := self.errors.get((function, "" if below == "." else below)):
            raise OSError(code, os.strerror(code), path)

    def _by_descriptor(self, name, function):
        def called(descriptor, *arguments):
            self.call(name, self.paths.get(descriptor, "/"))
            return function(descriptor, *arguments)

        return called
