"""Waiting for resources: the watched resources, the schedule of polls, and their results.

Waiting is batched: one list per kind serves all watches of that kind.  Absence and failure are confirmed by a GET,
because lists lag.  `intervals` says how often: there is no table of durations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

from attrs import define, evolve, field, frozen

from ocisidecar.apply.health_probe import passes
from ocisidecar.apply.intervals import Chains, interval
from ocisidecar.apply.rivals import oldest_rival
from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.plan.plan import Goal, OperationId
from ocisidecar.resources.capabilities import HasWorkRequests, HealthChecked
from ocisidecar.resources.container_health import Health
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.state.desired import HealthCriteria
from ocisidecar.state.observed import DEAD, Live, Phase
from ocisidecar.wire import Key

_DOUBT_SECONDS = 5.0
_LONG_REMOVAL_SECONDS = 120.0
_UNKNOWN_SECONDS = 60.0
_SHARE_TO_SETTLE = 0.25
_LISTED_PER_GET = 100
"""A GET costs about as much CPU as so many entries of a list."""

_PHASES: Mapping[Goal, Phase] = {
    Goal.READY: Phase.READY,
    Goal.HEALTHY: Phase.READY,
    Goal.STOPPED: Phase.STOPPED,
    Goal.RESTARTED: Phase.READY,
}
_SETTLED = frozenset({Phase.READY, Phase.STOPPED})
_ENDING = frozenset({Phase.GOING, Phase.GONE})
_INTERVAL_FACTORS: Mapping[Goal, float] = {Goal.HEALTHY: 4.0, Goal.GONE: 0.6}
"""Goal → factor for the interval: health checks take seconds; deletions are short, and others wait for them."""


class WaitStatus(StrEnum):
    """The state of a wait after a poll."""

    REACHED = "reached"
    PENDING = "pending"
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    DISAPPEARED = "disappeared"


@define
class Watch:
    """One resource that is waited for.

    Attributes:
        live_id: its OCID, or empty where only its tags identify it so far.
        since: when the waiting began, in clock seconds.
        timeout_seconds: how long it may take.
        health: what makes it healthy.
        listed_by: until when lists may not show it, in clock seconds; None where it need not be in one before it is
            used, because it is not new or no other run can have created another.
        is_change: it was ready before, so that its state says nothing about the change: the work request does.
        superseded: OCIDs of its key that the plan knew.
        tags: that it must have, where nothing else tells it from another one of its key.
        began: when its operation began; how long it took to be ready shows how long its containers take to start.
        phase: the resource's phase before the operation, and GOING from when a poll has shown it; set by `poll`.
        listed: how many resources the last list had in which it was looked for; set by `poll`.
        is_seen: whether a poll has shown the resource; set by `poll`.
        succeeded_since: since when its work request has been seen to have succeeded; set by `poll`.
        working_since: since when every poll has shown all of its containers working; set by `poll`.
        pending: what the last poll found missing; set by `poll`.
    """

    operation: OperationId
    kind: Kind
    site: Site
    goal: Goal
    live_id: str
    since: float
    timeout_seconds: float
    work_request_id: str = ""
    parent_id: str = ""
    state: str = ""
    health: HealthCriteria = field(factory=HealthCriteria)
    began: float = 0.0
    listed_by: float | None = None
    is_change: bool = False
    superseded: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(factory=dict)
    phase: Phase = field(default=Phase.PENDING, init=False)
    listed: int = field(default=0, init=False)
    is_seen: bool = field(default=False, init=False)
    succeeded_since: float | None = field(default=None, init=False)
    working_since: float | None = field(default=None, init=False)
    pending: str = field(default="", init=False)


@frozen
class Observation:
    """What one poll showed of one watched resource.

    Attributes:
        errors: why it failed, in the service's words, or what is wrong with its health.
        warnings: what does not work, and need not.
        rival: an older resource of the same key, which another run created.
    """

    watch: Watch
    status: WaitStatus
    live: Live | None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rival: Live | None = None


@define
class _Group:
    """The watches that one list serves."""

    watches: dict[OperationId, Watch] = field(factory=dict)
    polled: float = 0.0
    interval_seconds: float = 0.0
    depths: dict[str, int] = field(factory=dict)
    is_polling: bool = False
    first_reached: float = 0.0
    reached: int = 0

    @property
    def interval_factor(self) -> float:
        """The factor for the interval between polls: the smallest of the goals in the group."""
        return min(_INTERVAL_FACTORS.get(watch.goal, 1.0) for watch in self.watches.values())


@define
class Waiter:
    """Keeps the watches and schedules their polls, by the run's `chains`.  For the coordinating thread only."""

    chains: Chains = field(factory=Chains)
    _groups: dict[tuple[str, str, str], _Group] = field(factory=dict)

    def add(self, watch: Watch, now: float) -> None:
        """Watch one more resource."""
        group = self._groups.setdefault(_group_key(watch), _Group())
        if not group.watches:
            group.reached = 0
            group.polled, group.interval_seconds, group.depths = now, interval(0.0, 1), {}
        group.watches[watch.operation] = watch
        self._deepen(group, watch)

    def remove(self, operation: OperationId, now: float) -> None:
        """Stop watching a resource that has reached its goal or failed."""
        for group in self._groups.values():
            if group.watches.pop(operation, None) is not None:
                group.first_reached = group.first_reached if group.reached else now
                group.reached += 1

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Everything that is watched."""
        return tuple(watch for group in self._groups.values() for watch in group.watches.values())

    def seconds_until_due(self, now: float) -> float | None:
        """Return the seconds until the next poll, or None when nothing waits for one."""
        dues = [self._due(group) for group in self._groups.values() if group.watches and not group.is_polling]
        return max(0.0, min(dues) - now) if dues else None

    def take_due(self, now: float) -> Iterable[tuple[Watch, ...]]:
        """Yield the groups to poll now; each is due again only after `polled`."""
        for group in self._groups.values():
            if group.watches and not group.is_polling and self._due(group) <= now:
                group.is_polling = True
                yield tuple(group.watches.values())

    def polled(self, watches: Sequence[Watch], now: float) -> None:
        """Schedule a group's next poll, after what reached its goal was removed and others may have joined."""
        group = self._groups[_group_key(watches[0])]
        group.is_polling = False
        if group.watches:
            waited = now - min(watch.since for watch in group.watches.values())
            since_first = now - group.first_reached if group.reached else None
            seconds = interval(waited, len(group.watches), group.reached, since_first)
            group.polled, group.interval_seconds, group.depths = now, seconds * group.interval_factor, {}
            for watch in group.watches.values():
                self._deepen(group, watch)

    def _deepen(self, group: _Group, watch: Watch) -> None:
        if watch.goal is not Goal.HEALTHY:  # polled rarely anyway
            self.chains.deepen(group.depths, watch.operation)

    def _due(self, group: _Group) -> float:
        return group.polled + group.interval_seconds * self.chains.interval_factor(group.depths)


def _group_key(watch: Watch) -> tuple[str, str, str]:
    """Return what one list answers for: a kind below a parent; what must be healthy is polled in its own rhythm."""
    return watch.kind.name, watch.parent_id, watch.goal.value if watch.goal is Goal.HEALTHY else ""


def poll(watches: Sequence[Watch], caller: Caller, settle_seconds: float) -> tuple[Observation, ...]:
    """Poll one group: one list for all, and a GET or work request where the list leaves doubt.

    A few stragglers of a crowd are read by GET alone, because each list would have the whole crowd.

    Args:
        watches: of one kind below one parent.
        caller: makes the calls.
        settle_seconds: how long containers must keep running where neither checks nor a probe show that they work,
            but not more than a quarter of the time that they took to start.
    """
    kind, site = watches[0].kind, watches[0].site
    lives = () if _are_stragglers(watches) else _list(watches, caller)
    observations = tuple(_observe(watch, lives, caller) for watch in watches)
    if any(one.watch.listed_by is not None and one.status is WaitStatus.REACHED for one in observations):
        by_key = _by_key(lives or _list(watches, caller))
        observations = tuple(_with_rival(one, by_key, caller) for one in observations)
    ready = {
        one.watch.live_id: one.watch.health
        for one in observations
        if one.watch.goal is Goal.HEALTHY and one.status is WaitStatus.REACHED
    }
    if not ready or not isinstance(kind, HealthChecked):
        return observations
    healths = kind.health(caller, site, ready)
    return tuple(
        _with_health(one, kind, healths[one.watch.live_id], caller, settle_seconds)
        if one.watch.live_id in ready
        else one
        for one in observations
    )


def _are_stragglers(watches: Sequence[Watch]) -> bool:
    listed = max(watch.listed for watch in watches)
    return listed >= _LISTED_PER_GET * len(watches) and all(watch.live_id for watch in watches)


def _list(watches: Sequence[Watch], caller: Caller) -> tuple[Live, ...]:
    lives = watches[0].kind.list_live(caller, watches[0].site, watches[0].parent_id)
    for watch in watches:
        watch.listed = len(lives)
    return lives


def _by_key(lives: Iterable[Live]) -> Mapping[tuple[str, Key], Sequence[Live]]:
    found: dict[tuple[str, Key], list[Live]] = {}
    for live in lives:
        found.setdefault((live.deployment, live.key), []).append(live)
    return found


def _with_rival(one: Observation, lives: Mapping[tuple[str, Key], Sequence[Live]], caller: Caller) -> Observation:
    """Return what was observed of a new resource that is ready, given what the list shows of its key."""
    watch, own = one.watch, one.live
    if watch.listed_by is None or own is None or one.status is not WaitStatus.REACHED:
        return one
    of_key = lives.get((watch.operation.deployment, watch.operation.key), ())
    if not any(live.id == own.id for live in of_key) and caller.clock.time() < watch.listed_by:
        return evolve(one, status=WaitStatus.PENDING)
    others = [live for live in of_key if live.phase not in DEAD and live.id not in {own.id, *watch.superseded}]
    if not others:
        return one
    own, *others = (_with_age(live, watch, caller) for live in (own, *others))
    return evolve(one, live=own, rival=oldest_rival(own, others))


def _with_age(live: Live, watch: Watch, caller: Caller) -> Live:
    """Return a resource with the time of its creation, which not every list shows."""
    is_known = live.time_created or not live.id
    return live if is_known else watch.kind.get(caller, watch.site, live.id, watch.parent_id) or live


def _with_health(
    ready: Observation, kind: HealthChecked, health: Health, caller: Caller, settle_seconds: float
) -> Observation:
    """Return what was observed of a resource that is ready, given how it works."""
    watch, now = ready.watch, caller.clock.time()
    if health.failures:
        return Observation(watch, WaitStatus.UNHEALTHY, ready.live, (*health.failures, *health.pending))
    watch.pending = "; ".join(health.pending)
    probe, live = watch.health.probe, ready.live
    if health.pending or live is None or (probe is not None and not passes(probe, kind.address(caller, live))):
        watch.working_since = None
        watch.pending = watch.pending or "its probe does not pass yet"
        return Observation(watch, WaitStatus.PENDING, ready.live)
    watch.working_since = now if watch.working_since is None else watch.working_since
    settle_seconds = min(settle_seconds, _SHARE_TO_SETTLE * (watch.since - watch.began))
    is_settled = watch.health.is_verified or now - watch.working_since >= settle_seconds
    return Observation(
        watch, WaitStatus.REACHED if is_settled else WaitStatus.PENDING, ready.live, warnings=health.warnings
    )


def _observe(watch: Watch, lives: Sequence[Live], caller: Caller) -> Observation:
    found = next((live for live in lives if _matches(watch, live)), None)
    if found is None and watch.live_id:
        found = watch.kind.get(caller, watch.site, watch.live_id, watch.parent_id)
    if watch.goal is Goal.GONE:
        return _observe_removal(watch, found, caller)
    if found is None:
        return _absent(watch, caller)
    watch.is_seen = True
    if found.phase is Phase.FAILED:
        errors = watch.kind.failure(caller, watch.site, found, watch.work_request_id)
        return Observation(watch, WaitStatus.FAILED, found, errors)
    if found.phase in _ENDING:
        return _disappeared(watch, found, caller)
    is_there = found.phase is _PHASES[watch.goal]
    if watch.goal is Goal.HEALTHY and found.phase is Phase.STOPPED:
        is_there = True  # all containers have ended: whether that is well is decided by their exit codes
    is_doubtful = found.phase in _SETTLED and (watch.is_change or watch.goal is Goal.RESTARTED or not is_there)
    if is_doubtful and watch.work_request_id and isinstance(watch.kind, HasWorkRequests):
        return _judge_by_work(watch, watch.kind, found, caller)
    return Observation(watch, WaitStatus.REACHED if is_there else WaitStatus.PENDING, found)


def _observe_removal(watch: Watch, found: Live | None, caller: Caller) -> Observation:
    """Return the observation of a resource that is being deleted.

    The delete has failed if its work request says so or, where there is none, if the resource turns to FAILED or
    is no longer going.
    """
    if found is None or found.phase is Phase.GONE:
        return Observation(watch, WaitStatus.REACHED, found)
    is_going = found.phase is Phase.GOING
    if is_going:
        watch.phase = Phase.GOING
    kind, request_id = watch.kind, watch.work_request_id
    if request_id and isinstance(kind, HasWorkRequests):
        is_doubtful = not is_going or caller.clock.time() - watch.since >= _LONG_REMOVAL_SECONDS
        has_failed = is_doubtful and kind.work_phase(caller, request_id) is Phase.FAILED
    elif watch.phase is Phase.GOING and not is_going:
        now = kind.get(caller, watch.site, watch.live_id, watch.parent_id)  # a list may lag behind
        has_failed = now is not None and now.phase is not Phase.GOING
    else:
        has_failed = found.phase is Phase.FAILED and watch.phase is not Phase.FAILED
    if not has_failed:
        return Observation(watch, WaitStatus.PENDING, found)
    return Observation(watch, WaitStatus.FAILED, found, kind.failure(caller, watch.site, found, request_id))


def _judge_by_work(watch: Watch, kind: HasWorkRequests, found: Live, caller: Caller) -> Observation:
    """Judge by its work request a resource at rest whose state does not show whether the request took effect.

    The work may not have begun, may have failed, or may be over already, as with containers that run once.
    """
    outcome = kind.work_phase(caller, watch.work_request_id)
    if outcome is Phase.FAILED:
        errors = kind.failure(caller, watch.site, found, watch.work_request_id)
        return Observation(watch, WaitStatus.FAILED, found, errors)
    watch.pending = "" if outcome is Phase.READY else f"its work request {watch.work_request_id} has not ended"
    is_there = outcome is Phase.READY and (watch.goal is not Goal.STOPPED or found.phase is Phase.STOPPED)
    return Observation(watch, WaitStatus.REACHED if is_there else WaitStatus.PENDING, found)


def _absent(watch: Watch, caller: Caller) -> Observation:
    if watch.live_id and not _may_be_unknown_yet(watch, caller):
        return _disappeared(watch, None, caller)
    now = caller.clock.time()
    kind, work_request_id = watch.kind, watch.work_request_id if now - watch.since >= _DOUBT_SECONDS else ""
    if not work_request_id or not isinstance(kind, HasWorkRequests):
        return Observation(watch, WaitStatus.PENDING, None)
    outcome = kind.work_phase(caller, work_request_id)
    if outcome is Phase.FAILED:
        errors = kind.failure(caller, watch.site, None, work_request_id)
        return Observation(watch, WaitStatus.FAILED, None, errors)
    if outcome is Phase.READY:
        watch.succeeded_since = now if watch.succeeded_since is None else watch.succeeded_since
        if now - watch.succeeded_since >= _UNKNOWN_SECONDS:
            return Observation(watch, WaitStatus.DISAPPEARED, None)  # another run has deleted it meanwhile
    return Observation(watch, WaitStatus.PENDING, None)


def _may_be_unknown_yet(watch: Watch, caller: Caller) -> bool:
    """Return whether neither list nor GET need show a resource yet, because it was just created."""
    return watch.operation.is_new and not watch.is_seen and caller.clock.time() - watch.since < _UNKNOWN_SECONDS


def _disappeared(watch: Watch, found: Live | None, caller: Caller) -> Observation:
    """Return the observation of a resource that is gone, with the errors of its work request if there are any."""
    errors: tuple[str, ...] = ()
    if watch.work_request_id and isinstance(watch.kind, HasWorkRequests):
        with suppress(NotAuthorizedOrNotFound):
            errors = watch.kind.failure(caller, watch.site, None, watch.work_request_id)
    return Observation(watch, WaitStatus.DISAPPEARED, found, errors)


def _matches(watch: Watch, live: Live) -> bool:
    if watch.live_id:
        return live.id == watch.live_id
    is_same = live.key == watch.operation.key and live.deployment == watch.operation.deployment
    is_own = is_same and watch.tags.items() <= live.tags.items()
    past = _ENDING if watch.kind.follows else {Phase.GONE}  # one that ends is not what comes by itself
    return is_own and live.phase not in past and live.id not in watch.superseded
