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
from log_forwarder.json_log import log
from log_forwarder.metrics import Metrics

Key = tuple[int, int]
"""Device and inode."""

_ROTATED: Final = re.compile(r"(?P<log>.+\.log)[.\-_]\d[\w.:+-]*", re.DOTALL)
_NUMBER: Final = re.compile(r"[.\-_](?=\d[^/]*$)")
"""Where what a rotation put before `.log` may begin, in a path (logrotate's `extension`)."""

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")
_FORGET_SECONDS: Final = 10.0
_COPY_SECONDS: Final = 30.0
"""What is named like a log of its own is one, unless the log that it begins like is truncated within this time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the directory.

    Args:
        path: where it is.
        log: of which log it is a part; empty for none.
        stamp: when it was modified, in nanoseconds, and its size.
    """

    path: str
    log: str
    stamp: tuple[int, int]

    @property
    def is_rotated(self) -> bool:
        """Whether something was appended to the log's name."""
        return self.path != self.log

    @property
    def originals(self) -> list[str]:
        """The logs that this file may be a copy of, going by its name."""
        if self.is_rotated:
            return [self.log]
        return [f"{self.path[: match.start()]}.log" for match in _NUMBER.finditer(self.path)]


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that is the beginning of another one: what it looked like when that was seen, and since when it is."""

    original: Generation
    stamp: tuple[int, int]
    since: float


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
        self._copies: dict[Key, Copy] = {}
        self._refused: set[str] = set()
        self._told: set[str] = set()
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

    def scan(self, now: float, *, is_closing: bool = False) -> None:
        """Look what is there: open what is new, close what is gone and done.

        Args:
            now: seconds on a clock that never goes back.
            is_closing: nothing more will be written, so nothing is waited for.
        """
        self._scans += 1
        self._told, self._refused = self._refused, set()
        files = dict(self._walk(""))
        self._recognise(files)
        expected = {saved.inode for saved in self._saved}
        newcomers = {
            key: found
            for key, found in files.items()
            if found.log and key not in self._generations and key[1] not in expected
        }
        if any(found.originals for found in newcomers.values()):
            for generation in self.generations:
                if generation.is_truncated:
                    self.replace(generation)
        for key, found in sorted(newcomers.items(), key=lambda item: (bool(item[1].originals), item[1].stamp)):
            copy = self._copies.get(key)
            since = now if copy is None else copy.since
            if copy and not found.is_rotated and (is_closing or now - since > _COPY_SECONDS):
                self._begin(key, found)
            elif copy is None or copy.stamp != found.stamp:
                self._welcome(key, found, files, since)
        self._copies = {
            key: copy for key, copy in self._copies.items() if key in files and key not in self._generations
        }
        self._forget(files, now)
        self._metrics.set("files", len(self._generations))
        self._metrics.set("unreadable_files", len(self._refused))

    def replace(self, generation: Generation) -> Generation:
        """Begin a new generation in the file of one that was truncated; the old one's copy is looked for."""
        key = (generation.device, generation.inode)
        log("truncated", path=generation.path, at=generation.position)
        self._metrics.add("truncations_total")
        self._orphans.append(Orphan(generation.here(), generation, self._scans))
        self._copies = {one: copy for one, copy in self._copies.items() if copy.original is not generation}
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

    def _welcome(self, key: Key, found: Found, files: Mapping[Key, Found], since: float) -> None:
        """Take in a file that is not known: the copy of a generation, or a new one."""
        if not found.originals:
            self._begin(key, found)
            return
        descriptor = self._open(key, found.path)
        if descriptor is None:
            return
        standing = [
            one for key, one in self._generations.items() if key in files and files[key].path in found.originals
        ]
        if (original := next((one for one in standing if one.begins_with(descriptor)), None)) is not None:
            if original.position and os.fstat(descriptor).st_size:
                self._copies[key] = Copy(original, found.stamp, since)
            os.close(descriptor)
            return
        for one in standing:
            if one.is_truncated:
                self.replace(one)
        if (orphan := self._parent(found, descriptor)) is None:
            os.close(descriptor)
            self._begin(key, found)
            return
        self._orphans.remove(orphan)
        self._generations[key] = _adopt(orphan, descriptor)

    def _begin(self, key: Key, found: Found) -> None:
        """Take in a new file."""
        if (descriptor := self._open(key, found.path)) is not None:
            log("file found", path=found.path)
            self._generations[key] = Generation(found.log, descriptor)

    def _parent(self, found: Found, descriptor: int) -> Orphan | None:
        """Return the generation that was copied to a file before its own was emptied."""
        candidates = (orphan for orphan in self._orphans if orphan.saved.path in found.originals)
        return next((one for one in candidates if one.saved.head.length and fits(one.saved, descriptor)), None)

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
            self._refuse(path, exc)
            return None
        if descriptor is None:
            return None
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == key:
            return descriptor
        os.close(descriptor)
        return None

    def _refuse(self, path: str, exc: OSError) -> None:
        """Count what cannot be opened, and tell it once."""
        self._refused.add(path)
        if path not in self._told:
            log("cannot open", level="ERROR", path=path, reason=exc.strerror)

    def _walk(self, below: str) -> Iterator[tuple[Key, Found]]:
        """Yield the regular files; `log` is empty for those that are of no log, which may yet be renamed ones."""
        try:
            with os.scandir(self._root / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
        except FileNotFoundError:
            return
        except OSError as exc:
            self._refuse(below or ".", exc)
            return
        for entry in entries:
            path = below + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path + "/")
            elif entry.is_file(follow_symlinks=False):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                stamp = (status.st_mtime_ns, status.st_size)
                yield (status.st_dev, status.st_ino), Found(path, _log_of(path), stamp)


def _adopt(orphan: Orphan, descriptor: int) -> Generation:
    log("goes on in the copy", path=orphan.saved.path, at=orphan.saved.acknowledged)
    if orphan.generation is None:
        return Generation(orphan.saved.path, descriptor, orphan.saved)
    orphan.generation.move_to(descriptor)
    return orphan.generation


def _log_of(path: str) -> str:
    """Return the path of the log that a file is part of, or nothing."""
    if path.endswith(".log"):
        return path
    rotated = None if path.endswith(_COMPRESSED) else _ROTATED.fullmatch(path)
    return rotated["log"] if rotated else ""
