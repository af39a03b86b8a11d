"""Container instances as pods on a Docker engine: the only package that uses the Docker client.

Its input is a container instance in the API's wire format, with secrets and configuration data; it does not depend
on specs, the control plane or the emulator.  Importing the package does not import `docker`; accessing `Engine`
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocisidecar.engine.owner import Owner as Owner
from ocisidecar.engine.owner import is_dead as is_dead
from ocisidecar.engine.values import ContainerState as ContainerState
from ocisidecar.engine.values import Health as Health
from ocisidecar.engine.values import Injection as Injection
from ocisidecar.engine.values import PodAddress as PodAddress
from ocisidecar.engine.values import Usage as Usage
from ocisidecar.errors import DockerUnavailable as DockerUnavailable
from ocisidecar.errors import PodFailed as PodFailed

if TYPE_CHECKING:
    from ocisidecar.engine.engine import Engine as Engine
    from ocisidecar.engine.pod import RunningPod as RunningPod

__all__ = [
    "ContainerState",
    "DockerUnavailable",
    "Engine",
    "Health",
    "Injection",
    "Owner",
    "PodAddress",
    "PodFailed",
    "RunningPod",
    "Usage",
    "is_dead",
]


def __getattr__(name: str) -> object:
    if name == "Engine":
        from ocisidecar.engine.engine import Engine

        return Engine
    if name == "RunningPod":
        from ocisidecar.engine.pod import RunningPod

        return RunningPod
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
