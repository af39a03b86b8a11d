"""Destroy: remove what lists show, and ask again until nothing can be hidden from them any more.

A destroy remembers nothing, and a list may leave out what was created a short time ago.  So it works in rounds:
plan, delete, and read everything again, until nothing is shown.  If something that it found is young, so that more
may have been created at that time, it goes on asking until all of that is shown; so it does if it finds nothing.
Where empty resources that may hold data are removed, as without `purge`, that is decided at the end: when what the
last sender wrote would be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from ocisidecar.apply.outcome import Outcome, final_event
from ocisidecar.apply.reporter import Reporter, retrying
from ocisidecar.cancel import Cancel
from ocisidecar.deployment import Deployment
from ocisidecar.errors import Cancelled, ConcurrentRun, DestroyFailed
from ocisidecar.events import ApplyStopped, Handler, PlanReady, RunNotice
from ocisidecar.plan.given import check_place
from ocisidecar.plan.plan import Operation, Plan
from ocisidecar.plan.planner import Spec
from ocisidecar.resources.capabilities import KeepsData
from ocisidecar.resources.kinds import KINDS
from ocisidecar.run_errors import raise_failures
from ocisidecar.state.observed import Live

if TYPE_CHECKING:
    from ocisidecar.connection import ServiceConnection

_MAX_ROUNDS = 30
_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 10.0


@define
class _Reporter(Reporter):
    """Reports a delete that something hidden was in the way of as one to be tried again."""

    def failed(self, operation: Operation, error: Exception) -> None:
        """Report the error that ended the operation."""
        if isinstance(error, ConcurrentRun):
            self.emit(retrying(operation, str(error), attempt=1))
        else:
            super().failed(operation, error)


@define
class Destruction:
    """The removal of one deployment.

    Args:
        connection: makes plans and carries them out.
        name: the deployment's.
        retain, purge: see `Provisioner.destroy`.
        on_event: receives the events.
        cancel: ends it.
    """

    connection: ServiceConnection
    name: str
    retain: tuple[str, ...]
    purge: bool
    on_event: Handler | None
    cancel: Cancel
    _reporter: _Reporter = field(init=False)
    _until: float = field(default=-inf, init=False)
    _wait_seconds: float = field(default=_FIRST_WAIT_SECONDS, init=False)
    _is_data_found: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        handler = self.on_event or self.connection.on_event
        self._reporter = _Reporter(self.connection.session.clock, handler)
        self._is_data_found = self.purge or self._search_seconds == 0

    @classmethod
    def of(
        cls,
        target: str | Spec | Deployment | Plan,
        connection: ServiceConnection,
        retain: Iterable[str],
        *,
        purge: bool,
        on_event: Handler | None,
        cancel: Cancel | None,
    ) -> Destruction:
        """Return the removal of a deployment that is given by any of its forms; a plan keeps what it keeps.

        Raises:
            PlanError: the deployment is in another compartment or region.
        """
        name = target if isinstance(target, str) else target.name
        if isinstance(target, Deployment):
            check_place(target.identity, connection.planner.identity(name))
        if isinstance(target, Plan):
            retain, purge = [str(step.key) for step in target.steps if step.live is not None], target.is_purge
        cancel = cancel or Cancel(clock=connection.session.clock)
        return cls(connection, name, tuple(retain), purge, on_event, cancel)

    def plan(self) -> Plan:
        """Return the plan; where lists show nothing, ask again for as long as they may lag.  Only reads."""
        plan, seconds = self._plan(), self._search_seconds
        if not plan.steps and seconds > 0:
            self._tell(
                f"lists show nothing of {self.name}: asking again for at most {seconds:.0f} s, because they may "
                "not show yet what was just created"
            )
            self._until = self._now() + seconds
            while not plan.steps and self._now() < self._until:
                self._wait()
                plan = self._plan()
            if not plan.steps:
                self._tell(
                    f"nothing of {self.name} was found; this cannot know of anything created within the last "
                    f"{seconds:.0f} s"
                )
        self._announce(plan, operations=len(plan.operations))
        return plan

    def run(self, plan: Plan) -> Deployment:
        """Carry out the plan, and those for what lists show afterwards; return what was kept.

        Raises:
            DestroyFailed, Cancelled: it did not end well.
        """
        try:
            return self._end(self._rounds(plan) if plan.operations else self._carry_out(plan))
        except Cancelled as error:
            if error.deployment is None:  # between two rounds
                self._reporter.emit(ApplyStopped(deployment=self.name, reason=f"cancelled: {error}", resources=0))
            raise

    def _rounds(self, plan: Plan) -> Outcome:
        """Return the outcome of the last round."""
        began, operations = self._now(), 0
        for _ in range(_MAX_ROUNDS):
            self._look_for_young(plan, began)
            plan = self._without_doubtful(plan)
            operations += len(plan.operations)
            outcome = self._carry_out(plan)
            if outcome.is_cancelled or not all(isinstance(one, ConcurrentRun) for one in outcome.causes.values()):
                return outcome
            plan = self._following()
            if not plan.operations:
                return evolve(outcome, causes={})
            self._announce(plan, operations=operations + len(plan.operations))
        remaining = {str(step.key): step.old[0].id for step in plan.steps if step.old}
        message = f"{self.name} is not gone: after {_MAX_ROUNDS} rounds other runs still create resources of it"
        raise DestroyFailed(
            f"{message}: {', '.join(remaining)}. End them and destroy again.", remaining=remaining, causes={}
        )

    def _following(self) -> Plan:
        """Return the plan for what lists show now, after asking for as long as something may be hidden."""
        plan = self._plan()
        if not plan.operations and self._now() < self._until:
            self._tell(
                f"{self.name} was changed just before: asking for at most {self._until - self._now():.0f} s "
                "whether lists show more of it"
            )
            while not plan.operations and self._now() < self._until:
                self._wait()
                plan = self._plan()
        if plan.operations and not self._without_doubtful(plan).operations:
            self._wait_for_data(plan)
            plan = self._plan()
        return plan

    def _without_doubtful(self, plan: Plan) -> Plan:
        """Return the plan without the deletion of what counts as empty, as long as data may not be found yet."""
        if self._is_data_found:
            return plan
        return evolve(plan, operations=tuple(one for one in plan.operations if not _hidden_seconds(one)))

    def _wait_for_data(self, plan: Plan) -> None:
        seconds, until = max(map(_hidden_seconds, plan.operations)), self._until
        keys = ", ".join(sorted({str(one.id.key) for one in plan.operations}))
        self._tell(
            f"{keys} would be removed as empty, but searches find what was written last only after some minutes: "
            f"waiting {seconds:.0f} s, because what holds data is kept"
        )
        self._until = self._now() + seconds
        while self._now() < self._until:
            self._wait()
        self._until, self._is_data_found = until, True

    def _look_for_young(self, plan: Plan, began: float) -> None:
        """Note that more may be hidden, if the plan removes what others created a short time ago."""
        planner, seconds = self.connection.planner, self._search_seconds
        newest = self.connection.session.service_clock.time() - seconds
        lives = [live for step in plan.steps for live in step.old]
        if any(not planner.own_writes.knows(live) and _created(live) > newest for live in lives):
            self._until = max(self._until, began + seconds)

    def _carry_out(self, plan: Plan) -> Outcome:
        return self.connection.carry_out((plan,), self._reporter, self.cancel)[0]

    def _end(self, outcome: Outcome) -> Deployment:
        found = self.connection.deployment(self.name, outcome.resources)
        self._reporter.emit(final_event(outcome, self.cancel.reason))
        raise_failures((outcome,), (found,), self.cancel.reason, diagnose=lambda *_: None, diagnoses={})
        return found

    def _plan(self) -> Plan:
        planner = self.connection.planner
        return planner.removal(self.name, retain=self.retain, purge=self.purge, cancel=self.cancel)

    def _announce(self, plan: Plan, *, operations: int) -> None:
        event = PlanReady(deployment=self.name, counts=plan.counts, operations=operations)
        if operations > len(plan.operations):
            self._reporter.emit(event)
        elif self._reporter.handler is not None:
            self._reporter.handler(event)

    def _tell(self, message: str) -> None:
        self._reporter.emit(RunNotice(deployment=self.name, message=message))

    def _wait(self) -> None:
        left = max(self._until - self._now(), _FIRST_WAIT_SECONDS)
        self.connection.session.caller(self.cancel).sleep(min(self._wait_seconds, left))
        self._wait_seconds = min(1.5 * self._wait_seconds, _LONGEST_WAIT_SECONDS)

    def _now(self) -> float:
        return self.connection.session.clock.time()

    @property
    def _search_seconds(self) -> float:
        return self.connection.limits.search_seconds


def _hidden_seconds(operation: Operation) -> float:
    """Return how long data of the operation's resource may not be found; 0 where it holds none."""
    kind = KINDS[operation.id.key.kind]
    return kind.hidden_seconds if isinstance(kind, KeepsData) else 0.0


def _created(live: Live) -> float:
    return datetime.fromisoformat(live.time_created).timestamp() if live.time_created else -inf
