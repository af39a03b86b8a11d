"""What ended a step that the service had accepted, or that found no room, as exceptions."""

from __future__ import annotations

from ocisidecar.apply.waiter import Sight, Watch
from ocisidecar.errors import OutOfHostCapacity, ResourceFailed, WaitTimedOut
from ocisidecar.plan.operations import Node
from ocisidecar.state.desired import Desired


def resource_failed(node: Node, sight: Sight) -> ResourceFailed:
    """Return what to raise for a resource that ended in a failed state, or vanished."""
    live_id = sight.live.id if sight.live is not None else sight.watch.live_id
    state = sight.live.state if sight.live is not None else "gone"
    said = "; ".join(sight.evidence) or "the service gives no reason"
    return ResourceFailed(
        f"{node.id.verb.value} of {node.id.key} ({live_id or 'no OCID'}) ended {state}: {said}. Remedy the cause "
        "and apply again: the failed resource is then replaced.",
        key=str(node.id.key),
        resource_id=live_id,
        state=state,
        errors=sight.evidence,
    )


def timed_out(watch: Watch, *, waited_seconds: float) -> WaitTimedOut:
    """Return what to raise for a resource that did not reach its goal in time."""
    key = watch.node.key
    return WaitTimedOut(
        f"{key} ({watch.live_id or 'no OCID yet'}) was still {watch.state} after {waited_seconds:.0f} s of waiting "
        f"until it is {watch.goal.value}. Apply again to go on waiting, or look at its work requests in the "
        "console.",
        key=str(key),
        last_state=watch.state,
        waited_seconds=waited_seconds,
    )


def no_room(want: Desired, *, operation: str, opc_request_id: str = "") -> OutOfHostCapacity:
    """Return what to raise when no placement that `want` allows has room; it lists them all."""
    places: dict[str, list[str]] = {}
    for placement in want.placements:
        domain = f"AD-{placement.availability_domain.rpartition('AD-')[2]}"
        places.setdefault(placement.shape, []).append("/".join(filter(None, (domain, placement.fault_domain))))
    tried = "; ".join(f"{shape} in {', '.join(domains)}" for shape, domains in places.items())
    return OutOfHostCapacity(
        operation=operation,
        key=str(want.key),
        status=500,
        code="InternalError",
        service_message=f"Out of host capacity; tried {tried}.",
        opc_request_id=opc_request_id,
        attempts=len(want.placements),
    )
