"""The provisioner: plans, applies, finds and destroys deployments in one compartment of one region."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self, overload
from urllib.parse import urlsplit

from ocisidecar.apply.executor import Executor, Limits
from ocisidecar.apply.outcome import Outcome, final_event, raise_failures
from ocisidecar.apply.reporter import Reporter
from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Session
from ocisidecar.clock import Clock, SystemClock
from ocisidecar.deployment import Deployment
from ocisidecar.errors import (
    ConfigError,
    DeploymentNotFound,
)
from ocisidecar.events import Event, Found, Handler, PlanReady
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.plan.build import check_digest
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.plan.planner import Planner, Spec, What
from ocisidecar.plan.start_stop import plan_power
from ocisidecar.spec import as_deployment
from ocisidecar.state.observed import Live, Snapshot
from ocisidecar.wire import Key

if TYPE_CHECKING:
    from ocisidecar.credentials import Credentials
    from ocisidecar.emulator import Emulator, Fault, Latencies
    from ocisidecar.observe.instances import Instance


class Provisioner:
    """Plans, applies, finds and destroys deployments.

    All methods block.  A provisioner may be used by several threads; each call brings its own `cancel`.  Make one
    with `from_config` (the cloud) or `local` (the built-in emulator).  `close()` is optional.
    """

    def __init__(
        self,
        session: Session,
        *,
        compartment_id: str,
        image_prefix: str | None = None,
        accepts_symbolic_images: bool = False,
        limits: Limits | None = None,
        on_event: Handler | None = None,
    ) -> None:
        self._session = session
        self._limits = limits or Limits()
        self._on_event = on_event
        self._emulator: Emulator | None = None
        self._pool = ThreadPoolExecutor(self._limits.max_workers, thread_name_prefix="ocisidecar")
        self._planner = Planner(session, self._pool, compartment_id, image_prefix, accepts_symbolic_images)

    @classmethod
    def from_config(
        cls,
        config: str | os.PathLike[str] | Mapping[str, object] | None = None,
        *,
        profile: str | None = None,
        auth: str | None = None,
        signer: object | None = None,
        region: str | None = None,
        compartment_id: str | None = None,
        endpoint: str | None = None,
        image_prefix: str | None = None,
        max_workers: int = 16,
        wait_timeout_in_seconds: float = 1200.0,
        on_event: Handler | None = None,
        clock: Clock | None = None,
    ) -> Provisioner:
        """Return a provisioner for a real tenancy.

        Of each setting the argument counts, else `OCISIDECAR_*`, else `OCI_CLI_*`, else the configuration file.
        Reads files; makes no request, except that `instance_principal` asks the metadata service.

        Args:
            config: path of a configuration file, or a mapping with a profile's entries.
            profile: its section; `DEFAULT` by default.
            auth: `api_key`, `security_token`, `instance_principal` or `resource_principal`.
            signer: a ready signer of the SDK, instead of `auth`.
            region: region name or short code.
            compartment_id: where deployments live.
            endpoint: base URL for all services in place of the region's own, e.g. an emulator's; `{region}` and
                `{service}` in it are replaced.
            image_prefix: registry path of our own images, e.g. `fra.ocir.io/acme/ocisidecar`.  Not needed with
                an endpoint on this machine's loopback: that is an emulator, which takes symbolic names.
            max_workers: requests in flight, 1 to 64; beyond 16 the SDK gets slower, not faster.
            wait_timeout_in_seconds: how long one resource may take to become ready or to go.
            on_event: receives the events of every call.
            clock: where time comes from; the system's by default.

        Raises:
            ConfigError: the credentials or the region cannot be used, or no compartment is named.
        """
        from ocisidecar.credentials import find, load_credentials

        environment = os.environ
        ticking = clock or SystemClock()
        credentials = load_credentials(
            config,
            profile=profile,
            auth=auth,
            signer=signer,
            region=region,
            environment=environment,
            clock=ticking,
        )
        url = find("endpoint", argument=endpoint, environment=environment)
        prefix = find("image_prefix", argument=image_prefix, environment=environment)
        return cls(
            Session(credentials, ticking, url.value if url else None),
            compartment_id=_compartment(compartment_id, credentials),
            image_prefix=prefix.value if prefix else None,
            accepts_symbolic_images=is_emulator(endpoint),
            limits=Limits(max_workers, wait_timeout_in_seconds),
            on_event=on_event,
        )

    @classmethod
    def local(
        cls,
        *,
        containers: str = "simulated",
        images: Mapping[str, str] | None = None,
        latencies: Latencies | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        on_event: Handler | None = None,
        clock: Clock | None = None,
        wait_timeout_in_seconds: float = 1200.0,
    ) -> Provisioner:
        """Return a provisioner with an emulator of its own, under `.emulator`; no account, no network.

        Args:
            containers: `simulated`; `docker`, real ones on a Docker engine, which need a clock that runs by itself;
                `auto` is docker where an engine answers and simulated elsewhere (`.emulator.containers` tells).
            images: with Docker, the local image to run in place of one that a spec names, by its name there.
            latencies: how long things take in the emulator; nothing takes time by default.
            faults: what goes wrong in the emulator.
            seed: decides every id and everything drawn in the emulator.
            on_event: receives the events of every call.
            clock: time of both sides; a `VirtualClock` makes waiting instantaneous.
            wait_timeout_in_seconds: how long one resource may take to become ready or to go.

        Raises:
            ConfigError: `containers` is none of the above, no Docker engine answers (EngineMissing), or it cannot
                be used with `clock`.
        """
        from ocisidecar.credentials import load_credentials
        from ocisidecar.emulator import Emulator

        ticking = clock or SystemClock()
        try:
            emulator = Emulator(
                latencies=latencies,
                faults=tuple(faults),
                seed=seed,
                clock=ticking,
                containers=containers,
                images=images,
            ).start()
        except ValueError as exc:
            raise ConfigError(f"Provisioner.local: {exc}") from exc
        credentials = load_credentials(emulator.oci_config, environment={}, clock=ticking)
        provisioner = cls(
            Session(credentials, ticking, emulator.endpoint),
            compartment_id=emulator.compartment_id,
            accepts_symbolic_images=True,
            limits=Limits(wait_timeout_in_seconds=wait_timeout_in_seconds),
            on_event=on_event,
        )
        provisioner._emulator = emulator
        return provisioner

    @property
    def emulator(self) -> Emulator:
        """The emulator of a local provisioner.

        Raises:
            ConfigError: this provisioner talks to a real tenancy.
        """
        if self._emulator is None:
            raise ConfigError("Only Provisioner.local() has an emulator")
        return self._emulator

    @property
    def session(self) -> Session:
        """The session, for calls of your own under the same policy."""
        return self._session

    @property
    def compartment_id(self) -> str:
        """The compartment in which deployments live."""
        return self._planner.compartment_id

    @property
    def region(self) -> str:
        """The region in which deployments live."""
        return self._session.credentials.region

    def close(self) -> None:
        """Close connections, worker threads and a local emulator for good; can be called again.

        What is under way in other threads ends before its next request, with `ConfigError`, as does what is called
        later, also on a `Deployment` that came from here.
        """
        self._session.close()
        self._pool.shutdown()
        if self._emulator is not None:
            self._emulator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- planning ------------------------------------------------------------------------------------------

    @overload
    def plan(self, what: Spec, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> Plan: ...
    @overload
    def plan(
        self, what: Sequence[Spec], *, on_event: Handler | None = None, cancel: Cancel | None = None
    ) -> tuple[Plan, ...]: ...
    def plan(
        self, what: Spec | Sequence[Spec], *, on_event: Handler | None = None, cancel: Cancel | None = None
    ) -> Plan | tuple[Plan, ...]:
        """Return what `apply` would do; reads only.

        A sequence means independent deployments, and gives a tuple in the same order.

        Raises:
            SpecError: the spec is wrong; every fault at once, before any request.
            PlanError: what exists and what is wanted do not go together.
            ServiceCallError: a read failed.
            Cancelled: `cancel` was set.
        """
        specs = [as_deployment(one) for one in (what if isinstance(what, Sequence) else [what])]
        plans = self._planner.plans(specs, cancel or Cancel())
        for plan in plans:
            self._ready(plan, on_event)
        return plans if isinstance(what, Sequence) else plans[0]

    def plan_destroy(
        self,
        target: str | Spec | Deployment,
        *,
        retain: Iterable[str] = (),
        purge: bool = False,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Plan:
        """Return what `destroy` would do; reads only.

        Args:
            target: the deployment, by name, by spec or itself.
            retain: keys or kinds to keep.
            purge: also remove log groups and repositories that hold data.
            on_event: receives `PlanReady`.
            cancel: ends it.

        Raises:
            InUse: other deployments use this one.
            PlanError: `retain` names what does not exist.
            ServiceCallError: a read failed.
        """
        name = target if isinstance(target, str) else target.name
        plan = self._planner.removal(name, retain=retain, purge=purge, cancel=cancel or Cancel())
        return self._ready(plan, on_event)

    def adopt(
        self,
        spec: Spec,
        resources: Mapping[str, str],
        *,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Plan:
        """Return a plan that takes existing resources over into the deployment; `apply` carries it out.

        Args:
            spec: what they become part of.
            resources: key → OCID, e.g. `{"vcn/main": "ocid1.vcn..."}`.
            on_event: receives `PlanReady`.
            cancel: ends it.

        Raises:
            SpecError: the spec, or a key, is wrong.
            PlanError: a resource cannot become what the spec asks for.
            NotAuthorizedOrNotFound: an OCID does not exist.
        """
        plan = self._planner.adoption(as_deployment(spec), resources, cancel or Cancel())
        return self._ready(plan, on_event)

    # -- changing ------------------------------------------------------------------------------------------

    @overload
    def apply(
        self,
        what: What,
        *,
        expect: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment: ...
    @overload
    def apply(
        self,
        what: Sequence[What],
        *,
        expect: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Deployment, ...]: ...
    def apply(
        self,
        what: What | Sequence[What],
        *,
        expect: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment | tuple[Deployment, ...]:
        """Bring about what the spec or plan says, and return what exists then.

        Can be cut off at any request and run again: it continues, and nothing is lost or doubled.  A sequence
        means independent deployments: one failure does not stop the others.

        Args:
            what: a spec, a plan, or a sequence of either.
            expect: digest of a plan that was shown before; a plan that differs is not carried out.
            on_event: receives the events, on this thread.
            cancel: ends it.

        Raises:
            SpecError, PlanError: before any change.
            StalePlan: the resources moved since the plan was made, or the digest differs; nothing was changed.
            ApplyFailed: a step failed; `.deployment` says what exists, `.causes` why.
            Cancelled: it was cancelled, or Ctrl-C was pressed; `.deployment` says what exists.
        """
        cancelling = cancel or Cancel(clock=self._session.clock)
        items = list(what) if isinstance(what, Sequence) else [what]
        plans = self._planner.settled(items, cancelling, is_destroy=False)
        check_digest(plans, expect)
        for plan in plans:
            self._ready(plan, on_event)
        deployments = self._run(plans, on_event, cancelling)
        return deployments if isinstance(what, Sequence) else deployments[0]

    def destroy(
        self,
        target: str | Spec | Deployment | Plan,
        *,
        retain: Iterable[str] = (),
        purge: bool = False,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment:
        """Remove a deployment and return what was kept; a deployment that does not exist is no error.

        Log groups and repositories that are not empty are kept unless `purge`.  Can be cut off at any request
        and run again.

        Raises:
            InUse: other deployments use this one; nothing was changed.
            DestroyFailed: a step failed; `.remaining` says what exists, `.causes` why.
            Cancelled: it was cancelled, or Ctrl-C was pressed.
        """
        cancelling = cancel or Cancel(clock=self._session.clock)
        plan = (
            self._ready(self._planner.settled([target], cancelling, is_destroy=True)[0], on_event)
            if isinstance(target, Plan)
            else self.plan_destroy(target, retain=retain, purge=purge, on_event=on_event, cancel=cancelling)
        )
        return self._run((plan,), on_event, cancelling)[0]

    def act(
        self,
        name: str,
        action: Action,
        *,
        instance: str | None = None,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment:
        """Start, stop or restart a deployment's instances and wait until they are; see `Deployment.stop`."""
        cancelling = cancel or Cancel(clock=self._session.clock)
        snapshot = self._planner.snapshot(name, cancelling)
        plan = plan_power(self._planner.identity(name), snapshot, action, instance=instance)
        return self._run((plan,), on_event, cancelling)[0]

    # -- finding -------------------------------------------------------------------------------------------

    def get(self, name: str, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> Deployment:
        """Return a deployment by name; no spec is needed.

        Raises:
            DeploymentNotFound: nothing of it exists.
        """
        snapshot = self._planner.snapshot(name, cancel or Cancel())
        if name not in snapshot.deployments():
            raise DeploymentNotFound(name, known=snapshot.deployments())
        return self._found(name, snapshot, on_event)

    def list(self, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> tuple[Deployment, ...]:
        """Return all deployments in the compartment and region, by name."""
        snapshot = self._planner.snapshot("", cancel or Cancel())
        return tuple(self._found(name, snapshot, on_event) for name in snapshot.deployments())

    def reach(self, instance: Instance, port: int) -> str | None:
        """Return the base URL under which a port of an instance may be reached from here, e.g. `http://10.0.0.2:80`.

        In the cloud that is its public address or else its private one: whether a way leads there depends on
        where this runs, and on the network's rules.  None when it has no address, or no container really runs.
        """
        if self._emulator is not None:
            return self._emulator.reach(instance.id, port)
        host = instance.emulated_address or instance.public_ip or instance.private_ip
        return f"http://{host}:{port}" if host else None

    def reader(self, name: str, *, cancel: Cancel | None = None) -> DeploymentReader:
        """Return what reads the deployment `name`; for `Deployment`'s own use."""
        caller = self._session.caller(cancel or Cancel(clock=self._session.clock))
        return DeploymentReader(caller, self._planner.site(name, caller), self._pool)

    # -- inside --------------------------------------------------------------------------------------------

    def _run(self, plans: Sequence[Plan], on_event: Handler | None, cancel: Cancel) -> tuple[Deployment, ...]:
        caller = self._session.caller(cancel)
        reporter = Reporter(self._session.clock, on_event or self._on_event)
        executor = Executor(
            self._session,
            self._pool,
            [(plan, self._planner.site(plan.name, caller)) for plan in plans],
            self._limits,
            cancel,
            reporter,
        )
        outcomes = executor.run()
        deployments = tuple(self._deployment_of(outcome) for outcome in outcomes)
        for outcome in outcomes:
            reporter.emit(final_event(outcome, cancel.reason))
        raise_failures(outcomes, deployments, cancel.reason)
        return deployments

    def _deployment_of(self, outcome: Outcome) -> Deployment:
        return self._deployment(outcome.plan.name, {key: (live,) for key, live in outcome.resources.items()})

    def _deployment(self, name: str, lives: Mapping[Key, Sequence[Live]]) -> Deployment:
        resources = {str(key): found[0].id for key, found in sorted(lives.items())}
        return Deployment(self._planner.identity(name), resources, self)

    def _ready(self, plan: Plan, on_event: Handler | None) -> Plan:
        self._emit(on_event, PlanReady(deployment=plan.name, counts=plan.counts, operations=len(plan.operations)))
        return plan

    def _found(self, name: str, snapshot: Snapshot, on_event: Handler | None) -> Deployment:
        lives = snapshot.of(name)
        self._emit(on_event, Found(deployment=name, resources=sum(map(len, lives.values()))))
        return self._deployment(name, lives)

    def _emit(self, on_event: Handler | None, event: Event) -> None:
        handler = on_event or self._on_event
        if handler is not None:
            handler(event)


def _compartment(compartment_id: str | None, credentials: Credentials) -> str:
    found = compartment_id or credentials.compartment_id
    if not found:
        raise ConfigError(
            f"No compartment given: pass compartment_id=... or set OCISIDECAR_COMPARTMENT_ID ({credentials.source})"
        )
    return found


def is_emulator(endpoint: str | None = None) -> bool:
    """Return whether `endpoint`, else that of the environment, is on this machine's loopback."""
    from ocisidecar.credentials import find

    url = find("endpoint", argument=endpoint, environment=os.environ)
    host = urlsplit(url.value if url else "").hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
