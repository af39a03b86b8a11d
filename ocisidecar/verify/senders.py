"""What keeps containers from sending metrics and log lines: rights, volumes, logs, security rules.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from ocisidecar.observe.firewalls import Firewall
from ocisidecar.observe.forwarder_log import has_event
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.resources.openings import Opening
from ocisidecar.spec.internet import as_block
from ocisidecar.state.observed import Live
from ocisidecar.verify.findings import Finding
from ocisidecar.verify.inspection import Inspection, age_of, statements_in
from ocisidecar.verify.matching_rules import tag_facts, unmet
from ocisidecar.wire import Key, text

_HTTPS = 443
_LOG_CONTENT, _METRICS = "log-content", "metrics"
_SERVED_BY: Mapping[str, frozenset[str]] = {
    _LOG_CONTENT: frozenset({_LOG_CONTENT, "logging-family", "all-resources"}),
    _METRICS: frozenset({_METRICS, "all-resources"}),
}
"""Resource type → the types and families in a statement that contain it."""
_GROUPS: Mapping[str, str] = {"main": "computecontainerinstance", "agents": "managementagent"}
"""Name of a deployment's dynamic group → the type of the principals that it is for."""
_RIGHT = re.compile(r".*? to (?P<verb>use|manage) (?P<type>[\w-]+) in .*?(?: where (?P<where>.*))?", re.IGNORECASE)
_TARGET = re.compile(r"target\.(?:metrics\.namespace|loggroup\.id)\s*=\s*'([^']*)'", re.IGNORECASE)
_NOT_FOUND = "status 404"
_TIME_TO_WRITE = timedelta(minutes=10)


@frozen(kw_only=True)
class Need:
    """A right that a container needs.

    Attributes:
        container: that needs it.
        resource_type: `log-content` or `metrics`, which it must be allowed to use.
        principal: what it is for policies.
        target: the namespace or the OCID of the log group that it is about; empty if that is not known.
    """

    container: Container
    resource_type: str
    principal: str
    target: str = ""

    def __str__(self) -> str:
        where = f" in the {'namespace' if self.resource_type == _METRICS else 'log group'} {self.target}"
        return f"`use {self.resource_type}`{where if self.target else ''}"


def is_agent(container: Container) -> bool:
    """Return whether a container is a management agent."""
    role = container.telemetry_role
    return bool(role.metric_namespace) and not role.takes_writes


def needs_of(inspection: Inspection, container: Container) -> Iterator[Need]:
    """Yield the rights that a container needs to send."""
    role = container.telemetry_role
    instances, agents = _GROUPS.values()
    if role.log_id:
        log = next((live for live in _all_of(inspection, "log") if live.id == role.log_id), None)
        group = text(log.body, "logGroupId") if log is not None else ""
        yield Need(container=container, resource_type=_LOG_CONTENT, principal=instances, target=group)
    if role.metric_namespace:
        principal = agents if is_agent(container) else instances
        target = role.metric_namespace
        yield Need(container=container, resource_type=_METRICS, principal=principal, target=target)


def rights_findings(inspection: Inspection, errors: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Yield rights that containers need and that no policy known to us gives; `errors` of forwarders by key.

    A deployment without access of its own may have its rights from policies that we do not know, so there only a
    forwarder's 404 tells.
    """
    own = [*inspection.of_kind("policy"), *inspection.of_kind("dynamic-group")]
    statements = [one for live in _all_of(inspection, "policy") for one in statements_in(live)]
    told: set[tuple[str, str]] = set()
    for container in (one for instance in inspection.instances for one in instance.containers):
        is_refused = any(_NOT_FOUND in one for one in errors.get(container.key, ()))
        for need in needs_of(inspection, container):
            is_granted = any(_grants(one, need, _group_ids(inspection, need.principal)) for one in statements)
            key = str(own[0].key if own and own[0].key.kind == "policy" else Key("policy", "main"))
            key = key if own else container.key
            if is_granted or "policy" in inspection.snapshot.invisible or not (own or is_refused):
                continue
            if (key, str(need)) not in told:
                told.add((key, str(need)))
                evidence = f"no policy of the deployment allows {need}, which {container.key} needs"
                yield Finding(cause="missing-right", key=key, evidence=(evidence,))


def group_findings(inspection: Inspection) -> Iterator[Finding]:
    """Yield dynamic groups that do not admit whom they are for."""
    for group in inspection.of_kind("dynamic-group"):
        rule = text(group.body, "matchingRule")
        for principal in _principals(inspection, group.key.name):
            if clause := unmet(rule, principal.facts):
                evidence = f"it does not admit {principal.key}: {clause} is not so"
                yield Finding(cause="missing-right", key=str(group.key), evidence=(evidence,))


def principal_findings(inspection: Inspection) -> Iterator[Finding]:
    """Yield containers that send as their instance, and whose resource principal is disabled."""
    for container in (one for instance in inspection.instances for one in instance.containers):
        is_sender = bool(container.telemetry_role.log_id) or container.telemetry_role.takes_writes
        if is_sender and not container.has_resource_principal:
            evidence = "isResourcePrincipalDisabled is true"
            yield Finding(cause="principal-disabled", key=container.key, evidence=(evidence,))


def volume_findings(
    inspection: Inspection, lines: Mapping[str, Sequence[str]], time: datetime
) -> Iterator[Finding]:
    """Yield log forwarders with nothing to read; `lines` of their own logs by key, and the time now."""
    for instance in inspection.instances:
        container = instance.log_forwarder
        if container is None or not instance.is_active:
            continue
        volume = container.telemetry_role.log_volume
        mounts = tuple(_mounts(instance))
        if not volume:
            evidence = ("it mounts no volume at the directory whose files it sends", *mounts)
            yield Finding(cause="volume-not-shared", key=container.key, evidence=evidence)
        elif not any(volume in one.volume_names for one in instance.containers if one is not container):
            evidence = (f"no other container mounts the volume {volume!r}", *mounts)
            yield Finding(cause="volume-not-shared", key=container.key, evidence=evidence)
        elif _found_nothing(container, lines.get(container.key, ())) and age_of(instance, time) > _TIME_TO_WRITE:
            yield Finding(cause="no-log-files", key=container.key, evidence=mounts)


def log_findings(inspection: Inspection, errors: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Yield log forwarders whose log is not in the compartment any more; `errors` of forwarders by key."""
    known = {live.id for live in _all_of(inspection, "log")}
    if {"log", "log-group"} & inspection.snapshot.invisible.keys():
        return
    for container in (one for instance in inspection.instances for one in instance.containers):
        log_id = container.telemetry_role.log_id
        is_own = bool(inspection.of_kind("log-group"))
        is_refused = any(_NOT_FOUND in one for one in errors.get(container.key, ()))
        if log_id and log_id not in known and is_own and is_refused:
            evidence = f"{log_id}, which it sends to, is not among the logs of the compartment"
            yield Finding(cause="log-missing", key=container.key, evidence=(evidence,))


def egress_findings(inspection: Inspection, firewalls: Mapping[str, Firewall]) -> Iterator[Finding]:
    """Yield instances whose security rules let no HTTPS out to anything public, and so nothing to OCI."""
    for instance in inspection.instances:
        firewall = firewalls.get(instance.name)
        if firewall is None or firewall.unreadable:
            continue
        if not any(_lets_https_out(one) for rules in firewall.rule_sets for one in rules.openings):
            names = ", ".join(map(str, firewall.rule_sets)) or "no security rules"
            evidence = f"TCP {_HTTPS} is not let out by {names}"
            yield Finding(cause="egress-closed", key=instance.key, evidence=(evidence,))


def _lets_https_out(opening: Opening) -> bool:
    block = as_block(opening.peer)
    is_public = not opening.peer.startswith("ocid1.") if block is None else not block.is_private
    return opening.is_outgoing and opening.protocol in {"all", "tcp"} and opening.concerns([_HTTPS]) and is_public


@frozen(kw_only=True)
class _Principal:
    """A resource that calls OCI: its key, and what a matching rule can ask for."""

    key: str
    facts: Mapping[str, str]


def _principals(inspection: Inspection, group: str) -> Iterator[_Principal]:
    is_for_agents = _GROUPS.get(group) == _GROUPS["agents"]
    compartment = {"resource.compartment.id": inspection.site.identity.compartment_id}
    kind = "management-agent" if is_for_agents else "container-instance"
    for live in inspection.of_kind(kind):
        own = {"resource.type": _GROUPS.get(group, ""), "resource.id": live.id}
        yield _Principal(key=str(live.key), facts={**compartment, **own, **tag_facts(live.body.get("definedTags"))})


def _grants(statement: str, need: Need, groups: frozenset[str]) -> bool:
    right = _RIGHT.fullmatch(statement)
    if right is None or right["type"].lower() not in _SERVED_BY[need.resource_type]:
        return False
    named = re.search(r"dynamic-group id (\S+)", statement)
    targets = _TARGET.findall(right["where"] or "")
    is_for_target = not (targets and need.target) or need.target in targets
    return is_for_target and (named is None or not groups or named[1] in groups)


def _group_ids(inspection: Inspection, principal: str) -> frozenset[str]:
    """Return the OCIDs of the known groups for a type of principals."""
    groups = (live for live in _all_of(inspection, "dynamic-group") if _GROUPS.get(live.key.name) == principal)
    return frozenset(live.id for live in groups)


def _all_of(inspection: Inspection, kind: str) -> Iterator[Live]:
    """Yield the resources of a kind in the compartment, also those of other deployments, which may be shared."""
    yield from (live for live in inspection.snapshot.resources if live.key.kind == kind)
    shown = {live.id for live in inspection.snapshot.resources}
    yield from (live for live in inspection.of_kind(kind) if live.id not in shown)


def _mounts(instance: Instance) -> Iterator[str]:
    for container in instance.containers:
        for path, volume in sorted(container.mounts.items()):
            yield f"{container.name} mounts {volume!r} at {path}"


def _found_nothing(container: Container, lines: Sequence[str]) -> bool:
    """Return whether a forwarder's log goes back to its start and names no file that it found or could not read.

    One that was restarted goes on with files that it knows, without naming them again.
    """
    has_found = has_event(lines, "file found", "cannot open", "cannot read")
    return has_event(lines, "started") and not has_found and not container.restart_count
