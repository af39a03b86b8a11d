"""How a create continues after its resource failed or disappeared.  Pure."""

from __future__ import annotations

from ocisidecar.apply.requests import MAX_TOKEN_GENERATIONS, Attempt
from ocisidecar.apply.waiter import Observation, WaitStatus
from ocisidecar.client.retry import is_capacity_shortage
from ocisidecar.plan.plan import Operation
from ocisidecar.state.desired import Desired


def next_attempt(
    operation: Operation, attempt: Attempt, want: Desired | None, observation: Observation
) -> Attempt | None:
    """Return the attempt after `attempt`, or None when there is no further one.

    A resource that disappeared, or that failed after an earlier run had created it, is created again with another
    token; an instance without capacity is created at the next placement.  Any other failure is final.
    """
    if want is None or not operation.may_create:
        return None
    has_disappeared = observation.status is WaitStatus.DISAPPEARED
    is_older = operation.is_created_again and attempt == Attempt()
    if (has_disappeared or is_older) and attempt.generation + 1 < MAX_TOKEN_GENERATIONS:
        return attempt.next_generation()
    has_placement = attempt.placement + 1 < len(want.placements)
    return attempt.next_placement() if has_placement and lacks_capacity(observation) else None


def lacks_capacity(observation: Observation) -> bool:
    """Return whether the service reports that it has no capacity for the resource."""
    return is_capacity_shortage(" ".join(observation.errors))
