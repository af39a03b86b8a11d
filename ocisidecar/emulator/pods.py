"""What runs the containers of container instances: the seam between the service and whatever executes them.

The service decides about lifecycles, addresses and permissions; a `Pods` decides what the containers do, and tells
the service through `PodCallbacks` when they have done it.  Moments are seconds since the epoch on the emulator's
clock.
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
    """The containers of one instance, as they were asked for, with secrets and configuration data.

    Args:
        id: the instance's OCID.
        details: CreateContainerInstanceDetails, checked and with displayName.
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
    """How a container is.

    Args:
        is_running: whether its process runs right now.
        is_over: whether it has ended and will not be restarted.
        exit_code: of the last run that ended.
        terminated_at: when that was.
        restarts: how often it was started again.
        health: the verdict of each of its health checks, in their order.
        health_details: what is wrong with those that are unhealthy, in the same order; empty where nobody knows.
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
    """What a container took at a moment.

    Args:
        cpu_cores: logical CPUs that it kept busy, on average since the sample before.
        memory_bytes: of its processes.
    """

    cpu_cores: float
    memory_bytes: int


class PodCallbacks(Protocol):
    """The cloud around one pod: is told what becomes of it, and vouches for it.

    Callable from any thread.  Moments may lie ahead: what is told then is what will be.
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
        """The running containers took this much; by OCID."""
        ...

    def issue_token(self, public: RSAPublicKey, seconds: float) -> str:
        """Return a resource principal token of the instance that is good with this key."""
        ...


class Pods(Protocol):
    """Runs pods.  Called under the emulator's lock: what takes time is done later, and told when it is done."""

    @property
    def containers(self) -> str:
        """How containers run, as system tags of instances tell it: `simulated` or `docker`."""
        ...

    def launch(self, pod: Pod, at: float, callbacks: PodCallbacks) -> None:
        """Start the containers, not later than at a moment if possible; `callbacks` report on them from then on."""
        ...

    def halt(self, pod_id: str, at: float, halted: Callable[[float], None]) -> None:
        """Stop the containers gracefully from a moment on; `halted` is told when they have stopped."""
        ...

    def remove(self, pod_id: str, at: float, removed: Callable[[float], None]) -> None:
        """Stop and forget the containers; `removed` is told when nothing is left, at once without such a pod."""
        ...

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return how a container of a launched pod is."""
        ...

    def logs(self, container_id: str, now: float, *, previous: bool) -> str | None:
        """Return what the current run, or the one before it, has written; None when there is no such run."""
        ...

    def reach(self, pod_id: str, port: int) -> str | None:
        """Return the URL under which a port of a pod answers on this machine; None for what does not run."""
        ...

    def close(self) -> None:
        """Remove all pods; returns when nothing is left."""
        ...
