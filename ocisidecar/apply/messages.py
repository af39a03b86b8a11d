"""What worker threads, and the thread that cancels, report to the coordinating thread of a run."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from attrs import frozen

from ocisidecar.apply.requests import Done
from ocisidecar.apply.waiter import Observation, Watch
from ocisidecar.events import StepRetrying
from ocisidecar.plan.plan import OperationId
from ocisidecar.resources.kind import Accepted
from ocisidecar.tracebacks import without_locals


@frozen
class Performed:
    """The result of a worker's requests for an operation, or their exception."""

    id: OperationId
    future: Future[Done]

    @property
    def error(self) -> BaseException | None:
        """The exception, without the variables of its frames; None when the requests were made."""
        return _error_of(self.future)

    @property
    def accepted(self) -> Accepted | None:
        """The resource as the service showed it; None after an exception or a delete."""
        return None if self.error is not None else self.future.result().accepted


@frozen
class Polled:
    """The result of a worker's poll, or its exception."""

    watches: tuple[Watch, ...]
    future: Future[tuple[Observation, ...]]

    @property
    def error(self) -> BaseException | None:
        """The exception, without the variables of its frames; None when the poll worked."""
        return _error_of(self.future)


@frozen
class Retried:
    """A request is sent again."""

    event: StepRetrying


@frozen
class Wake:
    """The run was cancelled."""


def _error_of(future: Future[Any]) -> BaseException | None:
    error = future.exception()
    if error is not None:
        without_locals(error)
    return error


Message = Performed | Polled | Retried | Wake
