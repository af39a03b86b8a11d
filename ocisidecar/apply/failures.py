"""Exceptions for operations that the service accepted but that failed, timed out, or found no capacity."""

from __future__ import annotations

from ocisidecar.apply.waiter import Observation, Watch
from ocisidecar.errors import LimitExceeded, OutOfHostCapacity, ResourceFailed, ServiceCallError, WaitTimedOut
from ocisidecar.plan.plan import Action, Goal, Operation
from ocisidecar.state.desired import Desired

PULL_REMEDY = (
    "Check that the image exists, and that a statement lets the instances read its repository in its own "
    "compartment (or try is_resource_principal_disabled=False),"
)

_PULL_REFUSED = "does not exist or requires authorization"
"""Text, on record, of the error for an image that does not exist or that the instance may not pull."""


def is_pull_refused(errors: str) -> bool:
    """Return whether the service says that an image does not exist, or that the instance may not pull it."""
    return _PULL_REFUSED in errors


def resource_failed(operation: Operation, observation: Observation) -> ResourceFailed:
    """Return the error for a resource that ended in a failed state, or disappeared."""
    live_id = observation.live.id if observation.live is not None else observation.watch.live_id
    state = observation.live.state if observation.live is not None else "gone"
    said = ("; ".join(observation.errors) or "the service gives no reason").rstrip(".")
    remedy = PULL_REMEDY if is_pull_refused(" ".join(observation.errors)) else "Remedy the cause"
    then = (
        "run it again: it is deleted then"
        if operation.id.action is Action.DELETE
        else "apply again: the failed resource is then replaced"
    )
    return ResourceFailed(
        f"{operation.id.action.value} of {operation.id.key} ({live_id or 'no OCID'}) ended {state}: {said}. "
        f"{remedy} and {then}.",
        key=str(operation.id.key),
        resource_id=live_id,
        state=state,
        errors=observation.errors,
    )


def unhealthy(operation: Operation, observation: Observation) -> ResourceFailed:
    """Return the error for an instance that is ready and does not work."""
    live_id = observation.watch.live_id
    state = observation.live.state if observation.live is not None else ""
    return ResourceFailed(
        f"{operation.id.key} ({live_id}) does not work: {'; '.join(observation.errors)}. Fix the cause and apply "
        "again; diagnose() and the container's log say more.",
        key=str(operation.id.key),
        resource_id=live_id,
        state=state,
        errors=observation.errors,
    )


def timed_out(watch: Watch, *, waited_seconds: float) -> WaitTimedOut:
    """Return the error for a resource that did not reach its goal in time."""
    key = watch.operation.key
    missing = f": {watch.pending}" if watch.pending else ""
    look = "see what diagnose() says" if watch.kind.follows else "look at its work requests in the console"
    again = "Run it" if watch.goal is Goal.GONE else "Apply"
    return WaitTimedOut(
        f"{key} ({watch.live_id or 'no OCID yet'}) was still {watch.state} after {waited_seconds:.0f} s of waiting "
        f"until it is {watch.goal.value}{missing}. {again} again to continue waiting, or {look}.",
        key=str(key),
        last_state=watch.state,
        waited_seconds=waited_seconds,
    )


def out_of_capacity(want: Desired, *, operation: str, opc_request_id: str = "") -> OutOfHostCapacity:
    """Return the error for an instance that no placement has capacity for; it lists all placements."""
    return OutOfHostCapacity(
        operation=operation,
        key=str(want.key),
        status=500,
        code="InternalError",
        service_message=f"Out of host capacity; tried {_tried(want)}.",
        opc_request_id=opc_request_id,
        attempts=len(want.placements),
    )


def placements_exhausted(want: Desired, error: ServiceCallError) -> ServiceCallError:
    """Return the error for an instance that the last of its placements has refused with `error`.

    A service limit stays one: where a shape's limit is 0, as in trial tenancies, the remedy is another shape.
    """
    if isinstance(error, OutOfHostCapacity):
        return out_of_capacity(want, operation=error.operation, opc_request_id=error.opc_request_id)
    if not want.placements:
        return error
    return LimitExceeded(
        operation=error.operation,
        key=str(want.key),
        status=error.status,
        code=error.code,
        service_message=f"{error.service_message.rstrip(' .')}; tried {_tried(want)}.",
        opc_request_id=error.opc_request_id,
        attempts=len(want.placements),
    )


def _tried(want: Desired) -> str:
    """Return all placements in words, by shape."""
    places: dict[str, list[str]] = {}
    for placement in want.placements:
        domain = f"AD-{placement.availability_domain.rpartition('AD-')[2]}"
        places.setdefault(placement.shape, []).append("/".join(filter(None, (domain, placement.fault_domain))))
    return "; ".join(f"{shape} in {', '.join(domains)}" for shape, domains in places.items())
