"""What a refusal means, what is retried, and for how long: `error_class`, `waits_for` and `PATIENCE`.

`Rule` answers tenacity's questions from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, frozen

from ocisidecar.client.rate_limit import Budget, Pace
from ocisidecar.clock import Clock
from ocisidecar.errors import (
    Conflict,
    ConnectionLost,
    LimitExceeded,
    NotAuthenticated,
    NotAuthorizedOrNotFound,
    OutOfHostCapacity,
    ServiceCallError,
    ServiceUnavailable,
    Throttled,
)

Notify = Callable[[str, int, float], None]
"""Told of a retry: reason, number of the attempt that failed, seconds until the next."""


@frozen
class Patience:
    """How long a kind of failure is waited out: at most `attempts` sends within `seconds`.

    A wait that the service asks for (Retry-After) is waited in full where it ends within `seconds`; where it does
    not, the call fails at once.  `longest_wait_seconds` bounds the others.
    """

    attempts: int
    seconds: float
    first_wait_seconds: float
    longest_wait_seconds: float


PATIENCE: Mapping[str, Patience] = {
    "throttled": Patience(200, 600.0, 0.2, 30.0),
    "unavailable": Patience(8, 600.0, 0.5, 30.0),
    "lost": Patience(8, 600.0, 0.5, 30.0),
    "unreached": Patience(4, 60.0, 0.5, 5.0),
    "busy": Patience(200, 330.0, 0.5, 8.0),
    "not yet": Patience(100, 240.0, 0.5, 15.0),
}
"""By kind of failure.

"unreached" is "lost" before the session's first answer: then it is likelier that an endpoint is misspelt than that
it rests.  "busy" outlasts the 300 s that some services need to give a VNIC back; "not yet" is the four minutes for
which the Go SDK expects IAM writes to spread (its `common/retry` package).
"""


@frozen
class Intent:
    """What a call means for retrying.

    Attributes:
        is_write: it changes something; a busy resource is waited for.
        is_repeatable: sending it twice does no harm (reads, PUT, DELETE, creates with a token).
        is_delete: 409 Conflict and 412 PreconditionFailed mean "still referenced" and are waited out.
        follows_iam_write: refers to a group or policy that may have been written a moment ago.
    """

    is_write: bool = False
    is_repeatable: bool = True
    is_delete: bool = False
    follows_iam_write: bool = False


READ = Intent()
CREATE = Intent(is_write=True)
CREATE_AFTER_IAM = Intent(is_write=True, follows_iam_write=True)
UPDATE = Intent(is_write=True)
ACTION = Intent(is_write=True, is_repeatable=False)
DELETE = Intent(is_write=True, is_delete=True)

_BUSY_CODES = frozenset({"IncorrectState", "LockConflict", "ResourceLocked", "ExternalServerIncorrectState"})
_BEING_MODIFIED = "currently being modified"
_COSTS_BUDGET = frozenset({"unavailable", "lost", "unreached"})
_IAM_LAG_CODES = frozenset({"NotAuthorizedOrNotFound", "RelatedResourceNotAuthorizedOrNotFound"})


def waits_for(error: ServiceCallError, intent: Intent) -> str | None:
    """Return the entry of `PATIENCE` under which `error` is waited out, or None when it is final."""
    if isinstance(error, OutOfHostCapacity):
        return None
    if error.status == 0:
        return "lost" if intent.is_repeatable else None
    if error.status == 429:
        return "throttled"
    if error.status >= 500:
        return "unavailable" if error.status != 501 and intent.is_repeatable else None
    if intent.is_write and error.status == 409:
        is_busy = error.code in _BUSY_CODES or _BEING_MODIFIED in error.service_message
        return "busy" if is_busy or (intent.is_delete and error.code == "Conflict") else None
    if intent.is_delete and (error.status, error.code) == (412, "PreconditionFailed"):
        return "busy"
    if intent.follows_iam_write and error.status in {400, 404} and error.code in _IAM_LAG_CODES:
        return "not yet"
    return None


def error_class(status: int, code: str, message: str) -> type[ServiceCallError]:
    """Return what a refusal is called here; status 0 means that there was no answer."""
    if status >= 400 and is_capacity_shortage(f"{code} {message}"):
        return OutOfHostCapacity
    if code in {"LimitExceeded", "QuotaExceeded"}:
        return LimitExceeded
    if status >= 500:
        return ServiceUnavailable
    return {
        0: ConnectionLost,
        401: NotAuthenticated,
        403: NotAuthorizedOrNotFound,
        404: NotAuthorizedOrNotFound,
        409: Conflict,
        412: Conflict,
        429: Throttled,
    }.get(status, ServiceCallError)


def is_capacity_shortage(text: str) -> bool:
    """Return whether an error text means that no host has room.

    OCI sends it as 500 InternalError, as 400, and as text of a failed work request: only the words are common.
    """
    lowered = text.lower()
    return "out of host capacity" in lowered or "outofcapacity" in lowered


@define
class Rule:
    """Tenacity's questions about one call, answered from `PATIENCE`.

    Args:
        intent: what the call means for retrying.
        clock: where time comes from.
        pace, budget: of the service that is called.
        was_answered: whether the session has ever got an answer.
        notify: told of each retry.
        started: when the call began.
    """

    intent: Intent
    clock: Clock
    pace: Pace
    budget: Budget
    was_answered: Callable[[], bool]
    notify: Notify | None
    started: float
    waits: str = ""

    def should_retry(self, state: Any) -> bool:
        """Say whether the outcome is waited out, and under which entry of `PATIENCE`."""
        error = state.outcome.exception()
        waits = waits_for(error, self.intent) if isinstance(error, ServiceCallError) else None
        self.waits = "unreached" if waits == "lost" and not self.was_answered() else waits or ""
        if waits == "throttled":
            self.pace.throttled()
        return waits is not None

    def should_stop(self, state: Any) -> bool:
        """Say whether it has been waited out long enough, or would have to be for longer than that."""
        patience = PATIENCE[self.waits]
        elapsed = self.clock.time() - self.started
        asked = state.outcome.exception().retry_after_seconds or 0.0
        if elapsed >= patience.seconds or elapsed + asked > patience.seconds:
            return True
        if state.attempt_number >= patience.attempts:
            return True
        return self.waits in _COSTS_BUDGET and not self.budget.spend()

    def seconds_to_wait(self, state: Any) -> float:
        """Return what the service asked for, else a growing time with chance in it."""
        from tenacity import wait_exponential, wait_random

        patience = PATIENCE[self.waits]
        first, longest = patience.first_wait_seconds, patience.longest_wait_seconds
        asked: float | None = state.outcome.exception().retry_after_seconds
        if asked is not None:
            return max(asked, first)
        growing = wait_exponential(multiplier=first, max=longest, exp_base=1.6) + wait_random(0, first)
        return float(growing(state))

    def tell(self, state: Any) -> None:
        """Tell of the retry that comes."""
        error: ServiceCallError = state.outcome.exception()
        answer = f"{error.status} {error.code}".strip() if error.status else "no answer"
        if self.notify is not None:
            self.notify(f"{answer} ({self.waits})", state.attempt_number, state.next_action.sleep)
