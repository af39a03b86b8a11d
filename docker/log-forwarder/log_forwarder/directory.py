"""Which files there are, and which of them is which after a rotation.

A file is known by device and inode, so a renamed one goes on where it was.  One that was emptied in place starts a
new generation; the old one goes on in the copy that was made before (logrotate's copytruncate), if there is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from log_forwarder.checkpoint import Saved
from log_forwarder.generation import Generation, fits, open_log
from log_forwarder.journal import log
from log_forwarder.metrics import Metrics

Key = tuple[int, int]
"""Device and inode."""

_ROTATED: Final = re.compile(r"(?P<log>.+\.log)[.\-_]\d[\w.:+-]*")
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")
_FORGET_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the directory: where it is, of which log it is a part, and whether under the log's own name."""

    path: str
    log: str
    modified_at: float

    @property
    def is_rotated(self) -> bool:
        """Whether something was appended to the log's name."""
        return self.path != self.log


@dataclass(frozen=True, slots=True)
class Orphan:
    """A generation whose file holds something else now; `generation` is None when an earlier run read it."""

    saved: Saved
    generation: Generation | None
    scan: int


class Directory:
    """The generations below a directory.  Not thread-safe.

    Args:
        root: the log directory; it need not exist yet.
        saved: what an earlier run knew.
        metrics: counts what was seen.
    """

    def __init__(self, root: Path, saved: tuple[Saved, ...], metrics: Metrics) -> None:
        self._root = root
        self._saved = sorted(saved, key=lambda item: -item.acknowledged)
        self._metrics = metrics
        self._generations: dict[Key, Generation] = {}
        self._seen_at: dict[Key, float] = {}
        self._orphans: list[Orphan] = []
        self._copies: dict[Key, Generation] = {}
        self._refused: set[str] = set()
        self._scans = 0

    @property
    def generations(self) -> tuple[Generation, ...]:
        """Those that can be read, the oldest first."""
        return tuple(self._generations.values())

    def known(self) -> list[Saved]:
        """Return what must be kept."""
        present = [generation.known() for generation in self._generations.values()]
        absent = [one.saved if one.generation is None else one.generation.known() for one in self._orphans]
        return present + absent + self._saved

    def scan(self, now: float) -> None:
        """Look what is there: open what is new, close what is gone and done.

        Args:
            now: seconds on a clock that never goes back.
        """
        self._scans += 1
        files = dict(_walk(self._root, ""))
        self._recognise(files)
        expected = {saved.inode for saved in self._saved}
        newcomers = {
            key: found
            for key, found in files.items()
            if found.log and key not in self._generations and key[1] not in expected
        }
        if any(found.is_rotated for found in newcomers.values()):
            for generation in self.generations:
                if generation.is_truncated:
                    self.replace(generation)
        for key, found in sorted(newcomers.items(), key=lambda item: (item[1].is_rotated, item[1].modified_at)):
            if key not in self._copies:
                self._welcome(key, found, files)
        self._copies = {key: original for key, original in self._copies.items() if key in files}
        self._forget(files, now)
        self._refused &= {found.path for found in files.values()}
        self._metrics.set("files", len(self._generations))
        self._metrics.set("unreadable_files", len(self._refused))

    def replace(self, generation: Generation) -> Generation:
        """Begin a new generation in the file of one that was truncated; the old one's copy is looked for."""
        key = (generation.device, generation.inode)
        log("truncated", path=generation.path, at=generation.position)
        self._metrics.add("truncations_total")
        self._orphans.append(Orphan(generation.here(), generation, self._scans))
        self._copies = {one: original for one, original in self._copies.items() if original is not generation}
        self._generations[key] = Generation(generation.path, generation.duplicate())
        return self._generations[key]

    def close(self) -> None:
        """Close all files."""
        for generation in self._generations.values():
            generation.close()
        for orphan in self._orphans:
            if orphan.generation is not None:
                orphan.generation.close()

    def _recognise(self, files: Mapping[Key, Found]) -> None:
        """Find again what an earlier run knew; what is not there any more may have a copy."""
        saved, self._saved = self._saved, []
        for one in saved:
            # A volume that was mounted again may have got another device number.
            for key in [key for key in files if key[1] == one.inode and key not in self._generations]:
                descriptor = self._open(key, files[key].path)
                if descriptor is None:
                    self._saved.append(one)
                    break
                if fits(one, descriptor):
                    self._generations[key] = Generation(one.path, descriptor, one)
                    break
                os.close(descriptor)
            else:
                self._orphans.append(Orphan(one, None, self._scans))

    def _welcome(self, key: Key, found: Found, files: Mapping[Key, Found]) -> None:
        """Take in a file that is not known: the copy of a generation, or a new one."""
        descriptor = self._open(key, found.path)
        if descriptor is None:
            return
        if found.is_rotated:
            original = self._original(found, files)
            if original is not None and original.begins_with(descriptor):
                if original.position and os.fstat(descriptor).st_size:
                    self._copies[key] = original
                os.close(descriptor)
                return
            if original is not None and original.is_truncated:
                self.replace(original)
            if (orphan := self._parent(found, descriptor)) is not None:
                self._orphans.remove(orphan)
                self._generations[key] = _adopt(orphan, descriptor)
                return
        log("file found", path=found.path)
        self._generations[key] = Generation(found.log, descriptor)

    def _parent(self, found: Found, descriptor: int) -> Orphan | None:
        """Return the generation that was copied to a file before its own was emptied."""
        candidates = (orphan for orphan in self._orphans if orphan.saved.path == found.log)
        return next((one for one in candidates if one.saved.head.length and fits(one.saved, descriptor)), None)

    def _original(self, found: Found, files: Mapping[Key, Found]) -> Generation | None:
        """Return the generation that stands at the path of a rotated file's log."""
        standing = (one for key, one in self._generations.items() if key in files and files[key].path == found.log)
        return next(standing, None)

    def _forget(self, files: Mapping[Key, Found], now: float) -> None:
        for key, generation in list(self._generations.items()):
            if key in files:
                self._seen_at[key] = now
            away = now - self._seen_at.setdefault(key, now)
            if key not in files and (generation.is_deleted or away > _FORGET_SECONDS) and generation.is_over(now):
                log("file is gone and was read to its end", path=generation.path, bytes=generation.position)
                generation.close()
                del self._generations[key], self._seen_at[key]
        for orphan in [one for one in self._orphans if one.scan < self._scans - 1]:
            self._orphans.remove(orphan)
            self._mourn(orphan)

    def _mourn(self, orphan: Orphan) -> None:
        """Say what can never be read."""
        lost = 0
        if orphan.generation is not None:
            lost = orphan.generation.seen_size - orphan.generation.position
            orphan.generation.close()
        level = "WARNING" if lost > 0 else "INFO"
        log(
            "no copy of what was truncated or removed", level=level, path=orphan.saved.path, lost_bytes=max(0, lost)
        )
        self._metrics.add("lost_bytes_total", max(0, lost))

    def _open(self, key: Key, path: str) -> int | None:
        """Return a descriptor; None when the file may not be read, or was moved since it was seen."""
        try:
            descriptor = open_log(self._root / path)
        except OSError as exc:
            if path not in self._refused:
                self._refused.add(path)
                log("cannot open a file", level="ERROR", path=path, reason=exc.strerror)
            return None
        self._refused.discard(path)
        if descriptor is None:
            return None
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == key:
            return descriptor
        os.close(descriptor)
        return None


def _adopt(orphan: Orphan, descriptor: int) -> Generation:
    log("goes on in the copy", path=orphan.saved.path, at=orphan.saved.acknowledged)
    if orphan.generation is None:
        return Generation(orphan.saved.path, descriptor, orphan.saved)
    orphan.generation.move_to(descriptor)
    return orphan.generation


def _walk(root: Path, below: str) -> Iterator[tuple[Key, Found]]:
    """Yield the regular files; `log` is empty for those that are of no log, which may yet be renamed ones."""
    try:
        with os.scandir(root / below) as listing:
            entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
    except OSError:
        return
    for entry in entries:
        path = below + entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path + "/")
        elif entry.is_file(follow_symlinks=False):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield (status.st_dev, status.st_ino), Found(path, below + _log_of(entry.name), status.st_mtime)


def _log_of(name: str) -> str:
    """Return the name of the log that a file is part of, or nothing."""
    if name.endswith(".log"):
        return name
    rotated = None if name.endswith(_COMPRESSED) else _ROTATED.fullmatch(name)
    return rotated["log"] if rotated else ""
