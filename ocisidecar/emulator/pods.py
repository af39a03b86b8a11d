"""What runs the containers of container instances: the seam between the service and whatever executes them.

The service decides about lifecycles, addresses and permissions; a `Pods` decides what the containers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from attrs import frozen

from ocisidecar.emulator.shapes import JsonObject

Health = Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"]


@frozen(kw_only=True)
class Pod:
    """The containers of one instance, as they were asked for, with secrets and configuration data.

    Args:
        id: the instance's OCID.
        details: CreateContainerInstanceDetails, checked.
        containers: CreateContainerDetails by container OCID, in order.
        address: the private IP.
    """

    id: str
    details: JsonObject
    containers: Mapping[str, JsonObject]
    address: str


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
    """

    is_running: bool
    is_over: bool
    exit_code: int | None
    terminated_at: float | None
    restarts: int
    health: Sequence[Health]


class Pods(Protocol):
    """Runs pods.  Called under the emulator's lock; moments are seconds since the epoch on its clock."""

    def launch(self, pod: Pod, at: float) -> float:
        """Start the containers at a moment; returns when all will have ended for good, or infinity."""
        ...

    def halt(self, pod_id: str, at: float) -> None:
        """Stop the containers at a moment."""
        ...

    def remove(self, pod_id: str) -> None:
        """Stop the containers and forget the pod; one that is not there is no error."""
        ...

    def status(self, container_id: str, now: float) -> ContainerStatus:
        """Return how a container of a launched pod is."""
        ...

    def logs(self, container_id: str, now: float, *, is_previous: bool) -> str | None:
        """Return what the current run, or the one before it, has written; None when there is no such run."""
        ...
