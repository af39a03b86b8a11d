"""The provisioner: plans, applies, finds and destroys deployments in one compartment of one region."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self, overload

from ocisidecar.apply.limits import Limits
from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Session
from ocisidecar.clock import Clock, SystemClock
from ocisidecar.connection import ServiceConnection
from ocisidecar.construction import cloud_limits, cloud_target, is_emulator, start_emulator
from ocisidecar.deployment import Deployment
from ocisidecar.destruction import Destruction
from ocisidecar.errors import ConfigError
from ocisidecar.events import Handler
from ocisidecar.observe.own_writes import OwnWrites
from ocisidecar.plan.given import check_digest
from ocisidecar.plan.operations import Wait
from ocisidecar.plan.plan import Plan
from ocisidecar.plan.planner import Planner, Spec, What
from ocisidecar.spec import as_deployment
from ocisidecar.tracebacks import without_locals_in_errors

if TYPE_CHECKING:
    from ocisidecar.emulator import Emulator, Fault, Latencies
    from ocisidecar.verify.report import Preflight


@without_locals_in_errors
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
        emulator: Emulator | None = None,
    ) -> None:
        self._session = session
        self._emulator, limits = emulator, limits or Limits()
        self._pool = ThreadPoolExecutor(limits.max_workers, thread_name_prefix="ocisidecar")
        writes = OwnWrites(limits.list_lag_seconds)
        self._planner = Planner(session, self._pool, compartment_id, image_prefix, accepts_symbolic_images, writes)
        self._connection = ServiceConnection(session, self._pool, self._planner, limits, on_event, emulator)

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
        wait_timeout_seconds: float = 1200.0,
        list_lag_seconds: float | None = None,
        on_event: Handler | None = None,
        clock: Clock | None = None,
    ) -> Provisioner:
        """Return a provisioner for a real tenancy.

        Each setting is taken from the argument, else from `OCISIDECAR_*`, else from `OCI_CLI_*`, else from the
        configuration file.  Reads files and sends no request, but for `instance_principal` to the metadata service.

        Args:
            config: path of a configuration file, or a mapping with the entries of a profile.
            profile: section of the file; `DEFAULT` by default.
            auth: `api_key`, `security_token`, `instance_principal` or `resource_principal`.
            signer: a signer of the SDK, instead of `auth`.
            region: region name or short code.
            compartment_id: where deployments live.
            endpoint: base URL for all services, e.g. an emulator's; `{region}` and `{service}` in it are replaced.
            image_prefix: registry path of this project's images, e.g. `fra.ocir.io/acme/ocisidecar`.  Not needed
                with an endpoint on loopback: that is an emulator, which accepts symbolic names.
            max_workers: number of parallel requests, 1 to 64; more than 16 make the SDK slower.
            wait_timeout_seconds: how long to wait until a resource is ready or deleted.
            list_lag_seconds: how long lists may lag; 60 by default, and none of a local emulator in real time.
            on_event: receives the events of every call.
            clock: the source of time; the system's by default.

        Raises:
            ConfigError: the credentials or the region cannot be used, or no compartment is given.
        """
        target = cloud_target(
            config,
            profile=profile,
            auth=auth,
            signer=signer,
            region=region,
            compartment_id=compartment_id,
            endpoint=endpoint,
            image_prefix=image_prefix,
            clock=clock,
        )
        return cls(
            target.session,
            compartment_id=target.compartment_id,
            image_prefix=target.image_prefix,
            accepts_symbolic_images=is_emulator(endpoint),
            limits=cloud_limits(max_workers, wait_timeout_seconds, list_lag_seconds, endpoint, clock),
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
        wait_timeout_seconds: float = 1200.0,
    ) -> Provisioner:
        """Return a provisioner with its own emulator, at `.emulator`; needs no account and no network.

        Args:
            containers: `simulated`; `docker` for real ones on a Docker engine, which need a clock that runs by
                itself; `auto` is `docker` if an engine responds, else `simulated` (see `.emulator.containers`).
            images: with Docker, image of a spec → local image to run instead.
            latencies: how long things take in the emulator; nothing takes time by default.
            faults: injected failures of the emulator.
            seed: determines every id and random number of the emulator.
            on_event: receives the events of every call.
            clock: used by provisioner and emulator; with a `VirtualClock` waiting takes no time.
            wait_timeout_seconds: how long to wait until a resource is ready or deleted.

        Raises:
            ConfigError: `containers` is not one of the above, or cannot be used with `clock`.
            DockerUnavailable: no Docker engine responds.
        """
        emulator, session = start_emulator(
            containers=containers,
            images=images,
            latencies=latencies,
            faults=faults,
            seed=seed,
            clock=clock or SystemClock(),
        )
        return cls(
            session,
            compartment_id=emulator.compartment_id,
            accepts_symbolic_images=True,
            limits=Limits(wait_timeout_seconds=wait_timeout_seconds, search_seconds=0),
            on_event=on_event,
            emulator=emulator,
        )

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
        """The session, for other calls under the same retry policies."""
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

        Calls in other threads, and later ones, end with `ConfigError`, also those on a `Deployment` of it.
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

    def preflight(self, spec: Spec | None = None, *, cancel: Cancel | None = None) -> Preflight:
        """Return a report on what an apply needs; reads only, and no secret's content.

        Checks credentials, clock, region, compartment, availability domains, the caller's rights and the Docker
        engine, if one runs the containers; of a spec also shapes, service limits, images, secrets and what else it
        names.  Without a spec the rights are those for an ordinary deployment.  Whether the caller may also
        change what is visible shows only when it does; `Preflight.statements` suffice.

        Raises:
            SpecError: the spec is invalid.
            Cancelled: `cancel` was set.
        """
        from ocisidecar.preflight.preflight import preflight

        on_docker = self._emulator is not None and self._emulator.containers == "docker"
        return preflight(self._planner, spec, on_docker=on_docker, cancel=cancel or Cancel())

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
            SpecError: the spec is invalid; lists all problems, before any request.
            PlanError: no plan leads from the live resources to the desired ones.
            ServiceCallError: a read failed.
            Cancelled: `cancel` was set.
        """
        specs = [as_deployment(one) for one in (what if isinstance(what, Sequence) else [what])]
        plans = self._planner.plans(specs, cancel or Cancel())
        for plan in plans:
            self._connection.ready(plan, on_event)
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
        """Return what `destroy` would do; reads only, and asks again for a while where it finds nothing.

        Args:
            target: the deployment, by name, by spec or itself.
            retain: keys or kinds to keep.
            purge: also remove log groups and repositories that hold data.
            on_event: receives `PlanReady`.
            cancel: cancels the call.

        Raises:
            DeploymentInUse: other deployments use this one.
            PlanError: `retain` names a key or kind that does not exist, or the deployment is in another compartment
                or region.
        """
        given = Destruction.of(target, self._connection, retain, purge=purge, on_event=on_event, cancel=cancel)
        return given.plan()

    def adopt(
        self,
        spec: Spec,
        resources: Mapping[str, str],
        *,
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Plan:
        """Return a plan that adopts existing resources into the deployment; `apply` carries it out.

        Args:
            spec: of the deployment that adopts them.
            resources: key → OCID, e.g. `{"vcn/main": "ocid1.vcn..."}`.
            on_event: receives `PlanReady`.
            cancel: cancels the call.

        Raises:
            SpecError: the spec or a key is invalid.
            PlanError: a resource cannot be changed into the desired one.
            NotAuthorizedOrNotFound: an OCID does not exist.
        """
        plan = self._planner.adoption(as_deployment(spec), resources, cancel or Cancel())
        return self._connection.ready(plan, on_event)

    @overload
    def apply(
        self,
        what: What,
        *,
        expect: str | None = None,
        wait: Wait = "healthy",
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment: ...
    @overload
    def apply(
        self,
        what: Sequence[What],
        *,
        expect: str | None = None,
        wait: Wait = "healthy",
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Deployment, ...]: ...
    def apply(
        self,
        what: What | Sequence[What],
        *,
        expect: str | None = None,
        wait: Wait = "healthy",
        on_event: Handler | None = None,
        cancel: Cancel | None = None,
    ) -> Deployment | tuple[Deployment, ...]:
        """Create or update what the spec or plan describes, and return the deployment.

        Can be interrupted at any request and run again: it continues, and nothing is lost or created twice.  A
        sequence means independent deployments: a failure of one does not stop the others.

        Args:
            what: a spec, a plan, or a sequence of either.
            expect: digest of a plan that was reviewed; a different plan is not applied.
            wait: `healthy` returns when the containers of new instances run and their checks and probe pass, within
                `RolloutSpec.healthy_timeout_in_seconds`; `ready` when OCI shows the instances as ACTIVE.
            on_event: receives the events, on this thread.
            cancel: cancels the call.

        Raises:
            SpecError, PlanError: before any change.
            StalePlan: resources have changed since the plan was made, or the digest differs; nothing was changed.
            ApplyFailed: a step failed, or a container crashes again and again or fails its health check; `.causes`
                holds the reasons, `.deployment` what exists, `.diagnosis` what was found out about instances.
            Cancelled: `cancel` was set, or Ctrl-C was pressed; `.deployment` holds what exists.
        """
        cancelling = cancel or Cancel(clock=self._session.clock)
        items = list(what) if isinstance(what, Sequence) else [what]
        plans = self._planner.settled(items, cancelling, is_destroy=False)
        check_digest(plans, expect)
        for plan in plans:
            self._connection.ready(plan, on_event)
        deployments = self._connection.run(plans, on_event, cancelling, wait=wait)
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
        """Delete a deployment and return what was kept; one that does not exist is not an error.

        Log groups and repositories that are not empty are kept unless `purge`.  Can be interrupted at any request
        and run again.  Where lists may hide something, it asks again and says so (`RunNotice`).

        Raises:
            DeploymentInUse: other deployments use this one; nothing was changed.
            DestroyFailed: a step failed; `.remaining` holds what exists, `.causes` the reasons.
            Cancelled: `cancel` was set, or Ctrl-C was pressed.
        """
        removal = Destruction.of(target, self._connection, retain, purge=purge, on_event=on_event, cancel=cancel)
        if not isinstance(target, Plan):
            return removal.run(removal.plan())
        return removal.run(
            self._connection.ready(self._planner.settled([target], removal.cancel, is_destroy=True)[0], on_event)
        )

    def get(self, name: str, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> Deployment:
        """Return a deployment by name; no spec is needed.

        Raises:
            DeploymentNotFound: nothing of it exists.
        """
        return self._connection.get(name, on_event=on_event, cancel=cancel)

    def list(self, *, on_event: Handler | None = None, cancel: Cancel | None = None) -> tuple[Deployment, ...]:
        """Return all deployments in the compartment and region, by name."""
        return self._connection.list(on_event=on_event, cancel=cancel)
