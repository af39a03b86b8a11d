"""The events of a run: given a time and a sequence number, and delivered to the caller's handler."""

from __future__ import annotations

from typing import TypedDict

from attrs import define, evolve, field

from ocisidecar.clock import Clock
from ocisidecar.events import (
    Event,
    Handler,
    ReplacementReady,
    StepFailed,
    StepFinished,
    StepRetrying,
    StepStarted,
    StepWaiting,
    StepWarning,
)
from ocisidecar.plan.plan import Operation
from ocisidecar.state.observed import Live


@define
class Reporter:
    """Reports the events of one run.  Used on the thread that called `apply`.

    Args:
        clock: gives the elapsed time.
        handler: receives the events; an exception from it propagates.  None drops them.
    """

    clock: Clock
    handler: Handler | None
    _began: float = field(init=False)
    _sequence: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._began = self.clock.time()

    def emit(self, event: Event) -> None:
        """Set time and sequence number of an event, and deliver it."""
        self._sequence += 1
        if self.handler is not None:
            elapsed = self.clock.time() - self._began
            self.handler(evolve(event, elapsed_seconds=elapsed, sequence=self._sequence))

    def started(self, operation: Operation) -> None:
        """Report that the first request is about to be sent."""
        self.emit(StepStarted(**_subject(operation)))

    def waiting(self, operation: Operation, *, state: str, resource_id: str) -> None:
        """Report that the service accepted the change, and the lifecycle state seen last."""
        self.emit(StepWaiting(**_subject(operation), state=state, resource_id=resource_id))

    def finished(self, operation: Operation, live: Live | None) -> None:
        """Report that the operation has reached its goal."""
        self.emit(StepFinished(**_subject(operation), resource_id="" if live is None else live.id))

    def replaced(self, operation: Operation, predecessor: Live, successor: Live) -> None:
        """Report that a replacement is healthy while its predecessor still runs."""
        subject = _subject(operation)
        self.emit(ReplacementReady(**subject, old_resource_id=predecessor.id, new_resource_id=successor.id))

    def warned(self, operation: Operation, message: str) -> None:
        """Report what does not work and need not."""
        self.emit(StepWarning(**_subject(operation), message=message))

    def failed(self, operation: Operation, error: Exception) -> None:
        """Report the error that ended the operation."""
        self.emit(StepFailed(**_subject(operation), error=str(error)))


def retrying(operation: Operation, reason: str, *, attempt: int, wait_seconds: float = 0.0) -> StepRetrying:
    """Return the event for an attempt that failed and is repeated after `wait_seconds`."""
    return StepRetrying(**_subject(operation), reason=reason, attempt=attempt, wait_seconds=wait_seconds)


class _Subject(TypedDict):
    """The fields of an event that name its operation."""

    deployment: str
    key: str
    action: str


def _subject(operation: Operation) -> _Subject:
    name = operation.id
    return {"deployment": name.deployment, "key": str(name.key), "action": name.action.value}
