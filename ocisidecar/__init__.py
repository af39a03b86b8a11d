"""Run containers with monitoring sidecars on OCI Container Instances.

    from ocisidecar import InstanceSpec, Provisioner, SidecarSpec

    web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80])
    web = web.with_sidecar(SidecarSpec.prometheus())
    with Provisioner.from_config() as provisioner:
        plan = provisioner.plan(web)  # reads only; print(plan) shows what would change
        deployment = provisioner.apply(plan)
        deployment.verify().raise_for_failures()
        provisioner.destroy(web)

A *spec* is a frozen value that says what should exist: an `InstanceSpec` (containers, sidecars, volumes), or a
`DeploymentSpec` with its network, logs, alarms and rights.  A *plan* compares the spec with what exists.  *apply*
carries the plan out and returns a `Deployment`, which reads addresses, logs and metrics; its `verify` proves that
everything works, and `diagnose` names the cause where it does not.

The state is in the tags of the resources: there is no state file, and any machine finds a deployment by its name.
Everything is safe to interrupt: what was created is tagged, and applying or destroying again continues.  Calls
block; events report progress to a handler, and a `Cancel` ends a call from elsewhere.

`Provisioner.local()` does all of this without an account, on the built-in emulator.  Importing this package loads
neither the OCI SDK nor any other heavy library.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"


def _read_homes() -> dict[str, str]:
    """Return public name → module from the stub, whose lines read `from module import name as name`."""
    stub = __loader__.get_data(f"{__path__[0]}/__init__.pyi").decode()
    imports = [line.split() for line in stub.splitlines() if line.startswith("from ")]
    return dict(sorted((name, module) for _, module, _, name, *_ in imports))


_HOMES = _read_homes()
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
