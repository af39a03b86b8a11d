"""What goes into a pod beside its body, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import field, frozen

Health = Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"]


@frozen(kw_only=True)
class Injection:
    """What the platform adds to one container and no body mentions, such as a resource principal.

    Attributes:
        environment_variables: they win over those of the body.
        mounts: directory in the container → directory on the host, which the container sees read-only.
    """

    environment_variables: Mapping[str, str] = field(factory=dict, repr=False)
    mounts: Mapping[str, Path] = field(factory=dict)


@frozen(kw_only=True)
class PodAddress:
    """The address that a pod asks for.

    Attributes:
        cidr: its subnet; pods of one engine object with the same subnet reach each other in it.
        ip: its address there, neither the first usable one, which is the gateway's, nor the last.
    """

    cidr: str
    ip: str


@frozen(kw_only=True)
class ContainerState:
    """How a container was at one moment.  Times are seconds since the epoch on the pod's clock.

    Attributes:
        name: its `displayName`.
        is_running: whether its process runs.
        is_over: whether it has ended and will not be started again.
        exit_code: of the last run that ended; None before that.
        is_out_of_memory: whether something in that run was killed for its memory: the program, or a child of it.
        started_at: when the last run began; None when none could be started.
        ended_at: when the last run that ended did.
        restarts: how often it was started again since the pod was started.
        health: the verdict of each health check on the current run, in the body's order.
        health_details: what was wrong when the check turned UNHEALTHY, else empty; in the same order.
    """

    name: str
    is_running: bool
    is_over: bool
    exit_code: int | None
    is_out_of_memory: bool
    started_at: float | None
    ended_at: float | None
    restarts: int
    health: tuple[Health, ...]
    health_details: tuple[str, ...]


@frozen(kw_only=True)
class Usage:
    """What a running container uses.

    Attributes:
        cpu_cores: CPUs in use on average since `usage` was last asked for this run, at first since its start.
        cpu_seconds: CPU time of this run.
        memory_in_bytes: memory in use without the page cache that can be dropped at once.
        memory_limit_in_bytes: the limit that the kernel holds it to.
    """

    cpu_cores: float
    cpu_seconds: float
    memory_in_bytes: int
    memory_limit_in_bytes: int
