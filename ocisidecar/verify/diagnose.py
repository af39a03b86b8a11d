"""Diagnose a deployment: find the causes of what does not work.

Everything is read first: states, work request errors of failed resources, last log lines of failing containers and
of forwarders, security rules, and what OCI Monitoring has.  The rules that turn it into findings are pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial

from attrs import frozen

from ocisidecar.client.retry import is_capacity_shortage
from ocisidecar.observe.container_exit_codes import COULD_NOT_START, KILLED, meaning
from ocisidecar.observe.container_logs import last_lines, lines_now
from ocisidecar.observe.firewalls import Firewall, read_firewalls
from ocisidecar.observe.forwarder_log import open_errors
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.container_instance import ContainerInstance
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.management_agent import ManagementAgent
from ocisidecar.state.desired import INSTALL_KEY
from ocisidecar.state.observed import Phase
from ocisidecar.timestamps import now
from ocisidecar.verify.agents import agent_findings
from ocisidecar.verify.findings import Diagnosis, Finding
from ocisidecar.verify.inspection import Inspection, inspect, moved
from ocisidecar.verify.log_causes import cause_of_exit, causes_of_errors
from ocisidecar.verify.measured import Measured, measured_findings, read_measured
from ocisidecar.verify.reach import why_unheard
from ocisidecar.verify.remote_write_findings import remote_write_findings
from ocisidecar.verify.senders import (
    egress_findings,
    group_findings,
    log_findings,
    principal_findings,
    rights_findings,
    volume_findings,
)
from ocisidecar.wire import Key, objects

_LAST_LINES = 10
_STUCK_SECONDS = 15 * 60
_WITH_OWN_RULE = frozenset({ManagementAgent.name, INSTALL_KEY.kind})
_BEING_MADE = frozenset({"CREATING", "PROVISIONING"})
_MEMORY = re.compile(r"\bmemory\b|\boom", re.IGNORECASE)
_CAUSE_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("limit-exceeded", re.compile(r"limit ?exceeded|quota ?exceeded|limits were exceeded", re.IGNORECASE)),
    ("image-pull-failed", re.compile(r"\bimage|\bpull|manifest", re.IGNORECASE)),
    ("missing-right", re.compile(r"not ?authorized|unauthorized|denied|forbidden", re.IGNORECASE)),
)
"""Patterns of error texts of instances → the cause, in the order in which they are tried.

UNCONFIRMED: all of them.  The codes of work requests do not distinguish causes, only their texts do.
"""


@frozen(kw_only=True)
class _Observations:
    """What was read of a deployment.

    Attributes:
        errors: key of a failed resource → its state, and the service's error texts.
        last_lines: key of a failing container → its last log lines; None if OCI gives no log.
        forwarder_lines: key of a running forwarder → the lines of its own log.
        prometheus_logs: key of a container with Prometheus → the lines of its log.
        time: when it was read.
        creating_seconds: key of a resource that is being created → seconds since its creation began.
        firewalls: name of an instance → what the network lets pass.
        measured: what OCI Monitoring has.
    """

    inspection: Inspection
    errors: Mapping[Key, tuple[str, ...]]
    last_lines: Mapping[str, tuple[str, ...] | None]
    forwarder_lines: Mapping[str, tuple[str, ...]]
    prometheus_logs: Mapping[str, tuple[str, ...]]
    time: datetime
    creating_seconds: Mapping[Key, float]
    firewalls: Mapping[str, Firewall]
    measured: Measured

    @cached_property
    def forwarder_errors(self) -> Mapping[str, tuple[str, ...]]:
        """Key of a running forwarder → the errors in its own log that are not resolved."""
        return {key: open_errors(lines) for key, lines in self.forwarder_lines.items()}


def diagnose(
    reader: DeploymentReader,
    resources: Mapping[str, str],
    *,
    first: Collection[str] = (),
    most_instances: int | None = None,
) -> Diagnosis:
    """Return what is wrong, ranked; see `Deployment.diagnose`.  Reads only.

    `first` and `most_instances` limit the instances that are looked at, see `read_instances`.
    """
    inspection = inspect(reader, resources, first=first, most_instances=most_instances)
    observations = _Observations(
        inspection=inspection,
        errors=_read_errors(reader, inspection),
        last_lines=_read_last_lines(reader, inspection),
        forwarder_lines=_read_forwarder_lines(reader, inspection),
        prometheus_logs=_read_prometheus_logs(reader, inspection),
        time=now(reader.caller.clock),
        creating_seconds=_creating_seconds(reader, inspection),
        firewalls=read_firewalls(reader, inspection.snapshot, inspection.instances),
        measured=read_measured(reader, inspection),
    )
    return Diagnosis.of(reader.site.identity.name, (finding for rule in _RULES for finding in rule(observations)))


def instances_behind(keys: Iterable[str]) -> frozenset[str]:
    """Return the keys of the instances that some resources are, or whose containers make them, as agents are."""
    parsed = [key for word in keys if (key := Key.parse(word)) is not None]
    kind = ContainerInstance.name
    return frozenset(str(Key(kind, key.name)) for key in parsed if kind in {key.kind, KINDS[key.kind].follows})


def _read_errors(reader: DeploymentReader, inspection: Inspection) -> dict[Key, tuple[str, ...]]:
    failed = [
        live
        for lives in inspection.lives.values()
        for live in lives
        if live.phase is Phase.FAILED and live.key.kind not in _WITH_OWN_RULE
    ]
    details = reader.call_all(
        [partial(KINDS[live.key.kind].failure, reader.caller, reader.site, live, "") for live in failed]
    )
    return {live.key: (f"state {live.state}", *errors) for live, errors in zip(failed, details, strict=True)}


def _read_last_lines(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[str, ...] | None]:
    failing = [one for _, one in _containers(inspection) if _is_failing(one)]
    tails = reader.call_all([partial(last_lines, reader.caller, one, _LAST_LINES) for one in failing])
    return {one.key: lines for one, lines in zip(failing, tails, strict=True)}


def _read_forwarder_lines(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[str, ...]]:
    forwarders = [one for _, one in _containers(inspection) if one.is_running and _held_back_by(one)]
    logs = reader.call_all([partial(lines_now, reader.caller, one) for one in forwarders])
    return {one.key: lines for one, lines in zip(forwarders, logs, strict=True)}


def _read_prometheus_logs(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[str, ...]]:
    servers = [one.prometheus for one in inspection.instances if one.is_active]
    running = [one for one in servers if one is not None and one.is_running]
    logs = reader.call_all([partial(lines_now, reader.caller, one) for one in running])
    return {one.key: lines for one, lines in zip(running, logs, strict=True)}


def _held_back_by(container: Container) -> str:
    """Return the cause for errors in a forwarder's own log that name none; empty for a container that is none."""
    role = container.telemetry_role
    if role.log_id:
        return "lines-held-back"
    return "metrics-held-back" if role.takes_writes else ""


def _creating_seconds(reader: DeploymentReader, inspection: Inspection) -> dict[Key, float]:
    moment = now(reader.caller.clock)
    return {
        live.key: (moment - datetime.fromisoformat(live.time_created)).total_seconds()
        for lives in inspection.lives.values()
        for live in lives
        if live.state in _BEING_MADE and live.time_created
    }


def _gone(observations: _Observations) -> Iterator[Finding]:
    elsewhere = moved(observations.inspection)
    for key, live_id in observations.inspection.gone.items():
        if any(KINDS[key.kind].parent == one.kind for one in elsewhere):
            continue  # it went with its parent, below which it is listed
        yield Finding(cause="resource-gone", key=str(key), evidence=(f"{live_id} no longer exists",))


def _failed(observations: _Observations) -> Iterator[Finding]:
    for key, errors in observations.errors.items():
        yield Finding(cause=_cause_of_failure(" ".join(errors)), key=str(key), evidence=errors)


def _no_egress(observations: _Observations) -> Iterator[Finding]:
    for live in observations.inspection.of_kind("nat-gateway"):
        if live.body.get("blockTraffic") is True:
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the NAT gateway blocks all traffic",))
    for live in observations.inspection.of_kind("internet-gateway"):
        if live.body.get("isEnabled") is False:
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the internet gateway is disabled",))
    for live in observations.inspection.of_kind("route-table"):
        if not objects(live.body.get("routeRules")):
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the route table has no rule",))


def _egress_closed(observations: _Observations) -> Iterator[Finding]:
    yield from egress_findings(observations.inspection, observations.firewalls)


def _moved(observations: _Observations) -> Iterator[Finding]:
    for key, compartment_id in moved(observations.inspection).items():
        yield Finding(cause="in-other-compartment", key=str(key), evidence=(f"it is in {compartment_id}",))


def _missing_rights(observations: _Observations) -> Iterator[Finding]:
    for live in observations.inspection.of_kind("policy"):
        for group in observations.inspection.missing_groups(live):
            evidence = (f"the policy names the dynamic group {group}, which no longer exists",)
            yield Finding(cause="missing-right", key=str(live.key), evidence=evidence)
    yield from rights_findings(observations.inspection, observations.forwarder_errors)
    yield from group_findings(observations.inspection)
    yield from principal_findings(observations.inspection)


def _failing_containers(observations: _Observations) -> Iterator[Finding]:
    for instance, container in _containers(observations.inspection):
        if not _is_failing(container):
            continue
        lines = observations.last_lines[container.key]
        no_lines = "OCI provides no log of it" if lines is None else "the log is empty"
        quoted = tuple(f"log: {line}" for line in lines or ()) or (no_lines,)
        for cause in causes_of(instance, container, lines or ()):
            yield Finding(cause=cause, key=container.key, evidence=(*_evidence_of(container), *quoted))


def _forwarder_failures(observations: _Observations) -> Iterator[Finding]:
    inspection, errors = observations.inspection, observations.forwarder_errors
    for _, container in _containers(inspection):
        found = causes_of_errors(errors.get(container.key, ()), _held_back_by(container))
        for cause, lines in found.items():
            yield Finding(cause=cause, key=container.key, evidence=tuple(f"log: {one}" for one in lines))
    yield from log_findings(inspection, errors)
    yield from volume_findings(inspection, observations.forwarder_lines, observations.measured.time)


def _stopped(observations: _Observations) -> Iterator[Finding]:
    for instance in observations.inspection.instances:
        is_completed = instance.restart_policy != "ALWAYS" and all(
            one.exit_code is not None for one in instance.containers
        )
        if instance.lifecycle_state == "INACTIVE" and not is_completed:
            yield Finding(cause="instance-stopped", key=instance.key, evidence=("state INACTIVE",))


def _stuck(observations: _Observations) -> Iterator[Finding]:
    for key, seconds in observations.creating_seconds.items():
        if seconds > _STUCK_SECONDS:
            state = observations.inspection.lives[key][0].state
            yield Finding(cause="stuck", key=str(key), evidence=(f"{state} for {seconds / 60:.0f} minutes",))


def _logs_disabled(observations: _Observations) -> Iterator[Finding]:
    for live in observations.inspection.of_kind("log"):
        if live.body.get("isEnabled") is False:
            yield Finding(cause="log-disabled", key=str(live.key), evidence=("isEnabled is false",))


def _nobody_notified(observations: _Observations) -> Iterator[Finding]:
    inspection = observations.inspection
    for live in inspection.of_kind("alarm"):
        if reason := why_unheard(live, inspection.reach):
            yield Finding(cause="nobody-notified", key=str(live.key), evidence=(reason,))


def _writes_not_taken(observations: _Observations) -> Iterator[Finding]:
    yield from remote_write_findings(observations.prometheus_logs, observations.time)


def _measured(observations: _Observations) -> Iterator[Finding]:
    killed = {one.key for one in _failing_containers(observations) if one.cause == "out-of-memory"}
    for finding in measured_findings(observations.inspection, observations.measured):
        if finding.cause != "memory-used-up" or finding.key not in killed:
            yield finding


def _agents_missing(observations: _Observations) -> Iterator[Finding]:
    yield from agent_findings(observations.inspection)


_RULES: tuple[Callable[[_Observations], Iterator[Finding]], ...] = (
    _gone,
    _moved,
    _failed,
    _no_egress,
    _egress_closed,
    _missing_rights,
    _failing_containers,
    _forwarder_failures,
    _writes_not_taken,
    _stopped,
    _stuck,
    _logs_disabled,
    _agents_missing,
    _measured,
    _nobody_notified,
)


def _cause_of_failure(error: str) -> str:
    """Return the cause that the error texts of an instance indicate."""
    if is_capacity_shortage(error):
        return "out-of-host-capacity"
    return next((cause for cause, pattern in _CAUSE_PATTERNS if pattern.search(error)), "instance-failed")


def causes_of(instance: Instance, container: Container, lines: Sequence[str]) -> Iterator[str]:
    """Yield the causes of a failing container; pure.

    None if its instance is off, which is another finding, or if it has not run yet.  `lines` are its last lines.
    """
    code, is_restarted = container.exit_code, instance.restart_policy == "ALWAYS"
    if is_restarted and not instance.is_active:
        return
    if code == KILLED:
        yield _cause_of_kill(container, lines)
    elif container.is_running and container.health == "UNHEALTHY":
        yield "unhealthy"
    elif code in COULD_NOT_START:
        yield "cannot-start"
    elif container.restart_count or (is_restarted and code is not None):
        yield cause_of_exit(lines) or "crash-loop"
    elif code:
        yield cause_of_exit(lines) or "container-ended"


def _cause_of_kill(container: Container, lines: Sequence[str]) -> str:
    """Return why a container was killed: the exit code is the same for out of memory and for a health check."""
    words = " ".join((container.lifecycle_details, *lines))
    verdicts = {one.status for one in container.health_checks if one.failure_action == "KILL"}
    if not verdicts - {"HEALTHY"} or _MEMORY.search(words):
        return "out-of-memory"
    return "killed-by-health-check" if "UNHEALTHY" in verdicts else "killed"


def _evidence_of(container: Container) -> tuple[str, ...]:
    """Return a container's state, restarts, exit code, limits and failing health checks."""
    evidence = [f"state {container.lifecycle_details or container.lifecycle_state}"]
    if container.restart_count:
        evidence.append(f"restart count {container.restart_count}")
    if container.exit_code is not None:
        evidence.append(f"last exit code {container.exit_code}: {meaning(container.exit_code)}")
    if container.exit_code == KILLED and container.memory_limit_in_gbs is not None:
        evidence.append(f"its memory limit is {container.memory_limit_in_gbs:g} GB")
    evidence += [
        f"health check {one.name} on port {one.port}{one.path} kills the container when it fails"
        for one in container.health_checks
        if container.exit_code == KILLED and one.failure_action == "KILL" and one.status == "UNKNOWN"
    ]
    failing = [one for one in container.health_checks if one.status == "UNHEALTHY"]
    evidence += [f"health check {one.name} is UNHEALTHY {one.status_details}".rstrip() for one in failing]
    return tuple(evidence)


def _is_failing(container: Container) -> bool:
    return not container.is_running or container.restart_count > 0 or container.health == "UNHEALTHY"


def _containers(inspection: Inspection) -> Iterator[tuple[Instance, Container]]:
    for instance in inspection.instances:
        for container in instance.containers:
            yield instance, container
