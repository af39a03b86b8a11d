"""Polling: repeat a query until its result suffices, the time is up, or the caller's `Cancel` is set.

For logs that grow, health checks without a verdict, and telemetry that takes a while to arrive.  What an apply
waits for is the task of `apply.waiter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.clock import Clock
from ocisidecar.errors import ServiceCallError
from ocisidecar.observe.snapshot import DeploymentReader

T = TypeVar("T")

_MAX_INTERVAL_SECONDS = 2.0
_MIN_INTERVAL_SECONDS = 0.25


def poll_at_interval(caller: Caller, interval_seconds: float) -> Iterator[float]:
    """Yield the seconds since the first poll: 0 at once, then again after each interval, without end.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _poll_times(caller, lambda _: interval_seconds)


def poll_with_backoff(caller: Caller, max_interval_seconds: float = _MAX_INTERVAL_SECONDS) -> Iterator[float]:
    """Yield as `poll_at_interval`, with intervals of a quarter of the time waited so far, at least 0.25 s.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _poll_times(caller, lambda waited: min(max(waited / 4, _MIN_INTERVAL_SECONDS), max_interval_seconds))


def _poll_times(caller: Caller, interval: Callable[[float], float]) -> Iterator[float]:
    began, waited = caller.clock.time(), 0.0
    while True:
        yield waited
        caller.sleep(interval(waited))
        waited = caller.clock.time() - began


@frozen(kw_only=True)
class PollResult(Generic[T]):
    """The result of a poll.

    Attributes:
        value: what the last query returned; None if it failed.
        error: the service's error; empty if it did not fail.
        elapsed_seconds: from the beginning of the first poll, `before_first` included, to the end of the last.
    """

    value: T | None = None
    error: str = ""
    elapsed_seconds: float = 0.0


def merge(results: Sequence[PollResult[tuple[T, ...]]]) -> PollResult[tuple[T, ...]]:
    """Return the values of all results as one, with the first error and the longest time."""
    return PollResult(
        value=tuple(one for result in results for one in result.value or ()),
        error=next((result.error for result in results if result.error), ""),
        elapsed_seconds=max((result.elapsed_seconds for result in results), default=0.0),
    )


@define
class Poll(Generic[T]):
    """A query that is repeated until it is done.

    Args:
        query: is called at every poll.
        is_done: takes the query's value and the seconds elapsed, and returns whether they suffice.  A query that
            raises ServiceCallError is always done.
        before_first: is called once, before the first query, e.g. to send what the query looks for.
    """

    _query: Callable[[], T]
    _is_done: Callable[[T, float], bool]
    _before_first: Callable[[], None] | None = None
    result: PollResult[T] = field(factory=PollResult)
    _began: float | None = field(default=None, init=False)

    def run_once(self, clock: Clock) -> bool:
        """Query once, set `result`, and return whether the poll is done."""
        before_first, self._before_first = self._before_first, None
        began = self._began = clock.time() if self._began is None else self._began
        try:
            if before_first is not None:
                before_first()
            value = self._query()
        except ServiceCallError as error:
            self.result = PollResult(error=str(error), elapsed_seconds=clock.time() - began)
            return True
        self.result = PollResult(value=value, elapsed_seconds=clock.time() - began)
        return self._is_done(value, self.result.elapsed_seconds)


class Pollable(Protocol):
    """A `Poll` of any type."""

    def run_once(self, clock: Clock) -> bool:
        """Query once, and return whether the poll is done."""


def poll_all(reader: DeploymentReader, polls: Sequence[Pollable], *, timeout_seconds: float) -> None:
    """Run all polls concurrently, each at least once, until all are done or the time is up.

    Args:
        reader: runs the queries.
        polls: hold their results afterwards.
        timeout_seconds: after which no poll is started again.

    Raises:
        Cancelled: the reader's `cancel` was set.
    """
    pending = list(polls)
    for waited in poll_with_backoff(reader.caller):
        are_done = reader.call_all([partial(poll.run_once, reader.caller.clock) for poll in pending])
        pending = [poll for poll, is_done in zip(pending, are_done, strict=True) if not is_done]
        if not pending or waited >= timeout_seconds:
            return
