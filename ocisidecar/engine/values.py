"""Inputs of a pod besides its body, and its observed state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import field, frozen

Health = Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"]
"""Result of one health check, in OCI's words."""


@frozen(kw_only=True)
class Injection:
    """What the platform adds to one container outside its body, such as a resource principal.

    Attributes:
        environment_variables: take precedence over those of the body.
        mounts: directory in the container → directory on the host, mounted read-only.
    """

    environment_variables: Mapping[str, str] = field(factory=dict, repr=False)
    mounts: Mapping[str, Path] = field(factory=dict)


@frozen(kw_only=True)
class PodAddress:
    """The address that a pod requests.

    Attributes:
        cidr: its subnet; pods of one `Engine` with the same subnet reach each other in it.
        ip: its address in the subnet, other than the first usable one, which is the gateway's.
    """

    cidr: str
    ip: str


@frozen(kw_only=True)
class ContainerState:
    """State of a container at one moment.  Times are seconds since the epoch on the pod's clock.

    Attributes:
        name: its `displayName`.
        is_running: whether its process is running.
        is_over: whether it has exited and will not be restarted.
        exit_code: of the latest run that has ended; None if no run has.
        is_out_of_memory: whether a process of that run was killed for running out of memory.
        started_at: when the latest run was started; None if none could be started.
        ended_at: when the latest run ended that has ended; None if no run has.
        restarts: number of restarts since the pod was started.
        health: the result of each health check on the current run, in the body's order.
        health_details: the reason for each UNHEALTHY, else empty; in the same order.
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
    """Resource usage of a running container.

    Attributes:
        cpu_cores: CPUs in use, averaged since the previous usage query of this run, at first since its start.
        cpu_seconds: CPU time of this run.
        memory_bytes: memory in use, without the reclaimable page cache.
        storage_bytes: size of the files that this run has written, without those on volumes, which the engine tells
            only by counting the files of all volumes on its disk.
    """

    cpu_cores: float
    cpu_seconds: float
    memory_bytes: int
    storage_bytes: int
