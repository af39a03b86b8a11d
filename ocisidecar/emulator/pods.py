"""The interface between the Container Instances service and what runs the containers: `Pods` and `PodCallbacks`.

The service decides about lifecycles, addresses and permissions; a `Pods` runs the containers, and reports to the
service through `PodCallbacks`.  Times are seconds since the epoch on the emulator's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.schema import JsonObject

Health = Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"]


@frozen(kw_only=True)
class Pod:
    """The containers of one instance as requested, with secrets and configuration data.

    Args:
        id: the instance's OCID.
        details: CreateContainerInstanceDetails, validated and with displayName.
        containers: CreateContainerDetails by container OCID, in order.
        address: the private IP.
        subnet: the CIDR block that the address is from.
        region: the region's name.
    """

    id: str
    details: JsonObject
    containers: Mapping[str, JsonObject]
    address: str
    subnet: str
    region: str


@frozen(kw_only=True)
class ContainerStatus:
    """The status of a container.

    Args:
        is_running: whether its process runs right now.
        is_over: whether it has ended and will not be restarted.
        exit_code: of the last run that ended.
        terminated_at: when that was.
        restarts: how often it was started again.
        health: the result of each of its health checks, in their order.
        health_details: why each of them is unhealthy, in the same order; empty where it is not known.
    """

    is_running: bool
    is_over: bool
    exit_code: int | None
    terminated_at: float | None
    restarts: int
    health: Sequence[Health]
    health_details: Sequence[str]


@frozen(kw_only=True)
class ContainerUsage:
    """What a container uses at a point in time.

    Args:
        cpu_cores: logical CPUs that it kept busy, on average since the previous sample.
        memory_bytes: of its processes.
        storage_bytes: of the files that it has written, without those on volumes.
    """

    cpu_cores: float
    memory_bytes: int
    storage_bytes: int


class PodCallbacks(Protocol):
    """What one pod needs of the cloud: reports of its state, and tokens for its resource principal.

    Callable from any thread.  Times may be in the future: the report then announces what will happen.
    """

    def started(self, at: float) -> None:
        """All containers have been started."""
        ...

    def failed(self, at: float, message: str) -> None:
        """The containers cannot be started, for this reason; none of them is left."""
        ...

    def over(self, at: float) -> None:
        """All containers have ended for good."""
        ...

    def sampled(self, at: float, usages: Mapping[str, ContainerUsage]) -> None:
        """The running containers use this much; by OCID."""
        ...

    def issue_token(self, public: RSAPublicKey, seconds: float) -> str:
        """Return a resource principal token of the instance for this key, valid for `seconds`."""
        ...


class Pods(Protocol):
    """Runs pods.  Called under the emulator's lock, so methods return at once and callbacks report completion."""

    @property
    def containers(self) -> str:
        """How containers run, as in the system tags of instances: `simulated` or `docker`."""
        ...

    def launch(self, pod: Pod, at: float, callbacks: PodCallbacks) -> None:
        """Start the containers, by the time `at` if possible; reports go to `callbacks` from then on."""
        ...

    def halt(self, pod_id: str, at: float, halted: Callable[[float], None]) -> None:
        """Start to stop the containers gracefully at `at`; calls `halted` with the time when they have stopped."""
        ...

    def remove(self, pod_id: str, at: float, removed: Callable[[float], None]) -> None:
        """Stop and remove the containers; calls `removed` with the time of the end, at once for an unknown pod."""
        ...

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return the status of a container of a launched pod."""
        ...

    def logs(self, container_id: str, now: float, *, previous: bool) -> str | None:
        """Return the output of the current run, or of the previous one; None when that run does not exist."""
        ...

    def reach(self, pod_id: str, port: int) -> str | None:
        """Return the URL of a pod's port on this machine; None for a pod that does not run."""
        ...

    def close(self) -> None:
        """Remove all pods; blocks until nothing is left."""
        ...
