"""Input of the checks, and constructors for their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from ocisidecar.observe.firewalls import Firewall
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.plan.plan import Plan
from ocisidecar.spec import DeploymentSpec
from ocisidecar.verify.evidence import Evidence, InstanceEvidence
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.report import Check, Status
from ocisidecar.wire import Key


@frozen(kw_only=True)
class CheckContext:
    """What was read, and the limits to check it against.

    Attributes:
        inspection: the deployment as it was read.
        logs: container's key → whether its log could be retrieved, and its size or the reason.
        spec: the declared spec, if the caller passed one.
        plan: what applying that spec again would do.
        max_restarts: restarts allowed per container.
        waited_seconds: how long health checks were waited for.
        firewalls: name of the instance → what the network lets pass.
        evidence: about metrics and log lines; None if it was not collected.
        no_evidence_reason: why it was not.
    """

    inspection: Inspection
    logs: Mapping[str, tuple[bool, str]] = field(repr=False)
    spec: DeploymentSpec | None
    plan: Plan | None
    max_restarts: int
    waited_seconds: float
    firewalls: Mapping[str, Firewall] = field(factory=dict, repr=False)
    evidence: Evidence | None = field(default=None, repr=False)
    no_evidence_reason: str = ""

    def is_essential(self, container: Container) -> bool:
        """Return whether the deployment fails without this container: True unless the spec says otherwise."""
        return container.name not in {
            sidecar.name
            for instance in (self.spec.instances if self.spec is not None else ())
            if container.instance.rpartition("-")[0] == instance.name
            for sidecar in instance.sidecars
            if not sidecar.is_essential
        }


def instances_with_evidence(
    context: CheckContext, evidence: Evidence
) -> Iterator[tuple[Instance, InstanceEvidence]]:
    """Yield each active instance with its evidence; the check `ready` covers the others."""
    for instance in context.inspection.instances:
        if instance.name in evidence.instances:
            yield instance, evidence.instances[instance.name]


def checked(name: str, key: Key | str, status: Status, detail: str) -> Check:
    """Return a result with its evidence."""
    return Check(name=name, key=str(key), status=status, detail=detail)


def skipped(name: str, key: Key | str, reason: str) -> Check:
    """Return that nothing could be checked, and why."""
    return Check(name=name, key=str(key), status=Status.SKIPPED, reason=reason)


def failure_status(context: CheckContext, container: Container) -> Status:
    """Return the status of a failed check of a container: WARNED if the container is not essential."""
    return Status.FAILED if context.is_essential(container) else Status.WARNED
