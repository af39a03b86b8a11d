"""Repeating writes that must not simply be sent twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ocisidecar.client.retry import RETRY_POLICIES, UPDATE, classify, retry_reason
from ocisidecar.client.session import Caller
from ocisidecar.errors import ConnectionLost, ServiceCallError, ServiceUnavailable

T = TypeVar("T")

_POLICY_NAME = "unavailable"
_POLICY = RETRY_POLICIES[_POLICY_NAME]
_FACTOR = 1.6


def until_done(caller: Caller, act: Callable[[], T]) -> T:
    """Call `act` until it ends, and return its result: it reads what is missing and sends that, as an `ACTION`.

    It is called again after an error of the service and after a lost answer, which may have taken effect, with the
    waits and limits of the policy "unavailable".

    Raises:
        ServiceCallError: the last one, or one that is final.
    """
    began = caller.clock.time()
    number = 0
    while True:
        number += 1
        try:
            return act()
        except (ConnectionLost, ServiceUnavailable) as error:
            if not _may_be_repeated(error, number, caller.clock.time() - began):
                raise
            wait_seconds = min(_POLICY.first_wait_seconds * _FACTOR ** (number - 1), _POLICY.max_wait_seconds)
            wait_seconds = max(wait_seconds, error.retry_after_seconds or 0.0)
            if caller.notify is not None:
                caller.notify(retry_reason(error, _POLICY_NAME), number, wait_seconds)
            caller.sleep(wait_seconds)


def _may_be_repeated(error: ServiceCallError, number: int, waited_seconds: float) -> bool:
    """Return whether another attempt is made; reads have been repeated already."""
    is_read = error.operation.startswith(("get_", "list_"))
    is_within = number < _POLICY.max_attempts and waited_seconds < _POLICY.max_seconds
    return is_within and not is_read and classify(error, UPDATE) is not None
