"""Readers of a deployment's resources, below the public API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ocisidecar.cancel import Cancel
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.plan.planner import Planner
from ocisidecar.provisioner import Provisioner


def reader_of(provisioner: Provisioner, name: str, *, cancel: Cancel | None = None) -> DeploymentReader:
    """Return a reader of the deployment `name` that shares the provisioner's session and none of its state."""
    session = provisioner.session
    pool = ThreadPoolExecutor(4)
    planner = Planner(session, pool, provisioner.compartment_id, None, accepts_symbolic_images=True)
    caller = session.caller(cancel or Cancel(clock=session.clock))
    return DeploymentReader(caller, planner.site(name, caller), pool)
