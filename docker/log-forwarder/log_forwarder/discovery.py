"""Which generations exist, and which file is which after a rotation.

A file is identified by device and inode, so a renamed file continues at its offset.  A file that was truncated in
place starts a new generation; the old one continues in the copy that was made before (logrotate's copytruncate), if
there is one.  What a walk could not examine is unknown, and nothing that may be there counts as removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

from log_forwarder.checkpoint import GenerationState
from log_forwarder.directory_walk import DirectoryWalk, Listing
from log_forwarder.file_faults import FileFaults
from log_forwarder.generation import Generation, Truncated, matches, starts_with
from log_forwarder.log_files import DEFAULT_PATTERNS, FileId, FileInfo, LogFiles, NewFile
from log_forwarder.open_files import OpenFiles, birth_ns
from log_forwarder.orphans import UNKNOWN_SECONDS, Orphan, Orphans, count_lost

ENTRIES_PER_SECOND: Final = 2000
"""How many files are examined in a second: with more, a walk through all takes longer, and its cost is bounded."""

_MAX_ENTRIES: Final = 3000
_MAX_POLLED: Final = 128
"""How many files without unread bytes are looked at in every poll; the others when a walk finds them changed."""
_RELEASE_AFTER_SECONDS: Final = 600.0
"""A file that has not grown for this long is closed until a walk finds it changed."""
_DROP_AFTER_SECONDS: Final = 10.0
_NOT_SHIPPED: Final = "no pattern of OCISIDECAR_LOG_FILES matches, or it is compressed, a link or a special file"
_MAX_NAMED: Final = 100
_COPY_DECISION_SECONDS: Final = 30.0
"""A suspected copy whose original is not truncated for this long is shipped as a log of its own."""


class NotShipped:
    """Names the files that are not shipped, once, and counts them.

    Args:
        metrics: has the number of the files.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._named: set[str] = set()

    def name(self, paths: Sequence[str]) -> None:
        """Log those of the paths that were not logged before, up to 100 in all."""
        self._metrics.set("not_shipped_files", len(paths))
        for path in paths:
            if path not in self._named and len(self._named) <= _MAX_NAMED:
                self._named.add(path)
                if len(self._named) <= _MAX_NAMED:
                    log("not shipped", path=path, reason=_NOT_SHIPPED)
                else:
                    log("more files are not shipped; they are not named", named=_MAX_NAMED)


@dataclass(frozen=True, slots=True)
class SuspectedCopy:
    """A file whose content is the beginning of another; `since` is when that was first seen."""

    original: Generation
    mtime_and_size: tuple[int, int]
    since: float


class FileDiscovery:
    """The generations below a directory.  Not thread-safe.

    Args:
        root: the log directory; it need not exist yet.
        states: of the generations of an earlier run.
        metrics: counts files, truncations, lost bytes and errors.
        patterns: see `LogFiles`.
    """

    def __init__(
        self,
        root: Path,
        states: tuple[GenerationState, ...],
        metrics: Metrics,
        patterns: Iterable[str] = DEFAULT_PATTERNS,
    ) -> None:
        self._log_files = LogFiles(patterns)
        self._metrics = metrics
        self._walk = DirectoryWalk(root)
        self._walks = 0
        self._open_files = OpenFiles(root)
        self._faults = FileFaults(metrics)
        self._generations: dict[FileId, Generation] = {}
        self._first_walk: dict[FileId, int] = {}
        self._polled: dict[FileId, Generation] = {}
        self._orphans = Orphans(states, metrics)
        self._copies: dict[FileId, SuspectedCopy] = {}
        self._vanished: dict[FileId, tuple[FileInfo, int]] = {}
        self._not_shipped = NotShipped(metrics)
        self._scanned_at = 0.0

    @property
    def polled(self) -> tuple[Generation, ...]:
        """The generations that may have something to read, in order of their discovery."""
        return tuple(self._polled.values())

    def states(self) -> Iterator[GenerationState]:
        """Yield the states to save."""
        for generation in self._generations.values():
            yield generation.state()
        yield from self._orphans.states()

    def scan(self, now: float, *, flush: bool = False) -> None:
        """Examine some files, and when all have been examined, find new ones and drop those that are removed.

        Args:
            now: seconds of a monotonic clock.
            flush: examine all now, and ship suspected copies, because nothing more will be written.
        """
        is_first = self._walks == 0
        entries = min(_MAX_ENTRIES, (now - self._scanned_at) * ENTRIES_PER_SECOND)
        self._scanned_at = now
        listing = self._walk.advance(None if flush or is_first else entries)
        if listing is None:
            return
        self._walks += 1
        self._faults.record_walk(listing.errors, (info.path for info in listing.files.values()))
        self._restore_generations(listing.files, now)
        self._classify_all(self._recognise(listing), listing.files, now, flush=flush)
        self._drop_removed(listing, now)
        self._orphans.expire(listing, self._walks, now)
        self._count_vanished(listing)
        self._open_files.close_except(self._polled)
        self._metrics.set("files", len(self._generations))
        self._metrics.set("open_files", len(self._open_files))

    def descriptor(self, generation: Generation, now: float) -> int | None:
        """Return a descriptor of a generation's file; None when it cannot be opened now.

        Raises:
            Truncated: another file has its inode.
        """
        was_open = generation.file_id in self._open_files
        descriptor = self._open(generation.file_id, generation.location, now)
        if descriptor is not None and not was_open:
            generation.check_birth(descriptor)
        return descriptor

    def report_unreadable(self, generation: Generation, exc: OSError, now: float) -> None:
        """Count and log that a file cannot be read, and read it again later, after it was opened anew."""
        self._open_files.close(generation.file_id)
        self._faults.report("cannot read", generation.location, exc, now)

    def report_readable(self, generation: Generation) -> None:
        """Record that a file can be read."""
        self._faults.clear(generation.location)

    def rest(self, generation: Generation, now: float) -> None:
        """Poll a generation less often if it has nothing to read, and close its file if it seems to be finished."""
        quiet = now - generation.last_growth_at
        if generation.has_unread_bytes or generation.missing_since is not None:
            return
        if quiet > _RELEASE_AFTER_SECONDS:
            self._open_files.close(generation.file_id)
        elif len(self._polled) <= _MAX_POLLED or (generation.has_zeros and quiet < _DROP_AFTER_SECONDS):
            return
        self._polled.pop(generation.file_id, None)
        generation.rest()

    def look(self) -> None:
        """Record the sizes of the open files, which may be all that is known of them when they get lost."""
        for file_id, generation in self._polled.items():
            if (descriptor := self._open_files.peek(file_id)) is not None:
                generation.look(descriptor)

    def restart(self, generation: Generation) -> Generation:
        """Start a new generation in a truncated file; the next scans look for a copy that continues the old one."""
        log("truncated", path=generation.path, at=generation.position)
        self._metrics.add("truncations_total")
        self._orphans.add(generation, self._walks)
        self._copies = {one: copy for one, copy in self._copies.items() if copy.original is not generation}
        new = Generation(generation.path, generation.file_id, generation.location)
        self._add(generation.file_id, new)
        self._first_walk[generation.file_id] = self._walks + 2
        return new

    def close(self) -> None:
        """Close all files."""
        self._open_files.close_all()

    def _add(self, file_id: FileId, generation: Generation) -> None:
        self._generations[file_id] = self._polled[file_id] = generation

    def _restore_generations(self, files: Mapping[FileId, FileInfo], now: float) -> None:
        """Find the files of an earlier run's generations."""
        found = []
        for orphan, file_ids in self._orphans.with_files(files.keys() - self._generations.keys()):
            for file_id in file_ids:
                path = files[file_id].path
                descriptor = None if file_id in self._generations else self._open(file_id, path, now)
                if descriptor is None:
                    orphan.walk = self._walks
                elif (restored := self._restored(orphan.state, file_id, path, descriptor, now)) is not None:
                    found.append(orphan)
                    self._add(file_id, restored)
                    break
        self._orphans.remove(found)

    def _restored(
        self, state: GenerationState, file_id: FileId, path: str, descriptor: int, now: float
    ) -> Generation | None:
        """Return the generation of an earlier run if a file has its content, and was created when that was."""
        try:
            status, born_ns = os.fstat(descriptor), birth_ns(descriptor)
            is_same_file = not state.born_ns or not born_ns or born_ns == state.born_ns
            if not is_same_file or not matches(state, descriptor):
                return None
        except OSError as exc:
            self._faults.report("cannot read", path, exc, now)
            return None
        generation = Generation(state.path, file_id, path, state)
        generation.ignore_touch(status)
        return generation

    def _recognise(self, listing: Listing) -> dict[FileId, NewFile]:
        """Record where the generations are; return the new log files."""
        expected = self._orphans.inodes_expected(self._walks)
        new_files: dict[FileId, NewFile] = {}
        not_shipped = list(listing.special)
        for file_id, info in listing.files.items():
            generation = self._generations.get(file_id)
            if generation is not None:
                if self._first_walk.get(file_id, 0) > self._walks:
                    generation.location = info.path
                elif generation.notice(info):
                    self._polled[file_id] = generation
            elif log_path := self._log_files.log_of(info.path):
                if file_id[1] not in expected:
                    new_files[file_id] = NewFile(info, log_path)
            else:
                not_shipped.append(info.path)
        self._not_shipped.name(not_shipped)
        self._first_walk = {one: walk for one, walk in self._first_walk.items() if walk > self._walks}
        return new_files

    def _classify_all(
        self, new_files: Mapping[FileId, NewFile], files: Mapping[FileId, FileInfo], now: float, *, flush: bool
    ) -> None:
        """Decide about each new file whether it is a copy of a generation, or a generation of its own."""
        possible_copies = [one for one in new_files.values() if one.originals]
        by_path = {info.path: file_id for file_id, info in files.items()} if possible_copies else {}
        for one in possible_copies:
            renamed = [generation for generation in self.polled if generation.path in one.originals]
            self._restart_truncated((*self._originals_of(one, by_path), *renamed), now)
        for file_id, new in sorted(
            new_files.items(), key=lambda item: (bool(item[1].originals), item[1].info.mtime_and_size)
        ):
            copy = self._copies.get(file_id)
            since = now if copy is None else copy.since
            is_decided = copy and not new.is_rotated and (flush or now - since > _COPY_DECISION_SECONDS)
            if is_decided or not new.originals:
                self._start_generation(file_id, new)
            elif copy is None or copy.mtime_and_size != new.info.mtime_and_size:
                self._classify(file_id, new, self._originals_of(new, by_path), since, now)
        self._copies = {
            file_id: copy
            for file_id, copy in self._copies.items()
            if file_id in files and file_id not in self._generations
        }

    def _originals_of(self, new: NewFile, by_path: Mapping[str, FileId]) -> list[Generation]:
        file_ids = [by_path[path] for path in new.originals if path in by_path]
        return [self._generations[file_id] for file_id in file_ids if file_id in self._generations]

    def _classify(
        self, file_id: FileId, new: NewFile, possible: Sequence[Generation], since: float, now: float
    ) -> None:
        """Decide what a file is whose name may be that of a copy of `possible`."""
        try:
            descriptor = self._open(file_id, new.info.path, now)
            if descriptor is None:
                self._vanished[file_id] = (new.info, self._walks)
                return
            for one in possible:
                original = self.descriptor(one, now)
                if original is not None and starts_with(original, descriptor):
                    self._faults.clear(new.info.path)
                    if one.position and new.info.size:
                        self._copies[file_id] = SuspectedCopy(one, new.info.mtime_and_size, since)
                    return
            self._restart_truncated(possible, now)
            orphan = self._orphans.copied_to(descriptor, new.originals)
            if orphan is None:
                self._start_generation(file_id, new)
            else:
                self._continue_in_copy(orphan, file_id, new.info.path, descriptor)
        except OSError as exc:
            self._faults.report("cannot read", new.info.path, exc, now)

    def _restart_truncated(self, generations: Iterable[Generation], now: float) -> None:
        for generation in generations:
            try:
                descriptor = self.descriptor(generation, now)
                is_truncated = descriptor is not None and not matches(generation.state_at_position(), descriptor)
            except Truncated:
                is_truncated = True
            except OSError as exc:
                self.report_unreadable(generation, exc, now)
                continue
            if is_truncated and self._generations.get(generation.file_id) is generation:
                self.restart(generation)

    def _start_generation(self, file_id: FileId, new: NewFile) -> None:
        """Start a generation for a new file."""
        log("file found", path=new.info.path)
        generation = Generation(new.log, file_id, new.info.path)
        generation.notice(new.info)
        self._add(file_id, generation)

    def _continue_in_copy(self, orphan: Orphan, file_id: FileId, path: str, descriptor: int) -> None:
        log("continuing in the copy", path=orphan.state.path, at=orphan.state.acknowledged)
        self._orphans.remove([orphan])
        generation = orphan.generation or Generation(orphan.state.path, file_id, path, orphan.state)
        generation.switch_to(descriptor, file_id, path)
        self._add(file_id, generation)

    def _drop_removed(self, listing: Listing, now: float) -> None:
        """Drop the generations whose files are removed, when they are read to their end or cannot be read."""
        patience = UNKNOWN_SECONDS if listing.errors else _DROP_AFTER_SECONDS
        for file_id in self._generations.keys() - listing.files.keys():
            generation = self._generations[file_id]
            if listing.is_unknown(generation.location):
                continue
            if generation.missing_since is None:
                generation.missing_since = now
            missing_seconds = now - generation.missing_since
            is_open, is_deleted = self._look_at_removed(generation)
            if not is_deleted and missing_seconds <= patience:
                continue
            is_readable = is_open and missing_seconds < UNKNOWN_SECONDS
            if generation.is_finished(now) or (generation.is_acknowledged and not is_readable):
                self._drop(generation)

    def _look_at_removed(self, generation: Generation) -> tuple[bool, bool]:
        """Keep a removed file open to read its rest; return whether it is open, and whether it has no name."""
        descriptor = self._open_files.peek(generation.file_id)
        if descriptor is None:
            return False, False
        self._open_files.pin(generation.file_id)
        self._polled[generation.file_id] = generation
        try:
            generation.look(descriptor)
            return True, os.fstat(descriptor).st_nlink == 0
        except OSError:
            return False, False

    def _drop(self, generation: Generation) -> None:
        if lost := generation.lost_bytes:
            count_lost("removed before it was read to its end", generation.path, lost, self._metrics)
        else:
            log("removed file was read to its end", path=generation.path, bytes=generation.position)
        self._open_files.close(generation.file_id)
        self._polled.pop(generation.file_id, None)
        del self._generations[generation.file_id]

    def _count_vanished(self, listing: Listing) -> None:
        """Count the files that were removed before it was clear what they are."""
        for file_id, (info, walk) in list(self._vanished.items()):
            if file_id in listing.files:
                del self._vanished[file_id]
            elif walk < self._walks - 1 and not listing.errors:
                del self._vanished[file_id]
                count_lost("removed before it was read", info.path, info.size, self._metrics)

    def _open(self, file_id: FileId, path: str, now: float) -> int | None:
        """Return a descriptor; None when the file is unreadable, or another one by now."""
        if not self._faults.may_try(path, now):
            return None
        try:
            return self._open_files.get(file_id, path)
        except FileNotFoundError:
            return None
        except OSError as exc:
            self._faults.report("cannot open", path, exc, now)
            return None
