"""Waiting for resources: what is watched, when to look next, and what was seen.  The only schedule for it.

Waiting is batched: one list per kind answers for everything of that kind.  Absence and failure are confirmed by a
GET, because lists lag.  There is no table of durations: the interval grows with the time already waited, and
where many are waited for, their own rate of completion says when the last one may be expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import sqrt

from attrs import define, field, frozen

from ocisidecar.apply.health_probe import answers
from ocisidecar.client.session import Caller
from ocisidecar.plan.operations import NodeId
from ocisidecar.resources.capabilities import HasWorkRequests, HealthChecked
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.spec import HealthCheck
from ocisidecar.state.observed import Live, Phase

_FIRST_SECONDS = 0.005
_SHORTEST_SECONDS = 0.3
_LONGEST_SECONDS = 10.0
_SHARE_OF_WAITED = 0.03
_LOOKS_PER_REMAINING = 2.5
_ARRIVALS_WITH_A_RATE = 2
_DOUBT_SECONDS = 5.0


class Goal(StrEnum):
    """What is waited for."""

    READY = "ready"
    HEALTHY = "healthy"
    STOPPED = "stopped"
    RESTARTED = "restarted"
    GONE = "gone"


_PHASES: Mapping[Goal, Phase] = {
    Goal.READY: Phase.READY,
    Goal.HEALTHY: Phase.READY,
    Goal.STOPPED: Phase.STOPPED,
    Goal.RESTARTED: Phase.READY,
}
_SETTLED = frozenset({Phase.READY, Phase.STOPPED})


_PATIENCE: Mapping[Goal, float] = {Goal.HEALTHY: 4.0, Goal.GONE: 0.6}
"""Health checks have periods of seconds; removals are short, and each level of them waits for the last."""


class Verdict(StrEnum):
    """What a look showed."""

    REACHED = "reached"
    NOT_YET = "not yet"
    FAILED = "failed"
    VANISHED = "vanished"


@define
class Watch:
    """One resource that is waited for.

    Attributes:
        live_id: its OCID, or empty where only its tags identify it so far.
        since: when the waiting began, in clock seconds.
        timeout_seconds: how long it may take.
        probe: what a healthy one must answer too, or None.
    """

    node: NodeId
    kind: Kind
    site: Site
    goal: Goal
    live_id: str
    since: float
    timeout_seconds: float
    work_request_id: str = ""
    parent_id: str = ""
    state: str = ""
    probe: HealthCheck | None = None


@frozen
class Sight:
    """What one look showed of one watched resource."""

    watch: Watch
    verdict: Verdict
    live: Live | None
    evidence: tuple[str, ...] = ()


@define
class _Group:
    """The watches that one list answers for."""

    watches: dict[NodeId, Watch] = field(factory=dict)
    due: float = 0.0
    is_looking: bool = False
    first_reached: float = 0.0
    reached: int = 0

    @property
    def patience(self) -> float:
        """How much rarer than usual to look, by what the most demanding of the group is waited for."""
        return min(_PATIENCE.get(watch.goal, 1.0) for watch in self.watches.values())


@define
class Waiter:
    """Keeps what is watched and says when to look.  Used by the coordinating thread only."""

    _groups: dict[tuple[str, str, str], _Group] = field(factory=dict)

    def add(self, watch: Watch, now: float) -> None:
        """Watch one more resource."""
        group = self._groups.setdefault(_group_key(watch), _Group())
        if not group.watches:
            group.reached = 0
            group.due = now + interval(0.0, 1)
        group.watches[watch.node] = watch

    def remove(self, node: NodeId, now: float) -> None:
        """Stop watching; what was watched for has been reached or has failed."""
        for group in self._groups.values():
            if group.watches.pop(node, None) is not None:
                group.first_reached = group.first_reached if group.reached else now
                group.reached += 1

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Everything that is watched."""
        return tuple(watch for group in self._groups.values() for watch in group.watches.values())

    def seconds_until_due(self, now: float) -> float | None:
        """Return the seconds until the next look, or None when nothing waits for one."""
        dues = [group.due for group in self._groups.values() if group.watches and not group.is_looking]
        return max(0.0, min(dues) - now) if dues else None

    def take_due(self, now: float) -> Iterable[tuple[Watch, ...]]:
        """Return the groups to look at now; each waits for `looked` before it is due again."""
        for group in self._groups.values():
            if group.watches and not group.is_looking and group.due <= now:
                group.is_looking = True
                yield tuple(group.watches.values())

    def looked(self, watches: Sequence[Watch], now: float) -> None:
        """Plan the next look at a group, after the reached ones were removed; others may have joined meanwhile."""
        group = self._groups[_group_key(watches[0])]
        group.is_looking = False
        if group.watches:
            waited = now - min(watch.since for watch in group.watches.values())
            since_first = now - group.first_reached if group.reached else None
            group.due = now + interval(waited, len(group.watches), group.reached, since_first) * group.patience


def _group_key(watch: Watch) -> tuple[str, str, str]:
    """Return what tells one list from another: the kind, its parent, and for health the one resource."""
    single = str(watch.node) if watch.goal is Goal.HEALTHY else ""
    return watch.kind.name, watch.parent_id, single


def interval(
    waited_seconds: float, waiting: int, reached: int = 0, seconds_since_first_reached: float | None = None
) -> float:
    """Return the seconds until the next look at `waiting` resources.  Pure.

    A single resource is looked at almost at once, because much is done when it is answered, and then every 3 % of
    the time it has taken so far.  For a crowd only the last one matters, so looks are rarer until some have
    arrived; from then on the crowd's own rate says how long the rest will take, and two fifths of that are waited.
    """
    soon = max(_FIRST_SECONDS, min(_SHORTEST_SECONDS, 60 * waited_seconds))
    alone = max(soon, _SHARE_OF_WAITED * waited_seconds)
    crowd = min(alone * sqrt(waiting), _LONGEST_SECONDS)
    if not seconds_since_first_reached or reached < _ARRIVALS_WITH_A_RATE:
        return crowd
    remaining = waiting * seconds_since_first_reached / reached
    return min(max(_SHORTEST_SECONDS, remaining / _LOOKS_PER_REMAINING), crowd)


def look(watches: Sequence[Watch], caller: Caller) -> tuple[Sight, ...]:
    """Look at one group: one list for all, and a GET or work request where the list leaves doubt.

    Health is looked at one by one, since no list shows it.
    """
    kind, site = watches[0].kind, watches[0].site
    is_single = watches[0].goal is Goal.HEALTHY
    lives = () if is_single else kind.list_live(caller, site, watches[0].parent_id)
    return tuple(_sight(watch, lives, caller) for watch in watches)


def _sight(watch: Watch, lives: Sequence[Live], caller: Caller) -> Sight:
    found = next((live for live in lives if _matches(watch, live)), None)
    if found is None and watch.live_id:
        found = watch.kind.get(caller, watch.site, watch.live_id, watch.parent_id)
    if watch.goal is Goal.GONE:
        is_gone = found is None or found.phase is Phase.GONE
        verdict = Verdict.REACHED if is_gone else Verdict.NOT_YET
        return Sight(watch, verdict, found)
    if found is None:
        return _absent(watch, caller)
    if found.phase is Phase.FAILED:
        evidence = watch.kind.failure(caller, watch.site, found, watch.work_request_id)
        return Sight(watch, Verdict.FAILED, found, evidence)
    if found.phase in {Phase.GOING, Phase.GONE}:
        return Sight(watch, Verdict.VANISHED, found)
    is_there = found.phase is _PHASES[watch.goal]
    is_doubtful = watch.goal is Goal.RESTARTED or not is_there
    if (
        watch.work_request_id
        and found.phase in _SETTLED
        and is_doubtful
        and isinstance(watch.kind, HasWorkRequests)
    ):
        return _judge_by_work(watch, watch.kind, found, caller)
    if is_there and watch.goal is Goal.HEALTHY and isinstance(watch.kind, HealthChecked):
        is_there = watch.kind.is_healthy(caller, watch.site, found) and _answers(watch, watch.kind, found, caller)
    return Sight(watch, Verdict.REACHED if is_there else Verdict.NOT_YET, found)


def _answers(watch: Watch, kind: HealthChecked, found: Live, caller: Caller) -> bool:
    return watch.probe is None or answers(watch.probe, kind.address(caller, found))


def _judge_by_work(watch: Watch, kind: HasWorkRequests, found: Live, caller: Caller) -> Sight:
    """Judge a resource at rest whose state does not tell whether it has been through what was asked.

    It may not have begun, the work may have failed, or it is over already, as with containers that run once.
    """
    outcome = kind.work_phase(caller, watch.work_request_id)
    if outcome is Phase.FAILED:
        evidence = kind.failure(caller, watch.site, found, watch.work_request_id)
        return Sight(watch, Verdict.FAILED, found, evidence)
    is_there = outcome is Phase.READY and watch.goal is not Goal.STOPPED
    return Sight(watch, Verdict.REACHED if is_there else Verdict.NOT_YET, found)


def _absent(watch: Watch, caller: Caller) -> Sight:
    if watch.live_id:
        return Sight(watch, Verdict.VANISHED, None)
    has_taken_long = caller.clock.time() - watch.since >= _DOUBT_SECONDS
    kind, work_request_id = watch.kind, watch.work_request_id if has_taken_long else ""
    if not work_request_id or not isinstance(kind, HasWorkRequests):
        return Sight(watch, Verdict.NOT_YET, None)
    if kind.work_phase(caller, work_request_id) is Phase.FAILED:
        return Sight(watch, Verdict.FAILED, None, kind.failure(caller, watch.site, None, work_request_id))
    return Sight(watch, Verdict.NOT_YET, None)


def _matches(watch: Watch, live: Live) -> bool:
    if watch.live_id:
        return live.id == watch.live_id
    is_same = live.key == watch.node.key and live.deployment == watch.node.deployment
    return is_same and live.phase is not Phase.GONE
