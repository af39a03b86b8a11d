"""The requests of one operation, which create, change, start or delete one resource.

Retry tokens are managed here.  A token depends only on the desired resource and on its generation, so a rerun after
a lost answer gets the resource that was created, and two runs at a time get one.  When the resource of a token is
dead (deleted, failed), the next generation is used, a bounded number of times; before a new placement is tried, and
after a create on one, everything is listed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from attrs import evolve, frozen

from ocisidecar.apply.failures import placements_exhausted
from ocisidecar.apply.rivals import concurrent_run
from ocisidecar.client.session import Caller
from ocisidecar.errors import (
    ConcurrentRun,
    Conflict,
    LimitExceeded,
    NotAuthorizedOrNotFound,
    OutOfHostCapacity,
)
from ocisidecar.plan.diff import changed_fields
from ocisidecar.plan.plan import Action, Operation, Plan
from ocisidecar.resources.capabilities import CompletedWhenReady, Startable
from ocisidecar.resources.kind import Accepted, Kind, Site
from ocisidecar.resources.rights import functions_statements, secrets_statement
from ocisidecar.state.desired import INSTALL_KEY, RESPONSE_FILE, VAULT_SECRET, Desired, Placement
from ocisidecar.state.identity import TAG_DIGEST, digest, retry_token
from ocisidecar.state.observed import DEAD, Live, Phase
from ocisidecar.timestamps import from_http_date, from_rfc3339
from ocisidecar.wire import Json, Ref, resolve_fields, text

MAX_TOKEN_GENERATIONS = 200
"""Maximum number of tokens of a create: how often e.g. a VCN can be created and deleted within the 24 hours during
which OCI remembers tokens.  Source: the SDK's description of `opc_retry_token`."""

_STORED_ANSWER_SECONDS = 5.0
"""An answer whose resource is older than the answer by at least this was stored by the service."""

_OTHER_REQUEST = "in use for a different request"


@frozen
class Attempt:
    """An attempt of a create: the index of its placement, and the generation of its retry token there.

    `wait_seconds` is how long to wait before it begins.
    """

    placement: int = 0
    generation: int = 0
    wait_seconds: float = 0.0

    def next_placement(self) -> Attempt:
        """Return the first attempt at the next placement."""
        return Attempt(self.placement + 1, 0)

    def next_generation(self, *, wait_seconds: float = 0.0) -> Attempt:
        """Return the next attempt at this placement, to begin after `wait_seconds`."""
        return Attempt(self.placement, self.generation + 1, wait_seconds)


@frozen
class Job:
    """Everything that the requests of one operation need.

    Attributes:
        blocked_since: since when something has been in its way, in clock seconds.
        plan: the one that it is of.
        rights: returns the groups and policies that are to be looked at before it waits for them any longer.
    """

    operation: Operation
    kind: Kind
    site: Site
    want: Desired | None
    lookup: Callable[[Ref], str]
    caller: Caller
    attempt: Attempt = Attempt()
    blocked_since: float = inf
    plan: Plan | None = None
    rights: Callable[[], Sequence[Live]] = tuple
    list_lag_seconds: float = 0.0


@frozen
class Done:
    """The result of an operation's requests.

    Attributes:
        accepted: the resource as the service showed it; None after a delete.
        attempt: the one that succeeded.
        work_request_id: of a delete.
    """

    accepted: Accepted | None
    attempt: Attempt = Attempt()
    work_request_id: str = ""


def perform(job: Job) -> Done:
    """Make the requests of one operation and return what they started; does not wait for their effect.

    Raises:
        NotAuthorizedOrNotFound: a write was refused; names the statements for what the operation writes.
    """
    try:
        return _PERFORM[job.operation.id.action](job)
    except NotAuthorizedOrNotFound as error:
        raise error.naming(*_rights(job, error)) from error


def _rights(job: Job, error: NotAuthorizedOrNotFound) -> tuple[str, ...]:
    """Return the statements that a refused request of an operation may lack."""
    identity = job.site.identity
    if error.operation == "get_secret_bundle":
        return (secrets_statement(identity),)
    functions = functions_statements(job.want.body, identity) if job.want is not None else ()
    return (*job.kind.rights(identity), *functions)


def complete(job: Job, live: Live) -> Done:
    """Make the requests that only a resource that is ready accepts."""
    want, work_request_id = _wanted(job), ""
    if isinstance(job.kind, CompletedWhenReady):
        work_request_id = job.kind.complete(job.caller, live, resolve_fields(want.body, job.lookup))
    accepted = _as_accepted(live)
    if work_request_id:
        accepted = evolve(accepted, phase=Phase.PENDING, work_request_id=work_request_id)
    return Done(accepted, job.attempt)


def live_of(operation: Operation, accepted: Accepted) -> Live:
    """Return the resource of an operation as the service has just shown it."""
    return Live(
        operation.id.key,
        operation.id.deployment,
        accepted.id,
        accepted.state,
        accepted.phase,
        accepted.body or (operation.live.body if operation.live else {}),
        text(accepted.body, "timeCreated"),
    )


def _create(job: Job) -> Done:
    want = _wanted(job)
    placements = want.placements or (None,)
    attempt = job.attempt
    while True:
        if attempt != Attempt():
            _delete_failed(job, want)
            if (found := _find(job, want)) is not None:
                return Done(as_wanted(job, found), attempt)
        try:
            accepted, attempt = _create_with_fresh_token(job, want, placements[attempt.placement], attempt)
        except (LimitExceeded, OutOfHostCapacity) as error:
            if attempt.placement + 1 >= len(placements):
                raise placements_exhausted(want, error) from error
            attempt = attempt.next_placement()
            if job.caller.notify is not None:
                reason = f"{error.service_message.rstrip(' .')}; next is {placements[attempt.placement]}"
                job.caller.notify(reason, attempt.placement, 0)
        else:
            return Done(_oldest(job, want, accepted) if attempt.placement else accepted, attempt)


def _create_with_fresh_token(
    job: Job, want: Desired, placement: Placement | None, attempt: Attempt
) -> tuple[Accepted, Attempt]:
    """Create with the token of `attempt`, or of a later generation while a token's resource is dead."""
    body, content = _body(job, want, placement), _content(job, want)
    was_listed = False
    while True:
        token = retry_token(job.site.identity, want.key, content, str(placement or ""), attempt.generation)
        try:
            answer = job.kind.create(job.caller, job.site, body, token)
        except Conflict as error:
            is_used = _is_token_used(error)
            if not (is_used and was_listed) and (found := _find(job, want)) is not None:
                return as_wanted(job, found), attempt
            was_listed = True
            if not is_used or attempt.generation + 1 >= MAX_TOKEN_GENERATIONS:
                raise
        else:
            if not _may_be_stored_answer(job, answer):
                return answer, attempt
            if not _is_replaced(job, answer.id) and (alive := _alive(job, want, answer)) is not None:
                return alive, attempt
            if attempt.generation + 1 >= MAX_TOKEN_GENERATIONS:
                return answer, attempt
        attempt = attempt.next_generation(wait_seconds=attempt.wait_seconds)


def _content(job: Job, want: Desired) -> str:
    """Return a hash of the request's content, with the OCIDs that it refers to, but of secrets only their names.

    A token that comes back with another body is refused, so the hash covers all of it.  With the OCIDs, a resource
    in another VCN than before gets another token, so that only resources that refer to nothing need further
    generations when a deployment is destroyed and created again.
    """

    def lookup(ref: Ref) -> str:
        if ref.key.kind == RESPONSE_FILE:
            return f"{ref} with {job.lookup(Ref(INSTALL_KEY))}"
        return str(ref) if ref.key.kind == VAULT_SECRET else job.lookup(ref)

    return digest(resolve_fields(want.content, lookup))


def _body(job: Job, want: Desired, placement: Placement | None) -> dict[str, Json]:
    asked = want.body if placement is None else want.body_on(placement.shape)
    body = _with_own_tags(job, want, resolve_fields(asked, job.lookup))
    if placement is not None:
        body["availabilityDomain"] = placement.availability_domain
        if placement.fault_domain:
            body["faultDomain"] = placement.fault_domain
    return body


def _with_own_tags(job: Job, want: Desired, body: Mapping[str, Json]) -> dict[str, Json]:
    given = body.get("freeformTags")
    tags = {**(given if isinstance(given, Mapping) else {}), **want.tags(job.site.identity)}
    return {**body, "freeformTags": tags}


def _update(job: Job) -> Done:
    return Done(_updated(job, _live(job), job.operation.changed_fields))


def _updated(job: Job, live: Live, fields: frozenset[str]) -> Accepted:
    want = _wanted(job)
    body = resolve_fields(want.change(fields), job.lookup)
    return job.kind.update(job.caller, job.site, live, _with_own_tags(job, want, body))


def _act(job: Job) -> Done:
    live, action = _live(job), job.operation.id.action
    if not isinstance(job.kind, Startable):
        raise TypeError(f"{job.operation.id} is not possible: only container instances can be started and stopped")
    work_request_id = job.kind.act(job.caller, live, action.value)
    return Done(Accepted(live.id, f"{action.value} accepted", Phase.PENDING, live.body, work_request_id))


def _await(job: Job) -> Done:
    """Wait for a resource that an earlier run began to create; create it again if it has failed."""
    return Done(_as_accepted(_live(job))) if job.attempt == Attempt() else _create(job)


def _delete(job: Job) -> Done:
    live = _live(job)
    is_going = live.phase is Phase.GOING
    return Done(None, work_request_id="" if is_going else job.kind.delete(job.caller, job.site, live))


_PERFORM: Mapping[Action, Callable[[Job], Done]] = {
    Action.CREATE: _create,
    Action.UPDATE: _update,
    Action.ADOPT: _update,
    Action.START: _act,
    Action.STOP: _act,
    Action.RESTART: _act,
    Action.WAIT: _await,
    Action.DELETE: _delete,
}


def _wanted(job: Job) -> Desired:
    if job.want is None:
        raise LookupError(f"{job.operation.id.key} is not in the plan's desired resources, so it cannot be created")
    return job.want


def _live(job: Job) -> Live:
    if job.operation.live is None:
        raise LookupError(f"{job.operation.id.key} has no live resource in the plan, so it cannot be changed")
    return job.operation.live


def _find(job: Job, want: Desired) -> Live | None:
    """Return the oldest live resource that matches `want`."""
    return next(iter(_matches(job, want)), None)


def _matches(job: Job, want: Desired) -> list[Live]:
    lives = _lives(job, want)
    standing = [live for live in lives if live.phase not in DEAD and not _is_replaced(job, live.id)]
    return sorted(standing, key=lambda live: live.age_order)


def _lives(job: Job, want: Desired) -> list[Live]:
    lives = job.kind.list_live(job.caller, job.site, job.kind.parent_id(want.body, job.lookup))
    return [
        live
        for live in lives
        if live.deployment == job.site.identity.name
        and live.key == want.key
        and live.tags.get(TAG_DIGEST) == want.digest
    ]


def _delete_failed(job: Job, want: Desired) -> None:
    """Delete a resource that failed at an earlier attempt and whose error has been reported."""
    for live in _lives(job, want):
        if live.phase is Phase.FAILED:
            job.kind.delete(job.caller, job.site, live)


def _oldest(job: Job, want: Desired, accepted: Accepted) -> Accepted:
    """Keep the oldest of several resources of one key, and delete the others."""
    matching = _matches(job, want)
    for extra in matching[1:]:
        job.kind.delete(job.caller, job.site, extra)
    return _as_accepted(matching[0]) if matching else accepted


def give_way(job: Job, own: Live, older: Live) -> Done:
    """Delete the resource that this run created, and use the older one of another run.

    Raises:
        ConcurrentRun: the older one has other content, or another run uses what this one created.
    """
    try:
        job.kind.delete(job.caller, job.site, own)
    except Conflict as error:
        raise ConcurrentRun(
            f"Another run uses {own.key} ({own.id}), which this run created beside the older {older.id} and cannot "
            f"delete: {error.service_message.rstrip('.')}. Let it end, then run again: one of them is removed."
        ) from error
    if older.tags.get(TAG_DIGEST) != _wanted(job).digest:
        raise concurrent_run(older)
    return Done(as_wanted(job, older), job.attempt)


def as_wanted(job: Job, live: Live) -> Accepted:
    """Return a resource that another or an earlier run created, after changing in it what is wanted otherwise."""
    fields = changed_fields(job.site.identity, _wanted(job), live, job.lookup)
    return _updated(job, live, frozenset(name for name, _, _ in fields)) if fields else _as_accepted(live)


def _as_accepted(live: Live) -> Accepted:
    return Accepted(live.id, live.state, live.phase, live.body)


def _is_replaced(job: Job, live_id: str) -> bool:
    """Return whether a resource is the one that is replaced, which may have been created with the same token."""
    return job.operation.id.action is Action.CREATE and live_id in job.operation.superseded


def _may_be_stored_answer(job: Job, accepted: Accepted) -> bool:
    """Return whether the answer may be one that the service stored for an earlier request with the same token."""
    if accepted.id in job.operation.superseded:
        return True
    created, served = accepted.body.get("timeCreated"), accepted.served
    if not accepted.id or not isinstance(created, str) or not served:
        return bool(accepted.id)
    made, sent = from_rfc3339(created), from_http_date(served)
    return made is None or sent is None or (sent - made).total_seconds() > _STORED_ANSWER_SECONDS


def _alive(job: Job, want: Desired, accepted: Accepted) -> Accepted | None:
    live = job.kind.get(job.caller, job.site, accepted.id, job.kind.parent_id(want.body, job.lookup))
    if live is None or live.phase in DEAD:
        return None
    return evolve(as_wanted(job, live), work_request_id=accepted.work_request_id)


def _is_token_used(error: Conflict) -> bool:
    """Return whether the token belongs to a resource that is gone, or to a request with another body.

    Source: Oracle, "API Errors" (InvalidatedRetryToken); the message of the other case is on record.
    """
    return error.code == "InvalidatedRetryToken" or _OTHER_REQUEST in error.service_message
