"""What `verify()` checks of what the control plane tells, one function for each kind of check.  Pure.

Whether metrics and log lines arrive is the business of `ocisidecar.verify.telemetry_checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ocisidecar.observe.container_exit_codes import meaning
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.spec.limits import SHAPES
from ocisidecar.state.observed import Live, Phase
from ocisidecar.verify.context import Case, bad, check, skip
from ocisidecar.verify.inspection import statements_in
from ocisidecar.verify.report import Check, Status
from ocisidecar.verify.telemetry_checks import telemetry_checks
from ocisidecar.wire import Json, Key, objects, text

_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def run_checks(case: Case) -> tuple[Check, ...]:
    """Return one entry for each check, in a fixed order."""
    return tuple(one for checks in (*_CHECKS, telemetry_checks) for one in checks(case))


# -- resources -------------------------------------------------------------------------------------------------


def _ready(case: Case) -> Iterator[Check]:
    """Every resource is there and in its ready state."""
    for key, live_id in case.inspection.gone.items():
        yield check("ready", key, Status.FAILED, f"is gone ({live_id})")
    for key, lives in sorted(case.inspection.lives.items()):
        if len(lives) > 1:
            yield check("ready", key, Status.WARNED, f"exists {len(lives)} times; the next apply keeps one")
        else:
            yield _ready_one(case, key, lives[0])


def _ready_one(case: Case, key: Key, live: Live) -> Check:
    if live.phase is Phase.READY:
        return check("ready", key, Status.PASSED, live.state)
    instance = next((one for one in case.inspection.instances if one.id == live.id), None)
    if live.phase is Phase.STOPPED and instance is not None and _has_done(instance):
        return check("ready", key, Status.PASSED, f"{live.state}: its containers ran once and ended well")
    details = text(live.body, "lifecycleDetails")
    return check("ready", key, Status.FAILED, f"{live.state}{': ' if details else ''}{details}")


def _as_declared(case: Case) -> Iterator[Check]:
    """Everything is as the spec says, hidden fields included: applying it again would change nothing."""
    if case.plan is None:
        yield skip("as-declared", case.inspection.site.identity.name, "no spec was given to compare with")
        return
    for step in case.plan.changes:
        yield check("as-declared", step.key, Status.FAILED, f"{step.action.value}: {step.reason}")
    if not case.plan.changes:
        detail = f"applying the spec again would change none of {len(case.plan.steps)} resources"
        yield check("as-declared", case.plan.name, Status.PASSED, detail)


# -- containers ------------------------------------------------------------------------------------------------


def _running(case: Case) -> Iterator[Check]:
    """Every container runs, or has ended well where it is not to be started again."""
    for instance, container in _containers(case):
        seen = container.lifecycle_details or container.lifecycle_state
        if container.is_running:
            yield check("running", container.key, Status.PASSED, seen)
        elif instance.restart_policy != "ALWAYS" and container.exit_code == 0:
            yield check("running", container.key, Status.PASSED, "ended with exit code 0")
        else:
            yield check("running", container.key, bad(case, container), f"{seen}{_last_exit(container)}")


def _restarts(case: Case) -> Iterator[Check]:
    """No container was started again more often than allowed."""
    for _, container in _containers(case):
        times = f"restart count {container.restart_count}{_last_exit(container)}"
        is_good = container.restart_count <= case.max_restarts
        yield check("restarts", container.key, Status.PASSED if is_good else bad(case, container), times)


def _health(case: Case) -> Iterator[Check]:
    """Every health check says that its container is healthy."""
    for _, container in _containers(case):
        verdicts = [f"{one.name} {one.status} {one.status_details}".strip() for one in container.health_checks]
        delay = max((one.initial_delay_in_seconds for one in container.health_checks), default=0)
        if container.health is None:
            yield skip("health", container.key, "it declares no health check")
        elif container.health == "UNKNOWN" and not container.is_running:
            yield skip("health", container.key, "it does not run")
        elif container.health == "UNKNOWN" and case.waited_seconds <= delay:
            reason = f"no verdict within {case.waited_seconds:.0f} s; the first check comes after {delay} s"
            yield skip("health", container.key, reason)
        else:
            status = Status.PASSED if container.health == "HEALTHY" else bad(case, container)
            yield check("health", container.key, status, ", ".join(verdicts))


def _logs(case: Case) -> Iterator[Check]:
    """Every container's log can be retrieved."""
    for _, container in _containers(case):
        can_be_read, detail = case.logs[container.key]
        if can_be_read:
            yield check("logs", container.key, Status.PASSED, f"{detail} retrieved")
        elif not container.is_running:
            yield skip("logs", container.key, "it does not run, and OCI gives no log of an ended container")
        else:
            yield check("logs", container.key, bad(case, container), detail)


def _limits(case: Case) -> Iterator[Check]:
    """The containers' limits together fit the instance."""
    for instance in case.inspection.instances:
        known = SHAPES.get(instance.shape)
        vcpus = sum(one.vcpus_limit or 0 for one in instance.containers)
        memory = sum(one.memory_limit_in_gbs or 0 for one in instance.containers)
        capacity = instance.ocpus * known.logical_cpus_per_ocpu if known is not None else float("inf")
        fits = round(vcpus, 3) <= capacity and round(memory, 3) <= instance.memory_in_gbs
        room = f"{capacity:g}" if known is not None else "an unknown number of"
        detail = f"{vcpus:g} of {room} logical CPUs, {memory:g} of {instance.memory_in_gbs:g} GB"
        yield check("limits", instance.key, Status.PASSED if fits else Status.WARNED, detail)


def _volumes(case: Case) -> Iterator[Check]:
    """Every volume that a container mounts is there."""
    for instance in case.inspection.instances:
        there = case.inspection.volumes[instance.name]
        wanted = {name for container in instance.containers for name in container.volume_names}
        missing = sorted(wanted - set(there))
        detail = f"{', '.join(missing)} missing" if missing else f"{len(wanted)} mounted, {len(there)} there"
        yield check("volumes", instance.key, Status.FAILED if missing else Status.PASSED, detail)


# -- network and rights ----------------------------------------------------------------------------------------


def _network(case: Case) -> Iterator[Check]:
    """Security lists admit nothing, and groups admit the whole internet only where the spec says so."""
    for live in case.inspection.of_kind("security-list"):
        admitted = [_rule(rule) for rule in objects(live.body.get("ingressSecurityRules"))]
        status = Status.WARNED if admitted else Status.PASSED
        yield check("network", live.key, status, f"admits {', '.join(admitted) or 'nothing'}")
    for live in case.inspection.of_kind("network-security-group"):
        rules = [rule for rule in objects(live.body.get("securityRules")) if text(rule, "direction") == "INGRESS"]
        is_open = any(text(rule, "source") in _EVERYWHERE for rule in rules)
        detail = f"admits {', '.join(map(_rule, rules)) or 'nothing'}"
        yield check("network", live.key, _openness(case, is_open=is_open), detail)


def _openness(case: Case, *, is_open: bool) -> Status:
    if not is_open:
        return Status.PASSED
    if case.spec is None:
        return Status.WARNED
    declared = {source for one in case.spec.instances for port in one.ports for source in port.sources}
    return Status.PASSED if declared & _EVERYWHERE else Status.FAILED


def _rights(case: Case) -> Iterator[Check]:
    """The dynamic group covers the compartment's instances, and the policy speaks of that group."""
    for live in case.inspection.of_kind("dynamic-group"):
        rule = text(live.body, "matchingRule")
        is_ours = case.inspection.site.identity.compartment_id in rule
        yield check("rights", live.key, Status.PASSED if is_ours else Status.FAILED, rule or "has no rule")
    for live in case.inspection.of_kind("policy"):
        lost = case.inspection.lost_groups(live)
        if lost:
            yield check("rights", live.key, Status.FAILED, f"speaks of a group that is gone: {lost[0]}")
        else:
            yield check("rights", live.key, Status.PASSED, f"{len(statements_in(live))} statements")


# -- telemetry -------------------------------------------------------------------------------------------------


def _log_enabled(case: Case) -> Iterator[Check]:
    """Every log takes lines."""
    for live in case.inspection.of_kind("log"):
        is_enabled = live.body.get("isEnabled") is True
        detail = "enabled" if is_enabled else "disabled: what is sent to it may be lost"
        yield check("log-enabled", live.key, Status.PASSED if is_enabled else Status.FAILED, detail)


def _alarms(case: Case) -> Iterator[Check]:
    """Every alarm is evaluated and notifies somebody."""
    for live in case.inspection.of_kind("alarm"):
        destinations = live.body.get("destinations")
        count = len(destinations) if isinstance(destinations, list) else 0
        if live.body.get("isEnabled") is not True:
            yield check("alarms", live.key, Status.WARNED, "disabled")
        elif not count:
            yield check("alarms", live.key, Status.WARNED, "notifies nobody: it has no destination")
        else:
            yield check("alarms", live.key, Status.PASSED, f"{text(live.body, 'severity')}, notifies {count}")


_CHECKS: tuple[Callable[[Case], Iterator[Check]], ...] = (
    _ready,
    _as_declared,
    _running,
    _restarts,
    _health,
    _logs,
    _limits,
    _volumes,
    _network,
    _rights,
    _log_enabled,
    _alarms,
)


def _containers(case: Case) -> Iterator[tuple[Instance, Container]]:
    for instance in case.inspection.instances:
        for container in instance.containers:
            yield instance, container


def _has_done(instance: Instance) -> bool:
    codes = [container.exit_code for container in instance.containers]
    return instance.restart_policy != "ALWAYS" and all(code == 0 for code in codes)


def _last_exit(container: Container) -> str:
    code = container.exit_code
    return "" if code is None else f", last exit code {code}: {meaning(code)}"


def _rule(rule: Mapping[str, Json]) -> str:
    """Return a rule in words of our own: its description may say anything."""
    protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(text(rule, "protocol"), text(rule, "protocol"))
    options = rule.get(f"{protocol}Options")
    ports = options.get("destinationPortRange") if isinstance(options, Mapping) else None
    first, last = (text(ports, "min"), text(ports, "max")) if isinstance(ports, Mapping) else ("1", "65535")
    span = first if first == last else f"{first}-{last}"
    return f"{protocol} {span} from {text(rule, 'source')}"
