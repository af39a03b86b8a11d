"""Retry policies by class of errors, and their application by tenacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, frozen

from ocisidecar.client.rate_limit import RateLimiter, RetryBudget
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
"""Called before a retry: reason, number of the failed attempt, seconds until the next."""


@frozen
class RetryPolicy:
    """Limits of the retries for one class of errors: at most `max_attempts` requests within `max_seconds`.

    A wait that the service requests (Retry-After) is observed in full if it ends within `max_seconds`; otherwise
    the call fails at once.  `max_wait_seconds` limits the other waits.
    """

    max_attempts: int
    max_seconds: float
    first_wait_seconds: float
    max_wait_seconds: float

    def __str__(self) -> str:
        return f"at most {self.max_attempts} attempts in {self.max_seconds:.0f} s"


WAITING_FOR_IAM = "waiting for IAM to take effect"
WAITING_FOR_CREATE = "waiting until what was just created is known everywhere"
IAM_SECONDS = 900.0
"""How long what depends on IAM is repeated after IAM was written: 5 to 10 minutes are on record."""

RETRY_POLICIES: Mapping[str, RetryPolicy] = {
    "throttled": RetryPolicy(200, 600.0, 0.2, 30.0),
    "unavailable": RetryPolicy(8, 600.0, 0.5, 30.0),
    "connection lost": RetryPolicy(8, 600.0, 0.5, 30.0),
    "unreachable": RetryPolicy(4, 60.0, 0.5, 5.0),
    "busy": RetryPolicy(200, 330.0, 0.5, 8.0),
    "in use": RetryPolicy(20, 10.0, 0.5, 8.0),
    WAITING_FOR_CREATE: RetryPolicy(30, 60.0, 0.5, 5.0),
    WAITING_FOR_IAM: RetryPolicy(20, 30.0, 0.5, 15.0),
}
"""By class of errors, as `classify` returns it.

"unreachable" is "connection lost" before the session's first response: a misspelt endpoint is then more likely
than an outage.  "in use", of deletes, and what waits for IAM are repeated for a short time only: what goes on for
longer may wait for something that does not come any more, so `apply.obstacles` looks for that in between.
UNCONFIRMED: most VNICs are released within those 10 s.
"""


@frozen
class Intent:
    """The properties of a call that determine which errors are retried.

    Attributes:
        is_write: it changes something; a busy resource is retried.
        is_repeatable: sending it twice does no harm (reads, PUT, DELETE, creates with a token).
        is_delete: 409 Conflict and 412 PreconditionFailed mean "in use" and are retried.
        follows_iam_write: refers to a group that may have been written just before; counts only for callers that
            have written IAM.
        follows_create: is about, or refers to, something that may have been created just before; counts only for
            callers that have created it.
    """

    is_write: bool = False
    is_repeatable: bool = True
    is_delete: bool = False
    follows_iam_write: bool = False
    follows_create: bool = False


READ = Intent()
READ_NEW = Intent(follows_create=True)
CREATE = Intent(is_write=True, follows_create=True)
CREATE_AFTER_IAM = Intent(is_write=True, follows_iam_write=True, follows_create=True)
UPDATE = Intent(is_write=True, follows_create=True)
UPDATE_AFTER_IAM = Intent(is_write=True, follows_iam_write=True, follows_create=True)
ACTION = Intent(is_write=True, is_repeatable=False, follows_create=True)
DELETE = Intent(is_write=True, is_delete=True)

_BUSY_CODES = frozenset({"IncorrectState", "LockConflict", "ResourceLocked", "ExternalServerIncorrectState"})
_BEING_MODIFIED = "currently being modified"
_NOT_TOLD = frozenset({"in use", WAITING_FOR_IAM})
"""What is not told: if it goes on, `apply.obstacles` tells what is waited for and how long."""
_TAKES_BUDGET = frozenset({"unavailable", "connection lost", "unreachable"})
_UNKNOWN_CODES = frozenset({"NotAuthorizedOrNotFound", "RelatedResourceNotAuthorizedOrNotFound"})
_IAM_LAG_TEXTS = ("does not exist under current compartment hierarchy", "No permissions found")
"""Texts, on record, of the 400 for a policy that names a group which is not known yet."""


def classify(error: ServiceCallError, intent: Intent) -> str | None:
    """Return the key in `RETRY_POLICIES` by which `error` is retried, or None when it is final."""
    if isinstance(error, OutOfHostCapacity):
        return None
    if isinstance(error, ConnectionLost):
        return "connection lost" if intent.is_repeatable else None
    if error.status == 429:
        return "throttled"
    if error.status >= 500:
        return "unavailable" if error.status != 501 and intent.is_repeatable else None
    if intent.is_delete and is_in_use(error):
        return "in use"
    if intent.is_write and error.status == 409 and _is_busy(error):
        return "busy"
    if intent.follows_iam_write and may_be_iam_lag(error):
        return WAITING_FOR_IAM
    return WAITING_FOR_CREATE if intent.follows_create and error.code in _UNKNOWN_CODES else None


def is_in_use(error: ServiceCallError) -> bool:
    """Return whether a delete is refused because something refers to the resource, or changes it."""
    if error.status == 412:
        return error.code == "PreconditionFailed"
    return error.status == 409 and (error.code == "Conflict" or _is_busy(error))


def _is_busy(error: ServiceCallError) -> bool:
    return error.code in _BUSY_CODES or _BEING_MODIFIED in error.service_message


def may_be_iam_lag(error: ServiceCallError) -> bool:
    """Return whether what refers to IAM may be refused because IAM has not taken effect yet."""
    if error.status not in {400, 404}:
        return False
    return error.code in _UNKNOWN_CODES or any(one in error.service_message for one in _IAM_LAG_TEXTS)


def error_class(status: int, code: str, message: str) -> type[ServiceCallError]:
    """Return the exception for an error response; status 0 means that none arrived."""
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
    """Return whether an error text means that no host has capacity.

    OCI sends it as 500 InternalError, as 400, and as text of a failed work request: only the wording is common.
    """
    lowered = text.lower()
    return "out of host capacity" in lowered or "outofcapacity" in lowered


@define
class RetryController:
    """Tenacity's callbacks for one call, which decide by `RETRY_POLICIES`.

    Args:
        intent: determines which errors are retried.
        clock: the source of time.
        limiter, budget: of the service that is called.
        has_responded: whether the session has ever got a response.
        notify: called before each retry.
        started: when the call began.
    """

    intent: Intent
    clock: Clock
    limiter: RateLimiter
    budget: RetryBudget
    has_responded: Callable[[], bool]
    notify: Notify | None
    started: float
    error_class: str = ""

    @property
    def policy(self) -> RetryPolicy:
        """The policy for the error seen last."""
        return RETRY_POLICIES[self.error_class]

    def should_retry(self, state: Any) -> bool:
        """Return whether the outcome is an error that is retried, and remember its class."""
        error = state.outcome.exception()
        found = classify(error, self.intent) if isinstance(error, ServiceCallError) else None
        self.error_class = "unreachable" if found == "connection lost" and not self.has_responded() else found or ""
        if found == "throttled":
            self.limiter.record_throttling()
        return found is not None

    def should_stop(self, state: Any) -> bool:
        """Return whether the policy's limits are reached, or would be by the wait that the service requests."""
        elapsed = self.clock.time() - self.started
        requested = state.outcome.exception().retry_after_seconds or 0.0
        if elapsed >= self.policy.max_seconds or elapsed + requested > self.policy.max_seconds:
            return True
        if state.attempt_number >= self.policy.max_attempts:
            return True
        return self.error_class in _TAKES_BUDGET and not self.budget.take()

    def seconds_to_wait(self, state: Any) -> float:
        """Return the wait that the service requests, else an exponential one with jitter."""
        from tenacity import wait_exponential, wait_random

        first, limit = self.policy.first_wait_seconds, self.policy.max_wait_seconds
        requested: float | None = state.outcome.exception().retry_after_seconds
        if requested is not None:
            return max(requested, first)
        wait = wait_exponential(multiplier=first, max=limit, exp_base=1.6) + wait_random(0, first)
        return float(wait(state))

    def notify_retry(self, state: Any) -> None:
        """Report the next retry to `notify`: what happened, and how long that is repeated at most."""
        if self.notify is not None and self.error_class not in _NOT_TOLD:
            reason = retry_reason(state.outcome.exception(), self.error_class)
            self.notify(reason, state.attempt_number, state.next_action.sleep)


def retry_reason(error: ServiceCallError, policy_name: str) -> str:
    """Return why a call is repeated, and for how long at most, in a few words."""
    policy = RETRY_POLICIES[policy_name]
    if isinstance(error, ConnectionLost):
        return f"malformed response ({policy})" if error.status else f"no response ({policy_name}, {policy})"
    return f"{error.status} {error.code}".strip() + f" ({policy_name}, {policy})"
