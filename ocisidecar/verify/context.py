"""The case that the checks judge, and how they put a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ocisidecar.observe.instances import Container
from ocisidecar.plan.plan import Plan
from ocisidecar.spec import DeploymentSpec
from ocisidecar.verify.evidence import Evidence
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.report import Check, Status
from ocisidecar.wire import Key


@frozen(kw_only=True)
class Case:
    """What the checks judge, and by which measure.

    Attributes:
        inspection: what was read.
        logs: container's key → whether its log could be retrieved, and how much of it or why not.
        spec: what was declared, where the caller knows.
        plan: what applying that spec again would do.
        max_restarts: how often a container may have been started again.
        waited_seconds: how long health checks were given for a verdict.
        evidence: what was found out about metrics and log lines; None when that was not asked.
        why_no_evidence: why it was not.
    """

    inspection: Inspection
    logs: Mapping[str, tuple[bool, str]] = field(repr=False)
    spec: DeploymentSpec | None
    plan: Plan | None
    max_restarts: int
    waited_seconds: float
    evidence: Evidence | None = field(default=None, repr=False)
    why_no_evidence: str = ""

    def is_essential(self, container: Container) -> bool:
        """Return whether a deployment without this container counts as failed; it does unless the spec says no."""
        return container.name not in {
            sidecar.name
            for instance in (self.spec.instances if self.spec is not None else ())
            if container.instance.rpartition("-")[0] == instance.name
            for sidecar in instance.sidecars
            if not sidecar.is_essential
        }


def check(name: str, key: Key | str, status: Status, detail: str) -> Check:
    """Return a verdict with its evidence."""
    return Check(name=name, key=str(key), status=status, detail=detail)


def skip(name: str, key: Key | str, reason: str) -> Check:
    """Return that there is no verdict, and why."""
    return Check(name=name, key=str(key), status=Status.SKIPPED, reason=reason)


def bad(case: Case, container: Container) -> Status:
    """Return how bad a fault of a container is: a sidecar that is not essential only warns."""
    return Status.FAILED if case.is_essential(container) else Status.WARNED
