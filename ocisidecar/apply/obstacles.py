"""What stands in the way of an operation: it is waited for if it goes by itself, and the wait is reported.

A resource that is being deleted still holds its name, its address range, its share of a limit, and an instance its
address for some time longer; IAM takes minutes to take effect.  Plans order what they can see; this is about the
rest: deletions by other runs, what outlasts a deletion, what lists did not show.  Whatever is waited for is looked
for again and again: once it cannot come any more, the operation ends with the cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from http import HTTPStatus
from math import isfinite

from ocisidecar.apply.requests import Done, Job, as_wanted, perform
from ocisidecar.apply.rivals import concurrent_run
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
from ocisidecar.resources.kind import Kind
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import TAG_DIGEST
from ocisidecar.state.observed import DEAD, Live, Phase
from ocisidecar.wire import text, texts_within

MAX_SECONDS = 600.0
"""How long an obstacle is waited for; some services need 300 s to release a VNIC."""
MAX_IN_USE_SECONDS = 330.0
"""How long a delete is repeated that is refused because of something that no list shows, as VNICs are."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 15.0
_SHARE_OF_WAITED = 0.1
_REFUSALS = frozenset({400, 409})
_ENDING = frozenset({Phase.GOING, Phase.GONE})
_NAME_TAKEN_SUFFIX = "AlreadyExists"
_NAME_TAKEN_WORDS = "already uses this display name"
_TAKEN_WORDS = ("overlaps", "is taken")
"""Words in the 400 for addresses, on record, and for a label, UNCONFIRMED, that another subnet of the VCN has."""


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
        if isinstance(found, Live):
            return Done(as_wanted(job, found), job.attempt)
        raise found from error


def _obstacle(job: Job, error: ServiceCallError) -> Exception | Live | None:
    """Return why an operation is refused, or the resource of another run because of which a create is."""
    want = job.want
    if job.operation.id.action is Action.DELETE:
        return _use(job, error) if is_in_use(error) else None
    if job.kind.create_intent.follows_iam_write and job.caller.has_written_iam and may_be_iam_lag(error):
        reason = f"{WAITING_FOR_IAM}, at most {IAM_SECONDS:.0f} s: {error.service_message}"
        return Postponed(reason, _wait_seconds(job))
    if want is None or (error.status not in _REFUSALS and not isinstance(error, LimitExceeded)):
        return None
    if job.operation.may_create and not want.can_overlap:
        found = _in_its_place(job, want, error)
        if found is not None:
            return found
    return _not_ours(job, error) if _is_name_taken(error) else _holder_of_address(job, want, error)


def _in_its_place(job: Job, want: Desired, error: ServiceCallError) -> Exception | Live | None:
    """Return what is in the place of a resource of which the service allows only one, or is going from there."""
    own, is_foreign = _shown(job, want)
    is_refused = _may_be_taken(job.kind, error)
    standing = [live for live in own if live.phase not in DEAD and live.id not in job.operation.superseded]
    if is_refused and standing:
        oldest = min(standing, key=lambda live: live.age_order)
        return oldest if oldest.tags.get(TAG_DIGEST) == want.digest else concurrent_run(oldest)
    going = next((live for live in own if live.phase is Phase.GOING), None)
    if going is not None:
        words = f"an earlier {going.key} ({going.id}) is still {going.state}"
        return _postponed(job, error, words, "until it is gone")
    if is_refused and not is_foreign and _waited_seconds(job) < job.list_lag_seconds:
        words = "its name or place is taken by something that no list shows yet: waiting until one does"
        return Postponed(f"{words}, at most {job.list_lag_seconds:.0f} s", _wait_seconds(job))
    return None


def _may_be_taken(kind: Kind, error: ServiceCallError) -> bool:
    """Return whether a create may be refused because another resource has the name or the place."""
    if _is_name_taken(error):
        return True
    if not kind.is_alone_in_vcn:
        return False
    is_taken = any(word in error.service_message for word in _TAKEN_WORDS)
    return isinstance(error, LimitExceeded) or (error.status == HTTPStatus.BAD_REQUEST and is_taken)


def _is_name_taken(error: ServiceCallError) -> bool:
    """Return whether the service refuses a name that another resource has."""
    return error.code.endswith(_NAME_TAKEN_SUFFIX) or _NAME_TAKEN_WORDS in error.service_message


def _shown(job: Job, want: Desired) -> tuple[list[Live], bool]:
    """Return the resources of the key, and whether another one has the name that a create asks for."""
    own, is_foreign = [], False
    names = {want.body.get("name"), want.body.get("displayName")} - {None}
    for entry in job.kind.entries(job.caller, job.site, job.kind.parent_id(want.body, job.lookup)):
        live = job.kind.live(entry, job.site)
        if live is not None and (live.deployment, live.key) == (job.site.identity.name, want.key):
            own.append(live)
        elif job.kind.has_unique_name and not names.isdisjoint((entry.get("name"), entry.get("displayName"))):
            is_foreign = is_foreign or job.kind.phase(text(entry, "lifecycleState")) is not Phase.GONE
    return own, is_foreign


def _holder_of_address(job: Job, want: Desired, error: ServiceCallError) -> Exception | None:
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
        if job.kind.name in kind.needs:
            with suppress(NotAuthorizedOrNotFound):  # without the right to see them, only the refusal counts
                parent_id = resource_id if kind.parent == job.kind.name else ""
                lives = kind.list_live(job.caller, job.site, parent_id)
                others = (live for live in lives if live.id not in known and live.phase is not Phase.GONE)
                yield from (live for live in others if resource_id in _places(job, kind, live))


def _places(job: Job, kind: Kind, live: Live) -> Collection[str]:
    """Return the OCIDs to which a resource refers."""
    placed = kind.with_place(job.caller, live) if isinstance(kind, HasHiddenPlace) else live
    return frozenset(texts_within(placed.body))


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
