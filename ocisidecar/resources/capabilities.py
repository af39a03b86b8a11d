"""Capabilities that only some kinds have, as protocols.  Callers test e.g. `isinstance(kind, Startable)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

from ocisidecar.client.retry import READ_NEW
from ocisidecar.client.session import Caller
from ocisidecar.resources.addresses import Holder
from ocisidecar.resources.container_health import Health
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.resources.phases import WORK_PHASES
from ocisidecar.state.desired import Desired, HealthCriteria
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Json, Ref, text


class Startable(ABC):
    """Its resources can be started, stopped and restarted."""

    @abstractmethod
    def act(self, caller: Caller, live: Live, action: str) -> str:
        """Ask for `start`, `stop` or `restart` and return the OCID of the work request."""


class HealthChecked(ABC):
    """Its resources may be ready and not work; those of other kinds are healthy when they are ready."""

    @abstractmethod
    def health(self, caller: Caller, site: Site, criteria: Mapping[str, HealthCriteria]) -> Mapping[str, Health]:
        """Return how resources work, by their OCIDs: what `criteria` asks of each."""

    @abstractmethod
    def address(self, caller: Caller, live: Live) -> str:
        """Return the address under which a resource that is ready can be reached; empty while it has none."""


class TakesAddresses(ABC):
    """Its resources may ask for an address or host name, which only one at a time can have."""

    @abstractmethod
    def holder(
        self, caller: Caller, want: Desired, lookup: Callable[[Ref], str], lives: Sequence[Live], asking: str
    ) -> Holder | None:
        """Return what holds one that `want` asks for; see `find_holder`."""


class KeepsData(ABC):
    """Its resources hold data of users: destroy keeps those that are not empty.

    `hidden_seconds` is how long data may not be found after it came in.
    """

    hidden_seconds: float = 0.0

    @abstractmethod
    def describe_data(self, caller: Caller, live: Live) -> str:
        """Return a description of the data that a live resource holds; empty when it holds none."""


class CompletedWhenReady(ABC):
    """A create request cannot ask for everything: a new resource is completed when it is ready."""

    @abstractmethod
    def complete(self, caller: Caller, live: Live, body: Mapping[str, Json]) -> str:
        """Add what the create request left out, and return the OCID of the work request, if any.  Idempotent."""


class HasParts(Kind):
    """Its list leaves out what a plan compares, such as rules, so that each resource takes a read."""

    @abstractmethod
    def with_parts(self, caller: Caller, site: Site, live: Live) -> tuple[Live, ...]:
        """Return the resource with its parts; none if it is gone meanwhile."""


class HasDetails(ABC):
    """Its list leaves out replace-only content that a plan shows when it changes."""

    @abstractmethod
    def with_details(self, caller: Caller, site: Site, lives: Sequence[Live]) -> tuple[Live, ...]:
        """Return `lives` with the known parts of their replace-only content."""


class HasHiddenPlace(ABC):
    """Its list leaves out in what its resources lie, as an instance in a subnet."""

    @abstractmethod
    def with_place(self, caller: Caller, live: Live) -> Live:
        """Return `live` with the OCIDs of what it lies in."""


class HasWorkRequests(Kind):
    """Its client shows work requests, with the outcome of a change and the reason of a failure."""

    def work_phase(self, caller: Caller, work_request_id: str) -> Phase:
        """Return the phase of a work request: READY when it succeeded, FAILED, or PENDING."""
        request = caller.call(self.client, "get_work_request", work_request_id, intent=READ_NEW).body
        return WORK_PHASES.get(text(request, "status"), Phase.PENDING)

    def failed_work_requests(self, caller: Caller, site: Site, live: Live) -> Iterable[str]:
        """Return the OCIDs of a resource's work requests that failed, where they can be listed."""
        return ()

    def failure(self, caller: Caller, site: Site, live: Live | None, work_request_id: str) -> tuple[str, ...]:
        """Return the errors of the work requests, and the lifecycle details unless an error contains them."""
        requests: Iterable[str] = (work_request_id,) if work_request_id else ()
        if live is not None and not work_request_id:
            requests = self.failed_work_requests(caller, site, live)
        errors = [
            f"{text(error, 'code')}: {text(error, 'message')}"
            for request in requests
            for error in caller.pages(self.client, "list_work_request_errors", request)
        ]
        details = super().failure(caller, site, live, work_request_id)
        others = [one for one in details if not any(one in error for error in errors)]
        return tuple(dict.fromkeys((*others, *errors)))
