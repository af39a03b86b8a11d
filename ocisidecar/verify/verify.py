"""Verify a deployment: read it, collect evidence, and run the checks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from attrs import evolve, frozen

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.observe.container_logs import has_log
from ocisidecar.observe.firewalls import read_firewalls
from ocisidecar.observe.polling import poll_with_backoff
from ocisidecar.observe.snapshot import DeploymentReader, with_repositories
from ocisidecar.plan.build import plan_apply
from ocisidecar.plan.plan import Plan
from ocisidecar.resources.access import images_of
from ocisidecar.spec import DeploymentSpec, InstanceSpec, as_deployment
from ocisidecar.verify.checks import run_checks
from ocisidecar.verify.context import CheckContext
from ocisidecar.verify.evidence import Evidence
from ocisidecar.verify.http_probe import UrlResolver, open_ports
from ocisidecar.verify.inspection import Inspection, inspect, read_standing
from ocisidecar.verify.report import Report
from ocisidecar.verify.telemetry import collect_evidence

_TELEMETRY_OFF = "telemetry checks are off"
_NOTHING_RUNS = "no instance is active"
_SIMULATED = "the containers are simulated and would prove nothing; run them on Docker to check this"


@frozen(kw_only=True)
class VerifyOptions:
    """The options of `Deployment.verify`."""

    max_restarts: int
    health_timeout_seconds: float
    telemetry: bool
    read_only: bool
    telemetry_timeout_seconds: float


def verify(
    reader: DeploymentReader,
    resources: Mapping[str, str],
    spec: DeploymentSpec | InstanceSpec | None,
    *,
    resolve_url: UrlResolver,
    options: VerifyOptions,
) -> Report:
    """Return a report of all checks; see `Deployment.verify`.

    Args:
        reader: of the deployment.
        resources: key → OCID of the resources that it is known to have had.
        spec: the declared spec, if the caller has it.
        resolve_url: gives the base URL of an instance's port.
        options: limits and timeouts.

    Raises:
        SpecError: the spec is of another deployment, or uses something that a shared deployment does not have.
    """
    name = reader.site.identity.name
    declared = None if spec is None else as_deployment(spec)
    if declared is not None and declared.name != name:
        raise SpecError([SpecProblem("name", f"must be that of the deployment, {name!r}, got {declared.name!r}")])
    inspection, waited = _inspect_until_verdicts(reader, resources, options.health_timeout_seconds)
    plan = None if declared is None else _plan(reader, declared, inspection)
    evidence, no_evidence_reason = _evidence(reader, inspection, declared, resolve_url, options)
    context = CheckContext(
        inspection=inspection,
        logs=_logs(reader, inspection),
        spec=declared,
        plan=plan,
        max_restarts=options.max_restarts,
        waited_seconds=waited,
        firewalls=read_firewalls(reader, inspection.snapshot, inspection.instances),
        evidence=evidence,
        no_evidence_reason=no_evidence_reason,
    )
    return Report(name, run_checks(context))


def _plan(reader: DeploymentReader, declared: DeploymentSpec, inspection: Inspection) -> Plan:
    images = images_of(declared, reader.site.image_prefix)
    site = with_repositories(reader.caller, reader.site, reader.pool, images)
    return plan_apply(declared, site, inspection.snapshot)


def _evidence(
    reader: DeploymentReader,
    inspection: Inspection,
    spec: DeploymentSpec | None,
    resolve_url: UrlResolver,
    options: VerifyOptions,
) -> tuple[Evidence | None, str]:
    """Return the evidence about metrics and log lines, or why none was collected."""
    if not options.telemetry:
        return None, _TELEMETRY_OFF
    if any(instance.is_simulated for instance in inspection.instances):
        return None, _SIMULATED
    if not any(instance.is_active for instance in inspection.instances):
        return None, _NOTHING_RUNS
    evidence = collect_evidence(
        reader,
        inspection,
        resolve_url=resolve_url,
        open_ports=open_ports(inspection, spec),
        spec=spec,
        read_only=options.read_only,
        timeout_seconds=options.telemetry_timeout_seconds,
    )
    return evidence, ""


def _inspect_until_verdicts(
    reader: DeploymentReader, resources: Mapping[str, str], timeout_seconds: float
) -> tuple[Inspection, float]:
    """Inspect until every health check has a verdict or the time is up.

    Returns the inspection, and how many seconds it waited.  Only the instances are read again.
    """
    inspection, waited = inspect(reader, resources), 0.0
    for waited in poll_with_backoff(reader.caller):
        if waited:
            inspection = evolve(inspection, instances=read_standing(reader))
        if _has_verdicts(inspection) or waited >= timeout_seconds:
            break
    return inspection, waited


def _has_verdicts(inspection: Inspection) -> bool:
    """Return whether every running container with health checks has a verdict."""
    containers = (one for instance in inspection.instances for one in instance.containers)
    return not any(one.health == "UNKNOWN" and one.is_running for one in containers)


def _logs(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[bool, str]]:
    containers = [one for instance in inspection.instances for one in instance.containers]
    found = reader.call_all([partial(has_log, reader.caller, one) for one in containers])
    return {one.key: result for one, result in zip(containers, found, strict=True)}
