"""`Emulator`: start it, point clients at it, inspect it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.emulator import client_config
from ocisidecar.emulator.agent_registry import catch_up
from ocisidecar.emulator.app import App, RecordedRequest
from ocisidecar.emulator.courier import Courier
from ocisidecar.emulator.declarations import Operation, Service
from ocisidecar.emulator.faults import Fault, FaultSchedule
from ocisidecar.emulator.ids import Ids
from ocisidecar.emulator.initial_state import create_builtin_tenancy, create_builtin_user
from ocisidecar.emulator.lifecycle import Latencies, Lifetime
from ocisidecar.emulator.out_of_band import OutOfBand
from ocisidecar.emulator.outbox import Outbox
from ocisidecar.emulator.people import People
from ocisidecar.emulator.pod_listeners import PodListeners
from ocisidecar.emulator.pods import Pods
from ocisidecar.emulator.regions import HOME
from ocisidecar.emulator.resource_principal import issue_token
from ocisidecar.emulator.server import LOOPBACK, READ_TIMEOUT_SECONDS, Listener
from ocisidecar.emulator.service_limits import all_limits
from ocisidecar.emulator.services import SERVICES
from ocisidecar.emulator.services.alarms import evaluate_alarms
from ocisidecar.emulator.signature import KeyRing, Principal, fingerprint, make_key, pem, read_public_key
from ocisidecar.emulator.simulated_pods import ContainerScript, SimulatedPods
from ocisidecar.emulator.state import ENDED, Assumptions, Cloud, lifetime
from ocisidecar.emulator.throttle import Throttle

if TYPE_CHECKING:
    from ocisidecar.engine import Engine

SESSION_SECONDS: Final = 24 * 3600
"""How long the token of a written configuration is valid."""

_operator_key = functools.cache(make_key)
"""One key per process: making one costs 100 ms, and no emulator outlives its process."""


class Emulator(OutOfBand, People):
    """An Oracle Cloud tenancy on a loopback port, for as long as the `with` block lasts.

    Any official OCI client works against `endpoint` with `oci_config`.  Nothing leaves the machine and nothing is
    stored on disk but what `environment` and `write_config` write.  All methods are thread-safe.

    With `containers="docker"` container instances are pods on a Docker engine: they become ACTIVE when their
    containers run, and reach the emulator at their network's gateway, where it listens while they are up.  They run
    in real time, so `clock` must not be a `VirtualClock`; with a clock that is faster than real time the emulator
    refuses what they send as too old.

    Args:
        latencies: durations of the cloud's work; by default nothing takes time.
        faults: faults in force from the start.
        seed: determines all identifiers and random draws.
        clock: the time that lifecycles follow; the system's by default.
        scripts: what simulated containers do, by a pattern for their display name or image; the last match
            counts.
        port: of the loopback interface; 0 picks a free one.
        limits: values of service limits by name (whole numbers from 0), e.g. {"vcn-count": 5} or `TRIAL_LIMITS`;
            others are ample.
        assumptions: choices where OCI's behaviour is not known.
        requests_per_second: of each service (>= 1); requests above it get a 429; None for no limit.
        containers: "simulated"; "docker" for the Docker engine that the environment names (DOCKER_HOST) or the
            local one; "auto" for docker where an engine answers and simulated elsewhere.
        images: with Docker, the local images to run in place of those that containers name, by the latter.
        read_timeout_seconds: how long it waits for the rest of a request, and on an idle connection (> 0).
        services: what it offers; by default `ocisidecar.emulator.services.SERVICES`.

    Raises:
        DockerUnavailable: `containers` is "docker" and no Docker engine answers.
        ValueError: `containers` is another word, or it is "docker" and `clock` is a `VirtualClock`; `limits` names
            unknown limits, or has values that are not whole numbers from 0.
    """

    def __init__(
        self,
        *,
        latencies: Latencies | None = None,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        clock: Clock | None = None,
        scripts: Mapping[str, ContainerScript] | None = None,
        port: int = 0,
        limits: Mapping[str, int] | None = None,
        assumptions: Assumptions | None = None,
        requests_per_second: float | None = None,
        containers: str = "simulated",
        images: Mapping[str, str] | None = None,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        services: Sequence[Service] = SERVICES,
    ) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self._latencies = Latencies() if latencies is None else latencies
        self._faults = tuple(faults)
        self._seed = seed
        self._scripts = dict(scripts or {})
        self._port = port
        self._limits = all_limits(limits or {})
        self._assumptions = Assumptions() if assumptions is None else assumptions
        self._key = _operator_key()
        self._engine = _engine_for(containers, self.clock)
        self._images = dict(images or {})
        self._services = tuple(services)
        self._read_timeout_seconds = read_timeout_seconds
        self._pod_listeners = PodListeners(lambda host: self._listen(host=host), lambda: self.endpoint)
        self._courier = Courier(self.clock, lambda: self.app.cloud, evaluate_alarms)
        self.app = App(self._new_cloud(), self._services, Throttle(requests_per_second))
        self._listener: Listener | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Open the port; does nothing when the emulator is started already."""
        if self._listener is None:
            self._listener = self._listen(self._port)
        return self

    def _listen(self, port: int = 0, *, host: str = LOOPBACK) -> Listener:
        return Listener(self.app, port, host=host, read_timeout_seconds=self._read_timeout_seconds)

    def close(self) -> None:
        """Close the port and all connections, and remove all real containers.  Idempotent."""
        self._courier.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.app.cloud.pods.close()
        if self._engine is not None:
            self._engine.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    @property
    def endpoint(self) -> str:
        """The URL for clients' `service_endpoint`.

        A region's name and a service's prefix may follow: `{endpoint}/us-ashburn-1/iaas`.
        """
        if self._listener is None:
            raise RuntimeError("the emulator is not started: use `with Emulator() as emulator:` or start()")
        return self._listener.endpoint

    @property
    def containers(self) -> Literal["simulated", "docker"]:
        """Whether containers are simulated or run on a Docker engine."""
        return "simulated" if self._engine is None else "docker"

    def reach(self, instance_id: str, port: int) -> str | None:
        """Return the URL of a container instance's port on this machine.

        None for simulated instances and for instances that do not run.
        """
        return self.app.cloud.pods.reach(instance_id, port)

    @property
    def tenancy_id(self) -> str:
        """The OCID of the tenancy."""
        return self.app.cloud.tenancy_id

    @property
    def compartment_id(self) -> str:
        """The OCID of a compartment that is ready for use."""
        return self.app.cloud.compartment_id

    @property
    def oci_config(self) -> dict[str, str]:
        """A configuration for clients of the OCI SDK, with an administrator of the tenancy as user."""
        return {
            "user": self.app.cloud.user_id,
            "tenancy": self.tenancy_id,
            "fingerprint": fingerprint(self._key.public_key()),
            "key_content": pem(self._key),
            "region": self.app.cloud.home_region,
        }

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All declared operations."""
        return tuple(operation for service in self._services for operation in service.operations)

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request since the start or the last reset, in order of arrival."""
        return self.app.requests

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point a program at the emulator without touching ~/.oci.

        The first read writes the configuration that they name into a private directory, which `close` removes.
        oci-cli and this library follow all of them; the SDK itself reads OCI_CONFIG_FILE only.
        """
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="ocisidecar-emulator-")
            self.write_config(Path(self._directory.name))
        return self.environment_with(Path(self._directory.name))

    def environment_with(self, directory: Path) -> dict[str, str]:
        """Return `environment` for a directory that `write_config` has written."""
        return client_config.environment(
            directory,
            endpoint=self.endpoint,
            compartment_id=self.compartment_id,
            region=self.app.cloud.home_region,
        )

    def write_config(self, directory: Path) -> Path:
        """Write a configuration for other processes into a directory; returns the path of `config`.

        Its profile DEFAULT signs with the key `key.pem`, SESSION with a session token that is valid for a day.
        `oci_cli_rc` is empty.
        """
        return client_config.write(directory, self.oci_config, self.issue_token(seconds=SESSION_SECONDS))

    def issue_token(
        self, *, public_key: str | None = None, resource_id: str | None = None, seconds: float = 3600
    ) -> str:
        """Return a token that clients send as key id `ST$<token>` with requests that a private key signs.

        Args:
            public_key: the key's public half in PEM format; by default that of `oci_config`.
            resource_id: OCID of a container instance, for its resource principal token, whose permissions come from
                policies; None for a session token of the administrator.
            seconds: how long the token is valid, on the emulator's clock.

        Raises:
            ValueError: `public_key` is not an RSA key in PEM format.
            LookupError: the container instance does not exist.
        """
        cloud = self.app.cloud
        public = self._key.public_key() if public_key is None else read_public_key(public_key)
        if resource_id is None:
            principal = Principal(id=cloud.user_id, tenancy_id=cloud.tenancy_id)
            return cloud.keys.issue_token(principal, public, seconds=seconds)
        with cloud.lock:
            record = cloud.store.find("container-instance", resource_id, cloud.clock.time())
        if record is None:
            raise LookupError(f"no token was issued: the container instance {resource_id} does not exist")
        return issue_token(cloud, record, public, seconds)

    def lifetimes(self) -> tuple[Lifetime, ...]:
        """Return when each resource was created and deleted, in order of creation.

        The resources are those that `live` counts, deleted ones included.
        """
        cloud = self.app.cloud
        with cloud.lock:
            catch_up(cloud, cloud.clock.time())
            return tuple(
                lifetime(record) for record in cloud.store.history if not record.is_builtin and not record.is_part
            )

    def live(self) -> dict[str, list[str]]:
        """Return the OCIDs of the resources that clients made and that are not deleted, by kind.

        Kinds are OCI's nouns with dashes (`container-instance`); kinds without live resources are left out.  Parts
        of other resources (a VCN's defaults, an instance's containers and VNIC) do not count, nor do the resources
        that the tenancy has from the start.
        """
        cloud = self.app.cloud
        with cloud.lock:
            now = cloud.clock.time()
            catch_up(cloud, now)
            found = {
                kind: [
                    record.id
                    for record in cloud.store.all(kind, now)
                    if not record.is_builtin and not record.is_part and record.state_at(now) not in ENDED
                ]
                for kind in cloud.store.kinds()
            }
        return {kind: ids for kind, ids in found.items() if ids}

    def inject(self, *faults: Fault) -> None:
        """Add faults; each counts the matching calls from now on."""
        self.app.cloud.faults.add(faults)

    def script(self, pattern: str, script: ContainerScript) -> None:
        """Set what containers that are started from now on do, as `scripts` does."""
        self._scripts.pop(pattern, None)
        self._scripts[pattern] = script

    def clear_faults(self) -> None:
        """Remove all faults, those from the start included."""
        self.app.cloud.faults.clear()

    def reset(self) -> None:
        """Forget all resources and requests, and restore the faults from the start.

        Endpoint, tenancy, compartment and the key of `oci_config` stay.  Blocks until real containers are removed.
        """
        former = self.app.cloud
        self.app.cloud = self._new_cloud()
        self.app.clear_requests()
        former.pods.close()

    def _new_pods(self) -> Pods:
        if self._engine is None:
            return SimulatedPods(self._scripts, is_instant=not self._latencies.container_instance_create)
        from ocisidecar.emulator.docker_pods import DockerPods
        from ocisidecar.emulator.pod_worker import PodRuntime

        return DockerPods(
            PodRuntime(
                engine=self._engine,
                clock=self.clock,
                listeners=self._pod_listeners,
                images=self._images,
                token_seconds=self._assumptions.resource_principal_lifetime_seconds,
                emptydir_mode=self._assumptions.emptydir_mode,
                first_unprivileged_port=self._assumptions.first_unprivileged_port,
            )
        )

    def _new_cloud(self) -> Cloud:
        ids = Ids(self._seed)
        cloud = Cloud(
            clock=self.clock,
            seed=self._seed,
            latencies=self._latencies,
            assumptions=self._assumptions,
            limits=self._limits,
            keys=KeyRing(self._key, self.clock.time),
            tenancy_id=ids.ocid("tenancy"),
            compartment_id=ids.ocid("compartment"),
            user_id=ids.ocid("user"),
            home_region=HOME,
            faults=FaultSchedule(self._seed),
            ids=ids,
            pods=self._new_pods(),
            outbox=Outbox(self._courier.nudge),
        )
        create_builtin_tenancy(cloud)
        create_builtin_user(cloud, cloud.user_id, "operator", self._key.public_key())
        cloud.faults.add(self._faults)
        return cloud


def _engine_for(containers: str, clock: Clock) -> Engine | None:
    """Return the engine that runs the containers, None where they are simulated.  Docker is loaded on demand."""
    if containers == "simulated":
        return None
    from ocisidecar.emulator.docker_pods import find_engine

    return find_engine(containers, clock)
