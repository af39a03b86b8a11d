"""Generations without a file: it is missing or has other content, until a file is found that continues them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

from log_forwarder.checkpoint import GenerationState
from log_forwarder.directory_walk import Listing
from log_forwarder.generation import Generation, matches
from log_forwarder.log_files import FileId

UNKNOWN_SECONDS: Final = 3600.0
"""How long a missing file is expected while a directory cannot be listed: it may have been moved there."""


@dataclass(slots=True, eq=False)
class Orphan:
    """A generation without a file.

    Args:
        state: its state.
        generation: None when only an earlier run read it.
        walk: number of the walk that last could not exclude that its file exists.
        is_lost: whether no file was found; it is kept until what was read of it is acknowledged.
    """

    state: GenerationState
    generation: Generation | None
    walk: int
    is_lost: bool = False

    @property
    def lost_bytes(self) -> int:
        """How many bytes are lost if no file continues it."""
        if self.generation is not None:
            return self.generation.lost_bytes
        return 0 if self.state.has_zeros else max(0, self.state.size - self.state.acknowledged)


class Orphans:
    """The generations without a file.

    Args:
        states: of the generations of an earlier run.
        metrics: counts lost bytes.
    """

    def __init__(self, states: Iterable[GenerationState], metrics: Metrics) -> None:
        self._orphans = [Orphan(one, None, 1) for one in sorted(states, key=lambda item: -item.acknowledged)]
        self._metrics = metrics
        self._started_at: float | None = None

    def states(self) -> Iterator[GenerationState]:
        """Yield the states to save."""
        for orphan in self._orphans:
            yield orphan.state if orphan.generation is None else orphan.generation.state()

    def add(self, generation: Generation, walk: int) -> None:
        """Add a generation whose file has other content since a walk."""
        self._orphans.append(Orphan(generation.state_at_position(), generation, walk))

    def remove(self, found: Iterable[Orphan]) -> None:
        """Remove those whose file was found."""
        gone = set(found)
        self._orphans = [orphan for orphan in self._orphans if orphan not in gone]

    def with_files(self, file_ids: Iterable[FileId]) -> Iterator[tuple[Orphan, list[FileId]]]:
        """Yield the generations of an earlier run with the files that have their inode.

        The device number may change when a volume is mounted again.
        """
        by_inode: defaultdict[int, list[FileId]] = defaultdict(list)
        waiting = [orphan for orphan in self._orphans if orphan.generation is None]
        for file_id in file_ids if waiting else ():
            by_inode[file_id[1]].append(file_id)
        for orphan in waiting:
            if orphan.state.inode in by_inode:
                yield orphan, by_inode[orphan.state.inode]

    def inodes_expected(self, walk: int) -> set[int]:
        """Return the inodes of files that a walk has found and that cannot be examined yet."""
        return {one.state.inode for one in self._orphans if one.generation is None and one.walk == walk}

    def copied_to(self, descriptor: int, logs: Iterable[str]) -> Orphan | None:
        """Return the generation of one of the logs that was copied to a file before its own was truncated."""
        candidates = (one for one in self._orphans if not one.is_lost and one.state.path in logs)
        return next((one for one in candidates if one.state.head.length and matches(one.state, descriptor)), None)

    def expire(self, listing: Listing, walk: int, now: float) -> None:
        """Drop those that two walks have found no file for, and count the bytes that can never be read."""
        self._started_at = now if self._started_at is None else self._started_at
        waits = now - self._started_at < UNKNOWN_SECONDS
        kept = []
        for orphan in self._orphans:
            may_exist = listing.errors and (waits or listing.is_unknown(orphan.state.path))
            is_open = orphan.walk >= walk - 1 or (orphan.generation is None and may_exist)
            if not is_open and not orphan.is_lost:
                orphan.is_lost = True
                count_lost(
                    "no copy of a truncated or removed file", orphan.state.path, orphan.lost_bytes, self._metrics
                )
            if is_open or (orphan.generation is not None and not orphan.generation.is_acknowledged):
                kept.append(orphan)
        self._orphans = kept


def count_lost(event: str, path: str, lost_bytes: int, metrics: Metrics) -> None:
    """Log and count the bytes of a file that cannot be read any more."""
    log(event, level="WARNING" if lost_bytes else "INFO", path=path, lost_bytes=lost_bytes)
    metrics.add("lost_bytes_total", lost_bytes)
