"""The checks of `verify()` that need only the control plane, one function for each name.  Pure.

`ocisidecar.verify.telemetry_checks` checks whether metrics and log lines arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ocisidecar.observe.container_exit_codes import meaning
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.resources.instance_request import group_key
from ocisidecar.resources.openings import Opening, openings_of_group, openings_of_list
from ocisidecar.spec.internet import is_internet
from ocisidecar.spec.limits import SHAPES
from ocisidecar.state.observed import Live, Phase
from ocisidecar.verify.agents import agents
from ocisidecar.verify.alarm_checks import alarms, subscriptions
from ocisidecar.verify.context import CheckContext, checked, failure_status, skipped
from ocisidecar.verify.firewall_checks import open_ports
from ocisidecar.verify.inspection import statements_in
from ocisidecar.verify.report import Check, Status
from ocisidecar.verify.telemetry_checks import telemetry_checks
from ocisidecar.wire import Key, text


def run_checks(context: CheckContext) -> tuple[Check, ...]:
    """Return the results of all checks, in a fixed order."""
    return tuple(one for checks in (*_CHECKS, telemetry_checks) for one in checks(context))


def _ready(context: CheckContext) -> Iterator[Check]:
    """Every resource exists and is in its ready state."""
    for key, live_id in context.inspection.gone.items():
        yield checked("ready", key, Status.FAILED, f"no longer exists ({live_id})")
    for key, lives in sorted(context.inspection.lives.items()):
        if len(lives) > 1:
            yield checked("ready", key, Status.WARNED, f"exists {len(lives)} times; the next apply keeps one")
        else:
            yield _ready_one(context, key, lives[0])


def _ready_one(context: CheckContext, key: Key, live: Live) -> Check:
    if live.phase is Phase.READY:
        return checked("ready", key, Status.PASSED, live.state)
    instance = next((one for one in context.inspection.instances if one.id == live.id), None)
    if live.phase is Phase.STOPPED and instance is not None and _is_completed(instance):
        return checked("ready", key, Status.PASSED, f"{live.state}: its containers exited with code 0")
    details = text(live.body, "lifecycleDetails")
    return checked("ready", key, Status.FAILED, f"{live.state}{': ' if details else ''}{details}")


def _as_declared(context: CheckContext) -> Iterator[Check]:
    """Applying the spec again would change nothing, fields that no list shows included."""
    if context.plan is None:
        yield skipped("as-declared", context.inspection.site.identity.name, "no spec was given")
        return
    for step in context.plan.changes:
        yield checked("as-declared", step.key, Status.FAILED, f"{step.action.value}: {step.reason}")
    if not context.plan.changes:
        detail = f"applying the spec again would change none of {len(context.plan.steps)} resources"
        yield checked("as-declared", context.plan.name, Status.PASSED, detail)


def _running(context: CheckContext) -> Iterator[Check]:
    """Every container is running, or has exited with code 0 if its restart policy allows that."""
    if not context.inspection.instances and context.spec is None:
        detail = "no container instance exists: if the last apply did not end, apply the spec again"
        yield checked("running", context.inspection.site.identity.name, Status.WARNED, detail)
    for instance, container in _containers(context):
        state = container.lifecycle_details or container.lifecycle_state
        if container.is_running:
            yield checked("running", container.key, Status.PASSED, state)
        elif instance.restart_policy != "ALWAYS" and container.exit_code == 0:
            yield checked("running", container.key, Status.PASSED, "exited with code 0")
        else:
            yield checked(
                "running", container.key, failure_status(context, container), f"{state}{_last_exit(container)}"
            )


def _restarts(context: CheckContext) -> Iterator[Check]:
    """No container was restarted more often than allowed."""
    for _, container in _containers(context):
        detail = f"restart count {container.restart_count}{_last_exit(container)}"
        is_allowed = container.restart_count <= context.max_restarts
        status = Status.PASSED if is_allowed else failure_status(context, container)
        yield checked("restarts", container.key, status, detail)


def _health(context: CheckContext) -> Iterator[Check]:
    """Every health check reports its container as healthy."""
    for _, container in _containers(context):
        results = [f"{one.name} {one.status} {one.status_details}".strip() for one in container.health_checks]
        delay = max((one.initial_delay_in_seconds for one in container.health_checks), default=0)
        if container.health is None:
            yield skipped("health", container.key, "the container has no health check")
        elif container.health == "UNKNOWN" and not container.is_running:
            yield skipped("health", container.key, "the container is not running")
        elif container.health == "UNKNOWN" and context.waited_seconds <= delay:
            reason = f"no verdict within {context.waited_seconds:.0f} s; the first check runs after {delay} s"
            yield skipped("health", container.key, reason)
        else:
            status = Status.PASSED if container.health == "HEALTHY" else failure_status(context, container)
            yield checked("health", container.key, status, ", ".join(results))


def _logs(context: CheckContext) -> Iterator[Check]:
    """Every container's log can be retrieved."""
    for _, container in _containers(context):
        can_be_read, detail = context.logs[container.key]
        if can_be_read:
            yield checked("logs", container.key, Status.PASSED, f"{detail} retrieved")
        elif not container.is_running:
            yield skipped(
                "logs", container.key, "the container is not running, and OCI provides no logs of exited containers"
            )
        else:
            yield checked("logs", container.key, failure_status(context, container), detail)


def _limits(context: CheckContext) -> Iterator[Check]:
    """The sum of the containers' limits fits the instance."""
    for instance in context.inspection.instances:
        known = SHAPES.get(instance.shape)
        vcpus = sum(one.vcpus_limit or 0 for one in instance.containers)
        memory = sum(one.memory_limit_in_gbs or 0 for one in instance.containers)
        capacity = instance.ocpus * known.logical_cpus_per_ocpu if known is not None else float("inf")
        fits = round(vcpus, 3) <= capacity and round(memory, 3) <= instance.memory_in_gbs
        available = f"{capacity:g}" if known is not None else "an unknown number of"
        detail = f"{vcpus:g} of {available} logical CPUs, {memory:g} of {instance.memory_in_gbs:g} GB"
        yield checked("limits", instance.key, Status.PASSED if fits else Status.WARNED, detail)


def _volumes(context: CheckContext) -> Iterator[Check]:
    """Every volume that a container mounts exists."""
    for instance in context.inspection.instances:
        existing = context.inspection.volumes[instance.name]
        mounted = {name for container in instance.containers for name in container.volume_names}
        missing = sorted(mounted - set(existing))
        detail = f"missing: {', '.join(missing)}" if missing else f"{len(mounted)} of {len(existing)} mounted"
        yield checked("volumes", instance.key, Status.FAILED if missing else Status.PASSED, detail)


def _network(context: CheckContext) -> Iterator[Check]:
    """Security lists and groups of the deployment admit nothing from the internet that the spec does not declare.

    What is open on each instance, through whatever group or list, is a check of its own, `open-ports`.
    """
    for live in context.inspection.of_kind("security-list"):
        admitted = [one for one in openings_of_list(live.body) if not one.is_outgoing]
        status = Status.WARNED if admitted else Status.PASSED
        yield checked("network", live.key, status, f"admits {_listed(admitted)}")
    for live in context.inspection.of_kind("network-security-group"):
        admitted = [one for one in openings_of_group(live.body) if not one.is_outgoing]
        yield checked(
            "network", live.key, _internet_status(context, live.key, admitted), f"admits {_listed(admitted)}"
        )


def _internet_status(context: CheckContext, key: Key, admitted: Sequence[Opening]) -> Status:
    open_to_all = [one for one in admitted if is_internet([one.peer])]
    if not open_to_all:
        return Status.PASSED
    if context.spec is None:
        return Status.WARNED
    declared = [
        Opening(port.protocol, port.port, port.port, source)
        for instance in context.spec.instances
        if group_key(instance.name) == key
        for port in instance.ports
        for source in port.sources
    ]
    return Status.PASSED if all(one.is_covered(declared) for one in open_to_all) else Status.FAILED


def _listed(openings: Sequence[Opening]) -> str:
    return ", ".join(map(str, openings)) or "nothing"


def _rights(context: CheckContext) -> Iterator[Check]:
    """The dynamic group covers the compartment's instances, and the policy names that group."""
    for live in context.inspection.of_kind("dynamic-group"):
        rule = text(live.body, "matchingRule")
        is_ours = context.inspection.site.identity.compartment_id in rule
        yield checked("rights", live.key, Status.PASSED if is_ours else Status.FAILED, rule or "has no rule")
    for live in context.inspection.of_kind("policy"):
        missing = context.inspection.missing_groups(live)
        if missing:
            yield checked(
                "rights", live.key, Status.FAILED, f"names a dynamic group that no longer exists: {missing[0]}"
            )
        else:
            yield checked("rights", live.key, Status.PASSED, f"{len(statements_in(live))} statements")


def _log_enabled(context: CheckContext) -> Iterator[Check]:
    """Every log is enabled."""
    for live in context.inspection.of_kind("log"):
        is_enabled = live.body.get("isEnabled") is True
        detail = "enabled" if is_enabled else "disabled: what is sent to it may be lost"
        yield checked("log-enabled", live.key, Status.PASSED if is_enabled else Status.FAILED, detail)


_CHECKS: tuple[Callable[[CheckContext], Iterator[Check]], ...] = (
    _ready,
    _as_declared,
    _running,
    _restarts,
    _health,
    _logs,
    _limits,
    _volumes,
    _network,
    open_ports,
    _rights,
    _log_enabled,
    agents,
    alarms,
    subscriptions,
)


def _containers(context: CheckContext) -> Iterator[tuple[Instance, Container]]:
    for instance in context.inspection.instances:
        for container in instance.containers:
            yield instance, container


def _is_completed(instance: Instance) -> bool:
    codes = [container.exit_code for container in instance.containers]
    return instance.restart_policy != "ALWAYS" and all(code == 0 for code in codes)


def _last_exit(container: Container) -> str:
    code = container.exit_code
    return "" if code is None else f", last exit code {code}: {meaning(code)}"
