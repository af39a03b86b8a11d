"""What stands in the way of an operation: it is waited for if it goes by itself, and the wait is reported.

A resource that is being deleted still holds its name, its address range, its share of a limit, and an instance its
address for some time longer; IAM takes minutes to take effect.  Plans order what they can see; this is about the
rest: deletions by other runs, what outlasts a deletion, what lists did not show.  Whatever is waited for is looked
for again and again: once it cannot come any more, the operation ends with the cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import isfinite

from ocisidecar.apply.requests import Done, Job, perform
from ocisidecar.apply.rivals import is_name_taken
from ocisidecar.client.retry import IAM_SECONDS, WAITING_FOR_IAM, is_in_use, may_be_iam_lag
from ocisidecar.errors import (
    ConcurrentRun,
    LimitExceeded,
    NotAuthorizedOrNotFound,
    PlanError,
    ResourceNotOwned,
    ServiceCallError,
    WaitTimedOut,
)
from ocisidecar.plan.plan import Action
from ocisidecar.resources.addresses import Holder
from ocisidecar.resources.capabilities import HasHiddenPlace, TakesAddresses
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import texts_within

MAX_SECONDS = 600.0
"""How long an obstacle is waited for; some services need 300 s to release a VNIC."""
MAX_IN_USE_SECONDS = 330.0
"""How long a delete is repeated that is refused because of something that no list shows, as VNICs are."""

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
        ConcurrentRun: it does not go by itself, or what is waited for does not come: another run has seen to that.
        ResourceNotOwned: what stands in the way belongs to others.
        PlanError: an address belongs to another instance of the deployment, which stays.
        ServiceCallError: any other refusal.
    """
    if job.attempt.wait_seconds or isfinite(job.blocked_since):
        for right in job.rights():
            _check_exists(job, right)
    try:
        return perform(job)
    except ServiceCallError as error:
        found = _obstacle(job, error)
        if found is None:
            raise
        raise found from error


def _obstacle(job: Job, error: ServiceCallError) -> Exception | None:
    if job.operation.id.action is Action.DELETE:
        return _use(job, error) if is_in_use(error) else None
    if job.kind.create_intent.follows_iam_write and job.caller.has_written_iam and may_be_iam_lag(error):
        reason = f"{WAITING_FOR_IAM}, at most {IAM_SECONDS:.0f} s: {error.service_message}"
        return Postponed(reason, _wait_seconds(job))
    if job.want is None or (error.status not in _REFUSALS and not isinstance(error, LimitExceeded)):
        return None
    return _holder_of_place(job, job.want, error)


def _holder_of_place(job: Job, want: Desired, error: ServiceCallError) -> Exception | None:
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


def _use(job: Job, error: ServiceCallError) -> Exception | None:
    """Return why a delete is refused: what lists did not show when it was planned, or what may still go."""
    subject = f"{job.caller.key} ({job.operation.id.resource_id})"
    for live in _users(job, job.operation.id.resource_id):
        if live.phase is not Phase.GOING:
            whose = "" if live.deployment == job.site.identity.name else f" of the deployment {live.deployment}"
            return ConcurrentRun(
                f"{subject} cannot be deleted yet: {live.key} ({live.id}){whose} is in it, which no list showed "
                "when the plan was made. A new plan has both."
            )
    if _waited_seconds(job) >= MAX_IN_USE_SECONDS:
        return None
    words = f"{subject} is still in use ({error.service_message.rstrip('.')}): waiting until it can be deleted"
    return Postponed(f"{words}, at most {MAX_IN_USE_SECONDS:.0f} s", _wait_seconds(job))


def _users(job: Job, resource_id: str) -> Iterator[Live]:
    """Yield the resources that refer to one and that the plan did not know, as lists show them now."""
    known = {live.id for live in job.plan.snapshot.resources} if job.plan is not None else frozenset()
    for kind in KINDS.values():
        if job.kind.name not in kind.needs:
            continue
        for live in kind.list_live(job.caller, job.site, resource_id if kind.parent == job.kind.name else ""):
            if live.id not in known and live.phase is not Phase.GONE:
                with suppress(NotAuthorizedOrNotFound):
                    placed = kind.with_place(job.caller, live) if isinstance(kind, HasHiddenPlace) else live
                    if resource_id in texts_within(placed.body):
                        yield placed


def _check_exists(job: Job, right: Live) -> None:
    """Raise ConcurrentRun if a group or policy that is waited for does not exist any more."""
    kind = KINDS[right.key.kind]
    now = kind.get(job.caller, job.site, right.id)
    with suppress(NotAuthorizedOrNotFound):
        if now is None:  # a GET may take another right than the list that has shown it
            lives = kind.list_live(job.caller, job.site)
            now = next((live for live in lives if live.id == right.id and live.phase is not Phase.GONE), None)
        if now is None or now.phase is Phase.GOING:
            raise ConcurrentRun(
                f"{job.caller.key} waited until {right.key} ({right.id}) takes effect in IAM, but that was deleted "
                f"meanwhile: another run changes or destroys {right.deployment}. Let it end, then apply again."
            )


def _postponed(job: Job, error: ServiceCallError, words: str, until: str) -> Exception:
    waited = _waited_seconds(job)
    if waited >= MAX_SECONDS:
        return WaitTimedOut(
            f"{job.caller.key}: {words} after {waited:.0f} s of waiting {until}. The service said: "
            f"{error.service_message} (opc-request-id {error.opc_request_id}). Apply again to continue waiting.",
            key=job.caller.key,
            last_state=words,
            waited_seconds=waited,
        )
    return Postponed(f"{words}: waiting {until}, at most {MAX_SECONDS:.0f} s", _wait_seconds(job))


def _waited_seconds(job: Job) -> float:
    return max(0.0, job.caller.clock.time() - job.blocked_since)


def _wait_seconds(job: Job) -> float:
    return min(max(_FIRST_WAIT_SECONDS, _SHARE_OF_WAITED * _waited_seconds(job)), _LONGEST_WAIT_SECONDS)


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
    operations = job.plan.operations if job.plan is not None else ()
    return live.phase in _ENDING or any(one.id.resource_id == live.id for one in operations)


def _not_ours(job: Job, error: ServiceCallError) -> ResourceNotOwned:
    return ResourceNotOwned(
        f"{job.caller.key} cannot be created: a resource of that name exists without this deployment's tags. "
        f"The service said: {error.service_message} (opc-request-id {error.opc_request_id}). Take it over with "
        f'provisioner.adopt(spec, {{"{job.caller.key}": "<its OCID>"}}), rename the deployment, or remove it.'
    )
