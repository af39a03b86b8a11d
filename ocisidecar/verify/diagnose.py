"""Finding out why a deployment does not work.

Evidence is read first: states, work request errors of instances that failed, last lines of containers in trouble.
Judging it is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from attrs import frozen

from ocisidecar.client.retry import is_capacity_shortage
from ocisidecar.observe.container_exit_codes import COULD_NOT_START, KILLED, meaning
from ocisidecar.observe.container_logs import last_lines, lines_now
from ocisidecar.observe.forwarder_log import complaints
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Phase
from ocisidecar.timestamps import now
from ocisidecar.verify.findings import Diagnosis, Finding
from ocisidecar.verify.inspection import Inspection, inspect
from ocisidecar.wire import Key, objects

_LAST_LINES = 10
_STUCK_SECONDS = 15 * 60
_BEING_MADE = frozenset({"CREATING", "PROVISIONING"})
_MEMORY = re.compile(r"\bmemory\b|\boom", re.IGNORECASE)
_TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("limit-exceeded", re.compile(r"limit ?exceeded|quota ?exceeded|limits were exceeded", re.IGNORECASE)),
    ("image-pull-failed", re.compile(r"\bimage|\bpull|manifest", re.IGNORECASE)),
    ("missing-right", re.compile(r"not ?authorized|unauthorized|denied|forbidden", re.IGNORECASE)),
)
"""What error texts of instances speak of, the first match counts.

UNCONFIRMED: all of them; work requests carry codes of the service's own, and only their words tell causes apart.
"""


@frozen(kw_only=True)
class _Case:
    """The evidence.

    Attributes:
        errors: key → state of a resource that failed, and what the service says about it.
        tails: key of a container in trouble → its last lines; None when OCI gives none.
        complaints: key of a log forwarder → what it complains of.
        ages: key → seconds since the creation of a resource began that is not over.
    """

    inspection: Inspection
    errors: Mapping[Key, tuple[str, ...]]
    tails: Mapping[str, tuple[str, ...] | None]
    complaints: Mapping[str, tuple[str, ...]]
    ages: Mapping[Key, float]


def diagnose(reader: DeploymentReader, resources: Mapping[str, str]) -> Diagnosis:
    """Return what is wrong, ranked; see `Deployment.diagnose`.  Reads only."""
    inspection = inspect(reader, resources)
    case = _Case(
        inspection=inspection,
        errors=_read_errors(reader, inspection),
        tails=_read_tails(reader, inspection),
        complaints=_read_complaints(reader, inspection),
        ages=_ages(reader, inspection),
    )
    return Diagnosis.of(reader.site.identity.name, (finding for rule in _RULES for finding in rule(case)))


def _read_errors(reader: DeploymentReader, inspection: Inspection) -> dict[Key, tuple[str, ...]]:
    failed = [live for lives in inspection.lives.values() for live in lives if live.phase is Phase.FAILED]
    said = reader.call_all(
        [partial(KINDS[live.key.kind].failure, reader.caller, reader.site, live, "") for live in failed]
    )
    return {live.key: (f"state {live.state}", *errors) for live, errors in zip(failed, said, strict=True)}


def _read_tails(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[str, ...] | None]:
    troubled = [one for _, one in _containers(inspection) if _is_troubled(one)]
    tails = reader.call_all([partial(last_lines, reader.caller, one, _LAST_LINES) for one in troubled])
    return {one.key: lines for one, lines in zip(troubled, tails, strict=True)}


def _read_complaints(reader: DeploymentReader, inspection: Inspection) -> dict[str, tuple[str, ...]]:
    forwarders = [one for _, one in _containers(inspection) if one.telemetry_role.log_id and one.is_running]
    logs = reader.call_all([partial(lines_now, reader.caller, one) for one in forwarders])
    return {one.key: complaints(lines) for one, lines in zip(forwarders, logs, strict=True)}


def _ages(reader: DeploymentReader, inspection: Inspection) -> dict[Key, float]:
    moment = now(reader.caller.clock)
    return {
        live.key: (moment - datetime.fromisoformat(live.time_created)).total_seconds()
        for lives in inspection.lives.values()
        for live in lives
        if live.state in _BEING_MADE and live.time_created
    }


# -- rules -----------------------------------------------------------------------------------------------------


def _gone(case: _Case) -> Iterator[Finding]:
    for key, live_id in case.inspection.gone.items():
        yield Finding(cause="resource-gone", key=str(key), evidence=(f"{live_id} does not exist any more",))


def _failed(case: _Case) -> Iterator[Finding]:
    for key, errors in case.errors.items():
        yield Finding(cause=_cause_in(" ".join(errors)), key=str(key), evidence=errors)


def _cut_off(case: _Case) -> Iterator[Finding]:
    for live in case.inspection.of_kind("nat-gateway"):
        if live.body.get("blockTraffic") is True:
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the NAT gateway blocks all traffic",))
    for live in case.inspection.of_kind("internet-gateway"):
        if live.body.get("isEnabled") is False:
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the internet gateway is disabled",))
    for live in case.inspection.of_kind("route-table"):
        if not objects(live.body.get("routeRules")):
            yield Finding(cause="no-way-out", key=str(live.key), evidence=("the route table has no rule",))


def _rightless(case: _Case) -> Iterator[Finding]:
    for live in case.inspection.of_kind("policy"):
        for group in case.inspection.lost_groups(live):
            seen = (f"the policy speaks of the dynamic group {group}, which is gone",)
            yield Finding(cause="missing-right", key=str(live.key), evidence=seen)


def _containers_in_trouble(case: _Case) -> Iterator[Finding]:
    for instance, container in _containers(case.inspection):
        if not _is_troubled(container):
            continue
        lines = case.tails[container.key]
        unquoted = "OCI gives no log of it" if lines is None else "it wrote nothing"
        quoted = tuple(f"log: {line}" for line in lines or ()) or (unquoted,)
        for cause in causes_of(instance, container, lines or ()):
            yield Finding(cause=cause, key=container.key, evidence=(*_seen(container), *quoted))


def _lines_held_back(case: _Case) -> Iterator[Finding]:
    for key, said in case.complaints.items():
        if said:
            yield Finding(cause="lines-held-back", key=key, evidence=tuple(f"log: {one}" for one in said))


def _stopped(case: _Case) -> Iterator[Finding]:
    for instance in case.inspection.instances:
        is_done = instance.restart_policy != "ALWAYS" and all(
            one.exit_code is not None for one in instance.containers
        )
        if instance.lifecycle_state == "INACTIVE" and not is_done:
            yield Finding(cause="instance-stopped", key=instance.key, evidence=("state INACTIVE",))


def _stuck(case: _Case) -> Iterator[Finding]:
    for key, seconds in case.ages.items():
        if seconds > _STUCK_SECONDS:
            state = case.inspection.lives[key][0].state
            yield Finding(cause="stuck", key=str(key), evidence=(f"{state} since {seconds / 60:.0f} minutes",))


def _logs_disabled(case: _Case) -> Iterator[Finding]:
    for live in case.inspection.of_kind("log"):
        if live.body.get("isEnabled") is False:
            yield Finding(cause="log-disabled", key=str(live.key), evidence=("isEnabled is false",))


_RULES: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    _gone,
    _failed,
    _cut_off,
    _rightless,
    _containers_in_trouble,
    _lines_held_back,
    _stopped,
    _stuck,
    _logs_disabled,
)


def _cause_in(said: str) -> str:
    """Return the cause that an instance's error texts speak of."""
    if is_capacity_shortage(said):
        return "out-of-host-capacity"
    return next((cause for cause, pattern in _TEXTS if pattern.search(said)), "instance-failed")


def causes_of(instance: Instance, container: Container, lines: Sequence[str]) -> Iterator[str]:
    """Yield why a container that does not work as it should is in trouble; pure.

    Nothing where its instance being off explains it, or while it has not run yet.  `lines` are its last ones.
    """
    code, is_restarted = container.exit_code, instance.restart_policy == "ALWAYS"
    if is_restarted and not instance.is_active:
        return
    if code == KILLED:
        yield _killer(container, lines)
    elif container.is_running and container.health == "UNHEALTHY":
        yield "unhealthy"
    elif code in COULD_NOT_START:
        yield "cannot-start"
    elif container.restart_count or (is_restarted and code is not None):
        yield "crash-loop"
    elif code:
        yield "container-ended"


def _killer(container: Container, lines: Sequence[str]) -> str:
    """Return what killed a container: the exit code alone does not tell whether memory or a health check did."""
    said = " ".join((container.lifecycle_details, *lines))
    verdicts = {one.status for one in container.health_checks if one.failure_action == "KILL"}
    if not verdicts - {"HEALTHY"} or _MEMORY.search(said):
        return "out-of-memory"
    return "killed-by-health-check" if "UNHEALTHY" in verdicts else "killed"


def _seen(container: Container) -> tuple[str, ...]:
    """Return a container's state, restarts, exit code, limits and failing checks in words."""
    seen = [f"state {container.lifecycle_details or container.lifecycle_state}"]
    if container.restart_count:
        seen.append(f"restart count {container.restart_count}")
    if container.exit_code is not None:
        seen.append(f"last exit code {container.exit_code}: {meaning(container.exit_code)}")
    if container.exit_code == KILLED and container.memory_limit_in_gbs is not None:
        seen.append(f"its memory limit is {container.memory_limit_in_gbs:g} GB")
    seen += [
        f"health check {one.name} on port {one.port}{one.path} kills it when it fails"
        for one in container.health_checks
        if container.exit_code == KILLED and one.failure_action == "KILL" and one.status == "UNKNOWN"
    ]
    failing = [one for one in container.health_checks if one.status == "UNHEALTHY"]
    seen += [f"health check {one.name} is UNHEALTHY {one.status_details}".rstrip() for one in failing]
    return tuple(seen)


def _is_troubled(container: Container) -> bool:
    return not container.is_running or container.restart_count > 0 or container.health == "UNHEALTHY"


def _containers(inspection: Inspection) -> Iterator[tuple[Instance, Container]]:
    for instance in inspection.instances:
        for container in instance.containers:
            yield instance, container
