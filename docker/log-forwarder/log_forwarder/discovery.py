"""Which log files exist, and which is which after a rotation.

A file is identified by device and inode, so a renamed file continues at its offset.  A file that was truncated in
place starts a new generation; the old one continues in the copy that was made before (logrotate's copytruncate), if
there is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from log_forwarder.checkpoint import GenerationState
from log_forwarder.generation import Generation, matches, open_log
from log_forwarder.json_log import log
from log_forwarder.metrics import Metrics

FileId = tuple[int, int]
"""Device and inode."""

_ROTATED: Final = re.compile(r"(?P<log>.+\.log)[.\-_]\d[\w.:+-]*", re.DOTALL)
_NUMBER: Final = re.compile(r"[.\-_](?=\d[^/]*$)")
"""Where the part that a rotation inserted before `.log` may begin in a path (logrotate's `extension`)."""

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")
_DROP_AFTER_SECONDS: Final = 10.0
_COPY_DECISION_SECONDS: Final = 30.0
"""A suspected copy whose original is not truncated for this long is shipped as a log of its own."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A regular file below the log directory.

    Args:
        path: relative to the log directory.
        log: path of the log that it belongs to; empty when its name is not that of a log file.
        mtime_and_size: modification time in nanoseconds, and size in bytes.
    """

    path: str
    log: str
    mtime_and_size: tuple[int, int]

    @property
    def is_rotated(self) -> bool:
        """Whether the name has a suffix after that of the log."""
        return self.path != self.log

    @property
    def originals(self) -> list[str]:
        """Paths of the logs that this file may be a copy of, judging by its name."""
        if self.is_rotated:
            return [self.log]
        return [f"{self.path[: match.start()]}.log" for match in _NUMBER.finditer(self.path)]


@dataclass(frozen=True, slots=True)
class SuspectedCopy:
    """A file whose content is the beginning of another; `since` is when that was first seen."""

    original: Generation
    mtime_and_size: tuple[int, int]
    since: float


@dataclass(frozen=True, slots=True)
class Orphan:
    """A generation whose file has other content now; `generation` is None when only an earlier run read it."""

    state: GenerationState
    generation: Generation | None
    scan: int


class FileDiscovery:
    """The generations below a directory.  Not thread-safe.

    Args:
        root: the log directory; it need not exist yet.
        states: of the generations of an earlier run.
        metrics: counts files, truncations and lost bytes.
    """

    def __init__(self, root: Path, states: tuple[GenerationState, ...], metrics: Metrics) -> None:
        self._root = root
        self._unmatched_states = sorted(states, key=lambda item: -item.acknowledged)
        self._metrics = metrics
        self._generations: dict[FileId, Generation] = {}
        self._last_seen_at: dict[FileId, float] = {}
        self._orphans: list[Orphan] = []
        self._copies: dict[FileId, SuspectedCopy] = {}
        self._unreadable: set[str] = set()
        self._reported: set[str] = set()
        self._scan_number = 0

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The readable generations, in order of their discovery."""
        return tuple(self._generations.values())

    def states(self) -> list[GenerationState]:
        """Return the states to save."""
        present = [generation.state() for generation in self._generations.values()]
        absent = [one.state if one.generation is None else one.generation.state() for one in self._orphans]
        return present + absent + self._unmatched_states

    def scan(self, now: float, *, flush: bool = False) -> None:
        """List the files: open new ones, close those that are removed and read to their end.

        Args:
            now: seconds of a monotonic clock.
            flush: ship suspected copies now, because nothing more will be written.
        """
        self._scan_number += 1
        self._reported, self._unreadable = self._unreadable, set()
        files = dict(self._walk(""))
        self._restore_generations(files)
        expected = {state.inode for state in self._unmatched_states}
        new_files = {
            file_id: info
            for file_id, info in files.items()
            if info.log and file_id not in self._generations and file_id[1] not in expected
        }
        if any(info.originals for info in new_files.values()):
            for generation in self.generations:
                if generation.is_truncated:
                    self.restart(generation)
        for file_id, info in sorted(
            new_files.items(), key=lambda item: (bool(item[1].originals), item[1].mtime_and_size)
        ):
            copy = self._copies.get(file_id)
            since = now if copy is None else copy.since
            if copy and not info.is_rotated and (flush or now - since > _COPY_DECISION_SECONDS):
                self._start_generation(file_id, info)
            elif copy is None or copy.mtime_and_size != info.mtime_and_size:
                self._classify(file_id, info, files, since)
        self._copies = {
            file_id: copy
            for file_id, copy in self._copies.items()
            if file_id in files and file_id not in self._generations
        }
        self._drop_finished(files, now)
        self._metrics.set("files", len(self._generations))
        self._metrics.set("unreadable_files", len(self._unreadable))

    def restart(self, generation: Generation) -> Generation:
        """Start a new generation in a truncated file; the next scans look for a copy that continues the old one."""
        file_id = (generation.device, generation.inode)
        log("truncated", path=generation.path, at=generation.position)
        self._metrics.add("truncations_total")
        self._orphans.append(Orphan(generation.state_at_position(), generation, self._scan_number))
        self._copies = {one: copy for one, copy in self._copies.items() if copy.original is not generation}
        self._generations[file_id] = Generation(generation.path, generation.duplicate())
        return self._generations[file_id]

    def close(self) -> None:
        """Close all files."""
        for generation in self._generations.values():
            generation.close()
        for orphan in self._orphans:
            if orphan.generation is not None:
                orphan.generation.close()

    def _restore_generations(self, files: Mapping[FileId, FileInfo]) -> None:
        """Reopen the generations of an earlier run; those whose file has other content may have a copy."""
        states, self._unmatched_states = self._unmatched_states, []
        for one in states:
            # The device number may change when a volume is mounted again.
            for file_id in [
                file_id for file_id in files if file_id[1] == one.inode and file_id not in self._generations
            ]:
                descriptor = self._open(file_id, files[file_id].path)
                if descriptor is None:
                    self._unmatched_states.append(one)
                    break
                if matches(one, descriptor):
                    self._generations[file_id] = Generation(one.path, descriptor, one)
                    break
                os.close(descriptor)
            else:
                self._orphans.append(Orphan(one, None, self._scan_number))

    def _classify(self, file_id: FileId, info: FileInfo, files: Mapping[FileId, FileInfo], since: float) -> None:
        """Decide what an unknown file is: a copy of a generation, or a new generation."""
        if not info.originals:
            self._start_generation(file_id, info)
            return
        descriptor = self._open(file_id, info.path)
        if descriptor is None:
            return
        originals = [
            one
            for file_id, one in self._generations.items()
            if file_id in files and files[file_id].path in info.originals
        ]
        if (original := next((one for one in originals if one.starts_with(descriptor)), None)) is not None:
            if original.position and os.fstat(descriptor).st_size:
                self._copies[file_id] = SuspectedCopy(original, info.mtime_and_size, since)
            os.close(descriptor)
            return
        for one in originals:
            if one.is_truncated:
                self.restart(one)
        if (orphan := self._orphan_of(info, descriptor)) is None:
            os.close(descriptor)
            self._start_generation(file_id, info)
            return
        self._orphans.remove(orphan)
        self._generations[file_id] = _continue_in_copy(orphan, descriptor)

    def _start_generation(self, file_id: FileId, info: FileInfo) -> None:
        """Start a generation for a new file."""
        if (descriptor := self._open(file_id, info.path)) is not None:
            log("file found", path=info.path)
            self._generations[file_id] = Generation(info.log, descriptor)

    def _orphan_of(self, info: FileInfo, descriptor: int) -> Orphan | None:
        """Return the generation that was copied to a file before its own file was truncated."""
        candidates = (orphan for orphan in self._orphans if orphan.state.path in info.originals)
        return next((one for one in candidates if one.state.head.length and matches(one.state, descriptor)), None)

    def _drop_finished(self, files: Mapping[FileId, FileInfo], now: float) -> None:
        for file_id, generation in list(self._generations.items()):
            if file_id in files:
                self._last_seen_at[file_id] = now
            missing_seconds = now - self._last_seen_at.setdefault(file_id, now)
            if (
                file_id not in files
                and (generation.is_deleted or missing_seconds > _DROP_AFTER_SECONDS)
                and generation.is_finished(now)
            ):
                log("removed file was read to its end", path=generation.path, bytes=generation.position)
                generation.close()
                del self._generations[file_id], self._last_seen_at[file_id]
        for orphan in [one for one in self._orphans if one.scan < self._scan_number - 1]:
            self._orphans.remove(orphan)
            self._drop_orphan(orphan)

    def _drop_orphan(self, orphan: Orphan) -> None:
        """Close an orphan without a copy, and report the bytes that can never be read."""
        lost = 0
        if orphan.generation is not None:
            lost = orphan.generation.last_seen_size - orphan.generation.position
            orphan.generation.close()
        level = "WARNING" if lost > 0 else "INFO"
        log("no copy of a truncated or removed file", level=level, path=orphan.state.path, lost_bytes=max(0, lost))
        self._metrics.add("lost_bytes_total", max(0, lost))

    def _open(self, file_id: FileId, path: str) -> int | None:
        """Return a descriptor; None when the file is unreadable, or another one by now."""
        try:
            descriptor = open_log(self._root / path)
        except OSError as exc:
            self._report_unreadable(path, exc)
            return None
        if descriptor is None:
            return None
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == file_id:
            return descriptor
        os.close(descriptor)
        return None

    def _report_unreadable(self, path: str, exc: OSError) -> None:
        """Count a file or directory that cannot be opened, and log it once."""
        self._unreadable.add(path)
        if path not in self._reported:
            log("cannot open", level="ERROR", path=path, reason=exc.strerror)

    def _walk(self, below: str) -> Iterator[tuple[FileId, FileInfo]]:
        """Yield the regular files, also those not named like logs: they may be known ones, renamed."""
        try:
            with os.scandir(self._root / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
        except FileNotFoundError:
            return
        except OSError as exc:
            self._report_unreadable(below or ".", exc)
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
                mtime_and_size = (status.st_mtime_ns, status.st_size)
                yield (status.st_dev, status.st_ino), FileInfo(path, _log_path(path), mtime_and_size)


def _continue_in_copy(orphan: Orphan, descriptor: int) -> Generation:
    log("continuing in the copy", path=orphan.state.path, at=orphan.state.acknowledged)
    if orphan.generation is None:
        return Generation(orphan.state.path, descriptor, orphan.state)
    orphan.generation.switch_to(descriptor)
    return orphan.generation


def _log_path(path: str) -> str:
    """Return the path of the log that a file belongs to, or an empty text."""
    if path.endswith(".log"):
        return path
    rotated = None if path.endswith(_COMPRESSED) else _ROTATED.fullmatch(path)
    return rotated["log"] if rotated else ""
