"""What a provisioner wrote a short time ago: lists may not show it yet, or still show what it removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from attrs import define, evolve, field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.management_agent import with_orphans
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.state.tags import TAG_FIELDS

T = TypeVar("T")
CallAll = Callable[[Sequence[Callable[[], T]]], list[T]]

_MOST = 10_000


@frozen
class _Write:
    live: Live
    moment: float
    is_removal: bool


@define
class OwnWrites:
    """The resources that one provisioner created, changed or removed lately.  Thread-safe.

    Args:
        list_lag_seconds: for how long they are remembered.
    """

    list_lag_seconds: float = 60.0
    _writes: dict[str, _Write] = field(factory=dict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def note(self, live: Live, now: float, *, is_removal: bool = False) -> None:
        """Remember a resource as the service's answer to a write shows it."""
        with self._lock:
            self._writes.pop(live.id, None)
            self._writes[live.id] = _Write(live, now, is_removal)
            oldest = next(iter(self._writes.values()))
            if len(self._writes) > _MOST or now - oldest.moment > self.list_lag_seconds:
                del self._writes[oldest.live.id]

    def knows(self, live: Live) -> bool:
        """Return whether this provisioner wrote the resource lately."""
        with self._lock:
            return live.id in self._writes

    def completed(self, snapshot: Snapshot, caller: Caller, site: Site, call_all: CallAll[Live | None]) -> Snapshot:
        """Return the snapshot with these resources as a GET shows them, where it shows them otherwise.  Only reads.

        Makes no request where the lists show everything as it was written.
        """
        now, shown = caller.clock.time(), {live.id: live for live in snapshot.resources}
        with self._lock:
            recent = [one for one in self._writes.values() if now - one.moment <= self.list_lag_seconds]
        doubted = [
            one.live
            for one in recent
            if one.live.key.kind not in snapshot.invisible and not _is_up_to_date(one, shown.get(one.live.id))
        ]
        reads = [partial(KINDS[live.key.kind].observe_one, caller, site, live) for live in doubted]
        found = [live for live in (call_all(reads) if reads else ()) if live is not None]
        ids = {live.id for live in doubted}
        others = (live for live in snapshot.resources if live.id not in ids)
        return evolve(snapshot, resources=with_orphans((*others, *found)))


def _is_up_to_date(write: _Write, shown: Live | None) -> bool:
    if write.is_removal:
        return shown is None or shown.phase is Phase.GOING
    fields = KINDS[write.live.key.kind].mutable | set(TAG_FIELDS)
    return shown is not None and all(
        shown.body[name] == write.live.body[name] for name in fields & shown.body.keys() & write.live.body.keys()
    )
