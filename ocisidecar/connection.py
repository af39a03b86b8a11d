"""How plans are carried out and deployments reach OCI: with the session, threads and planner of one provisioner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, get_args

from attrs import evolve, frozen

from ocisidecar.apply.executor import Executor
from ocisidecar.apply.limits import Limits
from ocisidecar.apply.outcome import Outcome, final_event
from ocisidecar.apply.reporter import Reporter
from ocisidecar.apply.roll_back import read_roll_back, roll_back
from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Session
from ocisidecar.deployment import Deployment
from ocisidecar.errors import ConfigError, DeploymentNotFound, OciSidecarError
from ocisidecar.events import DeploymentFound, Event, Handler, PlanReady, RunNotice
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.plan.operations import Wait, until_ready
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.plan.planner import Planner
from ocisidecar.plan.start_stop import plan_start_stop
from ocisidecar.run_errors import raise_failures
from ocisidecar.state.observed import Live, Snapshot
from ocisidecar.wire import Key

if TYPE_CHECKING:
    from ocisidecar.emulator import Emulator
    from ocisidecar.observe.instances import Instance
    from ocisidecar.verify.findings import Diagnosis

_MOST_DIAGNOSED = 20
"""How many instances are diagnosed when an apply fails: each takes a dozen requests."""


@frozen
class ServiceConnection:
    """Carries out a provisioner's plans, and is the `deployment.Connection` of its deployments; thread-safe.

    Attributes:
        session, pool, planner: the provisioner's own.
        limits, on_event: how plans are carried out, and what receives their events by default.
        emulator: the one that plays OCI, where it runs in this process.
    """

    session: Session
    pool: ThreadPoolExecutor
    planner: Planner
    limits: Limits
    on_event: Handler | None
    emulator: Emulator | None

    def run(
        self, plans: Sequence[Plan], on_event: Handler | None, cancel: Cancel, *, wait: Wait = "healthy"
    ) -> tuple[Deployment, ...]:
        """Carry plans out at the same time and return what exists then, in their order.

        An instance that failed is diagnosed before the error is raised.

        Raises:
            ConfigError: `wait` is not one of the words.
            ApplyFailed, DestroyFailed, Cancelled: one of them did not end well.
        """
        if wait not in get_args(Wait):
            raise ConfigError(f"wait must be one of {', '.join(get_args(Wait))}, got {wait!r}")
        if wait == "ready":
            plans = [evolve(plan, operations=until_ready(plan.operations)) for plan in plans]
        reporter = Reporter(self.session.clock, on_event or self.on_event)
        self._tell_what_is_going(plans, reporter)
        outcomes = self.carry_out(plans, reporter, cancel)
        back = self._ways_back(outcomes, cancel)
        found = {
            one.plan.name: self._diagnosis(self.deployment(one.plan.name, one.resources), one.causes)
            for one in outcomes
            if one.plan.name in back
        }
        outcomes = roll_back(outcomes, back, lambda plans: self.carry_out(plans, reporter, cancel), reporter)
        deployments = tuple(self.deployment(outcome.plan.name, outcome.resources) for outcome in outcomes)
        for outcome in outcomes:
            reporter.emit(final_event(outcome, cancel.reason))
        raise_failures(outcomes, deployments, cancel.reason, diagnose=self._diagnosis, diagnoses=found)
        return deployments

    def _tell_what_is_going(self, plans: Sequence[Plan], reporter: Reporter) -> None:
        for plan in plans:
            keys = [str(step.key) for step in plan.steps if step.going]
            if keys:
                words = f"an earlier removal of {', '.join(keys)} is still under way: waiting until it has ended"
                message = f"{words}, at most {self.limits.wait_timeout_seconds:.0f} s for each"
                reporter.emit(RunNotice(deployment=plan.name, message=message))

    def carry_out(self, plans: Sequence[Plan], reporter: Reporter, cancel: Cancel) -> tuple[Outcome, ...]:
        """Carry plans out at the same time, and return their outcomes in order; see `Executor.run`."""
        caller = self.session.caller(cancel)
        sites = [(plan, self.planner.site(plan.name, caller)) for plan in plans]
        writes = self.planner.own_writes
        return Executor(self.session, self.pool, sites, self.limits, cancel, reporter, writes).run()

    def _ways_back(self, outcomes: Sequence[Outcome], cancel: Cancel) -> dict[str, Plan]:
        """Return deployment → plan that undoes what failed; where it cannot be read, applying again continues."""
        back = {}
        for outcome in outcomes if cancel.reason is None else ():
            with suppress(OciSidecarError, KeyboardInterrupt):
                plan = read_roll_back(outcome, self.reader(outcome.plan.name, cancel=cancel))
                back.update({outcome.plan.name: plan} if plan is not None else {})
        return back

    def _diagnosis(self, deployment: Deployment, causes: Mapping[str, Exception]) -> Diagnosis | None:
        """Return the diagnosis of a deployment whose instances or their agents failed, if it is possible."""
        from ocisidecar.verify.diagnose import diagnose, instances_behind

        failed = instances_behind(causes)
        if not failed:
            return None
        reader, most = self.reader(deployment.name), _MOST_DIAGNOSED
        try:
            return diagnose(reader, deployment.resources, first=failed, most_instances=most)
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 the failure that is diagnosed matters more
            return None

    def deployment(self, name: str, resources: Mapping[Key, Live]) -> Deployment:
        """Return a deployment that uses this connection."""
        ids = {str(key): live.id for key, live in sorted(resources.items())}
        return Deployment(self.planner.identity(name), ids, self)

    def get(self, name: str, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> Deployment:
        """Return a deployment by name; see `Provisioner.get`."""
        snapshot = self.planner.snapshot(name, cancel or Cancel())
        if name not in snapshot.deployments():
            raise DeploymentNotFound(name, known=snapshot.deployments())
        return self._found(name, snapshot, on_event)

    def list(self, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> tuple[Deployment, ...]:
        """Return all deployments; see `Provisioner.list`."""
        snapshot = self.planner.snapshot("", cancel or Cancel())
        return tuple(self._found(name, snapshot, on_event) for name in snapshot.deployments())

    def ready(self, plan: Plan, on_event: Handler | None) -> Plan:
        """Return a plan after reporting it."""
        self._emit(on_event, PlanReady(deployment=plan.name, counts=plan.counts, operations=len(plan.operations)))
        return plan

    def _found(self, name: str, snapshot: Snapshot, on_event: Handler | None) -> Deployment:
        lives = snapshot.of(name)
        self._emit(on_event, DeploymentFound(deployment=name, resources=sum(map(len, lives.values()))))
        return self.deployment(name, {key: found[0] for key, found in lives.items()})

    def _emit(self, on_event: Handler | None, event: Event) -> None:
        handler = on_event or self.on_event
        if handler is not None:
            handler(event)

    def reader(self, name: str, *, cancel: Cancel | None = None) -> DeploymentReader:
        """Return the reader of a deployment's resources."""
        caller = self.session.caller(cancel or Cancel(clock=self.session.clock))
        return DeploymentReader(caller, self.planner.site(name, caller), self.pool)

    def base_url(self, instance: Instance, port: int) -> str | None:
        """Return the base URL of an instance's port, e.g. `http://10.0.0.2:80`; None when it has none.

        The emulator knows where its real containers listen; simulated ones listen nowhere.
        """
        return self.emulator.reach(instance.id, port) if self.emulator else base_url(instance, port)

    def change_power(
        self,
        name: str,
        action: Action,
        *,
        instance: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment:
        """Start, stop or restart a deployment's instances and wait until they are; see `Deployment.stop`."""
        cancelling = cancel or Cancel(clock=self.session.clock)
        snapshot = self.planner.snapshot(name, cancelling)
        plan = plan_start_stop(self.planner.identity(name), snapshot, action, instance=instance)
        return self.run((plan,), on_event, cancelling)[0]


def base_url(instance: Instance, port: int) -> str | None:
    """Return the base URL of a port at the instance's public address, else at its private one.

    Whether it can be reached depends on where this runs and on the network's rules.
    """
    host = instance.emulated_address or instance.public_ip or instance.private_ip
    return f"http://{host}:{port}" if host else None
