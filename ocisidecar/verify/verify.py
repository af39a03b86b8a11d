"""Checking that a deployment is there and works."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from attrs import evolve, frozen

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.observe.container_logs import has_log
from ocisidecar.observe.instances import read_instances
from ocisidecar.observe.polling import hasty_looks
from ocisidecar.observe.snapshot import Reader
from ocisidecar.plan.build import plan_apply
from ocisidecar.spec import DeploymentSpec, InstanceSpec, as_deployment
from ocisidecar.verify.checks import run_checks
from ocisidecar.verify.context import Case
from ocisidecar.verify.evidence import Evidence
from ocisidecar.verify.http_probe import Reach, open_ports
from ocisidecar.verify.inspection import Inspection, inspect
from ocisidecar.verify.report import Report
from ocisidecar.verify.telemetry import gather

_LOOK_EVERY_SECONDS = 2.0
_SWITCHED_OFF = "telemetry=False: only the control plane was asked"
_NOTHING_RUNS = "no instance runs"
_SIMULATED = "the containers are simulated; real ones, with containers='docker', can prove it"


@frozen(kw_only=True)
class Measure:
    """How a deployment is to be checked; see `Deployment.verify`."""

    max_restarts: int
    health_timeout_in_seconds: float
    telemetry: bool
    is_nonce_sent: bool
    telemetry_timeout_in_seconds: float


def verify(
    reader: Reader,
    resources: Mapping[str, str],
    spec: DeploymentSpec | InstanceSpec | None,
    *,
    reach: Reach,
    measure: Measure,
) -> Report:
    """Return the report of all checks; see `Deployment.verify`.

    Args:
        reader: of the deployment.
        resources: what it is known to have had: key → OCID.
        spec: what was declared, where the caller knows.
        reach: gives the way to a port of an instance.
        measure: how it is to be checked.

    Raises:
        SpecError: the spec is of another deployment, or asks for what a shared deployment does not have.
    """
    name = reader.site.identity.name
    declared = None if spec is None else as_deployment(spec)
    if declared is not None and declared.name != name:
        raise SpecError([SpecProblem("name", f"must be that of the deployment, {name!r}, got {declared.name!r}")])
    inspection = inspect(reader, resources)
    inspection, waited = next(
        (seen, waited)
        for seen, waited in map(
            partial(_look_again, reader, inspection), hasty_looks(reader.caller, every_seconds=_LOOK_EVERY_SECONDS)
        )
        if _has_verdicts(seen) or waited >= measure.health_timeout_in_seconds
    )
    plan = None if declared is None else plan_apply(declared, reader.site, inspection.snapshot)
    evidence, why_not = _evidence(reader, inspection, declared, reach, measure)
    case = Case(
        inspection=inspection,
        logs=_logs(reader, inspection),
        spec=declared,
        plan=plan,
        max_restarts=measure.max_restarts,
        waited_seconds=waited,
        evidence=evidence,
        why_no_evidence=why_not,
    )
    return Report(name, run_checks(case))


def _evidence(
    reader: Reader, inspection: Inspection, spec: DeploymentSpec | None, reach: Reach, measure: Measure
) -> tuple[Evidence | None, str]:
    """Return what can be found out about metrics and log lines, or why nothing was tried."""
    if not measure.telemetry:
        return None, _SWITCHED_OFF
    if any(instance.is_simulated for instance in inspection.instances):
        return None, _SIMULATED
    if not any(instance.is_active for instance in inspection.instances):
        return None, _NOTHING_RUNS
    evidence = gather(
        reader,
        inspection,
        reach=reach,
        open_ports=open_ports(inspection, spec),
        is_nonce_sent=measure.is_nonce_sent,
        timeout_in_seconds=measure.telemetry_timeout_in_seconds,
    )
    return evidence, ""


def _look_again(reader: Reader, first: Inspection, waited: float) -> tuple[Inspection, float]:
    """Return the inspection with its instances as they are after so many seconds, and these."""
    return (evolve(first, instances=read_instances(reader)) if waited else first), waited


def _has_verdicts(inspection: Inspection) -> bool:
    """Return whether every health check of a running container has come to a verdict."""
    containers = (one for instance in inspection.instances for one in instance.containers)
    return not any(one.health == "UNKNOWN" and one.is_running for one in containers)


def _logs(reader: Reader, inspection: Inspection) -> dict[str, tuple[bool, str]]:
    containers = [one for instance in inspection.instances for one in instance.containers]
    found = reader.all([partial(has_log, reader.caller, one) for one in containers])
    return {one.key: result for one, result in zip(containers, found, strict=True)}
