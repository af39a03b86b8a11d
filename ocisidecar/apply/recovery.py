"""How a create continues after its resource failed or disappeared.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import inf

from attrs import define, field

from ocisidecar.apply.failures import is_pull_refused
from ocisidecar.apply.requests import MAX_TOKEN_GENERATIONS, Attempt
from ocisidecar.apply.waiter import Observation, WaitStatus
from ocisidecar.client.retry import IAM_SECONDS, WAITING_FOR_IAM, is_capacity_shortage
from ocisidecar.plan.plan import Action, Operation, OperationId, Plan
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key

IAM_KNOWN_SECONDS = 60.0
"""After this time every list and GET shows a group or policy that was created."""

_FIRST_WAIT_SECONDS = 10.0
_MAX_WAIT_SECONDS = 40.0


_CHECK_SECONDS = 10.0


@define
class IamWrites:
    """When IAM was last written for each deployment of a run: by the run itself, or shortly before it."""

    _moments: dict[str, float] = field(factory=dict)
    _shared: dict[str, list[Live]] = field(factory=dict)
    _own: dict[str, list[Key]] = field(factory=dict)
    _checked: dict[str, float] = field(factory=dict)

    @classmethod
    def before(cls, plans: Iterable[Plan]) -> IamWrites:
        """Return what the plans' snapshots show: when groups and policies were created that the deployments use."""
        found = cls()
        for plan in plans:
            names = {plan.name, *(name for want in plan.desired.values() for name in want.uses)}
            used = [live for live in plan.snapshot.resources if live.deployment in names and _is_iam(live.key)]
            found._moments[plan.name] = max(map(_created, used), default=-inf)
            found._shared[plan.name] = [live for live in used if live.deployment != plan.name]
            found._own[plan.name] = [key for key in plan.desired if _is_iam(key)]
        return found

    def note(self, operation: Operation, now: float) -> None:
        """Remember that an operation has ended, if it created or changed a group or policy."""
        if _is_iam(operation.id.key) and operation.id.action is not Action.DELETE:
            self._moments[operation.id.deployment] = now

    def may_lag(self, deployment: str, now: float) -> bool:
        """Return whether IAM was written so short a time ago that it may not have taken effect yet."""
        return now - self._moments.get(deployment, -inf) < IAM_SECONDS

    def rights_to_check(
        self, operation: Operation, lives: Mapping[tuple[str, Key], Live], now: float
    ) -> tuple[Live, ...]:
        """Return the groups and policies that are to be looked at before an operation waits for them any longer.

        None while they may not be known everywhere yet, and none for a while after they were looked at.
        """
        name = operation.id.deployment
        if now - self._moments[name] < IAM_KNOWN_SECONDS or now - self._checked.get(name, -inf) < _CHECK_SECONDS:
            return ()
        self._checked[name] = now
        own = (lives.get((name, key)) for key in self._own[name] if key != operation.id.key)
        return (*(live for live in own if live is not None), *self._shared[name])


_LIMITS = ("LimitExceeded", "QuotaExceeded")


@define
class Deferred:
    """Operations whose next attempt begins later."""

    _due: dict[OperationId, float] = field(factory=dict)
    _obstacles: dict[OperationId, tuple[str, float]] = field(factory=dict)

    def add(self, name: OperationId, due: float) -> None:
        """Defer an operation until the moment `due`."""
        self._due[name] = due
        self._obstacles.pop(name, None)

    def block(self, name: OperationId, now: float, wait_seconds: float, obstacle: str) -> bool:
        """Defer an operation that something is in the way of; return whether that is news."""
        self._due[name] = now + wait_seconds
        before, since = self._obstacles.get(name, ("", now))
        self._obstacles[name] = (obstacle, since)
        return obstacle != before

    def blocked_since(self, name: OperationId) -> float:
        """Return since when something has been in the way of an operation; infinity if nothing is."""
        return self._obstacles[name][1] if name in self._obstacles else inf

    def take_due(self, now: float) -> tuple[OperationId, ...]:
        """Return the operations that begin now, the longest due first, and forget them."""
        found = tuple(name for due, name in sorted((due, name) for name, due in self._due.items() if due <= now))
        for name in found:
            del self._due[name]
        return found

    def drop(self, deployment: str) -> None:
        """Forget the operations of a deployment, which has failed."""
        self._due = {name: due for name, due in self._due.items() if name.deployment != deployment}

    def seconds_until_due(self, now: float) -> float | None:
        """Return the seconds until the next one begins, or None when there is none."""
        return max(0.0, min(self._due.values()) - now) if self._due else None


def next_attempt(
    operation: Operation,
    attempt: Attempt,
    want: Desired | None,
    observation: Observation,
    *,
    may_iam_lag: bool = False,
) -> Attempt | None:
    """Return the attempt after `attempt`, or None when there is no further one.

    A resource that disappeared, or that failed after an earlier run had created it, is created again with another
    token; an instance without capacity, or beyond a limit, is created at the next placement, one whose image was
    refused is created again while IAM may not have taken effect.  Any other failure is final.
    """
    if want is None or not operation.may_create:
        return None
    has_token = attempt.generation + 1 < MAX_TOKEN_GENERATIONS
    if lacks_right(observation):
        wait_seconds = min(2 * attempt.wait_seconds or _FIRST_WAIT_SECONDS, _MAX_WAIT_SECONDS)
        return attempt.next_generation(wait_seconds=wait_seconds) if may_iam_lag and has_token else None
    has_disappeared = observation.status is WaitStatus.DISAPPEARED
    is_older = operation.is_created_again and attempt == Attempt()
    if (has_disappeared or is_older) and has_token:
        return attempt.next_generation()
    has_placement = attempt.placement + 1 < len(want.placements)
    is_full = lacks_capacity(observation) or any(one.startswith(_LIMITS) for one in observation.errors)
    return attempt.next_placement() if has_placement and is_full else None


def reason_for(observation: Observation) -> str:
    """Return why the next attempt is made, in a few words."""
    said = "; ".join(observation.errors) or "it disappeared"
    return f"{WAITING_FOR_IAM}: {said}" if lacks_right(observation) else said


def lacks_capacity(observation: Observation) -> bool:
    """Return whether the service reports that it has no capacity for the resource."""
    return is_capacity_shortage(" ".join(observation.errors))


def lacks_right(observation: Observation) -> bool:
    """Return whether the service says that an image does not exist, or that the instance may not pull it."""
    return is_pull_refused(" ".join(observation.errors))


def _is_iam(key: Key) -> bool:
    return KINDS[key.kind].is_in_home_region


def _created(live: Live) -> float:
    return datetime.fromisoformat(live.time_created).timestamp() if live.time_created else -inf
