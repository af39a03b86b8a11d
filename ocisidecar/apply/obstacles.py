"""What stands in the way of a create or change and goes by itself: it is waited for, and the wait is reported.

A resource that is being deleted still holds its name, its address range, its share of a limit, and an instance its
address for some time longer.  Plans order what they can see; this is about the rest: deletions by other runs, and
what outlasts a deletion.
"""

from __future__ import annotations

from math import isfinite

from ocisidecar.apply.requests import Done, Job, perform
from ocisidecar.apply.rivals import is_name_taken
from ocisidecar.errors import LimitExceeded, PlanError, ResourceNotOwned, ServiceCallError, WaitTimedOut
from ocisidecar.plan.plan import Action
from ocisidecar.resources.addresses import Holder
from ocisidecar.resources.capabilities import TakesAddresses
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase

MAX_SECONDS = 600.0
"""How long an obstacle is waited for; some services need 300 s to release a VNIC."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 15.0
_SHARE_OF_WAITED = 0.1
_REFUSALS = frozenset({400, 409})
_ENDING = frozenset({Phase.GOING, Phase.GONE})


class Postponed(Exception):
    """The operation is to be tried again: something is in its way that goes by itself.

    Attributes:
        reason: what is in its way and how long it is waited for, as a sentence.
        wait_seconds: until the next attempt.
    """

    def __init__(self, reason: str, wait_seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_seconds = wait_seconds


def carry_out(job: Job) -> Done:
    """Make the requests of one operation, as `perform` does.

    Raises:
        Postponed: what stands in the way goes by itself.
        WaitTimedOut: it has not gone in time.
        ResourceNotOwned: what stands in the way belongs to others.
        PlanError: an address belongs to another instance of the deployment, which stays.
        ServiceCallError: any other refusal.
    """
    try:
        return perform(job)
    except ServiceCallError as error:
        if error.status not in _REFUSALS and not isinstance(error, LimitExceeded):
            raise
        found = None if job.want is None else _obstacle(job, job.want, error)
        if found is None:
            raise
        raise found from error


def _obstacle(job: Job, want: Desired, error: ServiceCallError) -> Exception | None:
    if job.operation.id.action is Action.DELETE:
        return None
    if (going := _going_predecessor(job, want)) is not None:
        words = f"an earlier {going.key} ({going.id}) is still {going.state}"
        return _postponed(job, error, words, "until it is gone")
    if is_name_taken(error):
        return _not_ours(job, error)
    holder = _holder(job, want)
    if holder is None:
        return None
    instance = holder.instance
    whose = f"the VNIC {holder.vnic_id}" if instance is None else f"{instance.key} ({instance.id})"
    is_leaving = isfinite(job.blocked_since) if instance is None else _is_leaving(job, instance)
    if holder.is_released or is_leaving:
        words = f"{holder.held} is still held by {whose}, which is being deleted"
        return _postponed(job, error, words, "until it is released")
    belongs = "which does not belong to this deployment" if instance is None else "which stays"
    message = (
        f"{job.caller.key} cannot have {holder.held}: it is held by {whose}, {belongs}. The service said: "
        f"{error.service_message} (opc-request-id {error.opc_request_id}). Choose another one in the spec, or "
        "release it there."
    )
    return ResourceNotOwned(message) if instance is None else PlanError(message)


def _postponed(job: Job, error: ServiceCallError, words: str, until: str) -> Exception:
    waited = max(0.0, job.caller.clock.time() - job.blocked_since)
    if waited >= MAX_SECONDS:
        return WaitTimedOut(
            f"{job.caller.key}: {words} after {waited:.0f} s of waiting {until}. The service said: "
            f"{error.service_message} (opc-request-id {error.opc_request_id}). Apply again to continue waiting.",
            key=job.caller.key,
            last_state=words,
            waited_seconds=waited,
        )
    wait_seconds = min(max(_FIRST_WAIT_SECONDS, _SHARE_OF_WAITED * waited), _LONGEST_WAIT_SECONDS)
    return Postponed(f"{words}: waiting {until}, at most {MAX_SECONDS:.0f} s", wait_seconds)


def _going_predecessor(job: Job, want: Desired) -> Live | None:
    """Return a resource of the same key that is being deleted, unless the new one can live beside it."""
    if want.can_overlap or not job.operation.may_create:
        return None
    lives = job.kind.list_live(job.caller, job.site, job.kind.parent_id(want.body, job.lookup))
    own = (live for live in lives if (live.deployment, live.key) == (job.site.identity.name, want.key))
    return next((live for live in own if live.phase is Phase.GOING), None)


def _holder(job: Job, want: Desired) -> Holder | None:
    """Return what holds an address that the operation asks for."""
    if not isinstance(job.kind, TakesAddresses):
        return None
    lives = job.kind.list_live(job.caller, job.site)
    own = [live for live in lives if live.deployment == job.site.identity.name]
    own.sort(key=lambda live: not _is_leaving(job, live))
    asking = job.operation.live.id if job.operation.live is not None else ""
    return job.kind.holder(job.caller, want, job.lookup, own, asking)


def _is_leaving(job: Job, live: Live) -> bool:
    """Return whether an instance is going or gone, or is deleted by the same plan."""
    return live.phase in _ENDING or live.id in job.leaving()


def _not_ours(job: Job, error: ServiceCallError) -> ResourceNotOwned:
    return ResourceNotOwned(
        f"{job.caller.key} cannot be created: a resource of that name exists without this deployment's tags. "
        f"The service said: {error.service_message} (opc-request-id {error.opc_request_id}). Take it over with "
        f'provisioner.adopt(spec, {{"{job.caller.key}": "<its OCID>"}}), rename the deployment, or remove it.'
    )
