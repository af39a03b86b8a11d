"""Run containers with monitoring sidecars on OCI Container Instances.

Write an `InstanceSpec` with `SidecarSpec`s and `VolumeSpec`s, give it to a `Provisioner`, and look at the
`Deployment` that comes back.  `Provisioner.local()` does the same without an account, on the built-in emulator.

Importing this package loads neither the OCI SDK nor any other heavy library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocisidecar.cancel import Cancel as Cancel
    from ocisidecar.deployment import Deployment as Deployment
    from ocisidecar.errors import ApplyFailed as ApplyFailed
    from ocisidecar.errors import Cancelled as Cancelled
    from ocisidecar.errors import OciSidecarError as OciSidecarError
    from ocisidecar.plan import Plan as Plan
    from ocisidecar.provisioner import Provisioner as Provisioner

_HOMES = {
    "cancel": ("Cancel",),
    "deployment": ("Deployment",),
    "plan": ("Action", "Change", "Plan", "Step"),
    "provisioner": ("Provisioner",),
    "spec": (
        "AccessSpec",
        "AlarmSpec",
        "DeploymentSpec",
        "DnsConfig",
        "HealthCheck",
        "ImagePullSecret",
        "InstanceSecurityContext",
        "InstanceSpec",
        "LoggingSpec",
        "Mount",
        "NetworkSpec",
        "PlacementSpec",
        "Port",
        "RepositorySpec",
        "RolloutSpec",
        "ScrapeTarget",
        "SecretRef",
        "SecurityContext",
        "SidecarSpec",
        "Statement",
        "TopicSpec",
        "VolumeSpec",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
