"""The check of `verify()` that nothing more is open on an instance than its spec declares.  Pure.

A network of ours is as the spec says, so whatever is more fails.  In an existing subnet groups and lists belong to
others, and not to this instance alone: there only what reaches a port on which a container is known to listen is a
failure, and the rest warns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from attrs import evolve

from ocisidecar.observe.firewalls import GROUP, Firewall, RuleSet
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.outputs import own_group
from ocisidecar.resources.instance_request import SHARED_GROUP
from ocisidecar.resources.openings import Opening
from ocisidecar.resources.rights import caller_statement
from ocisidecar.spec import InstanceSpec
from ocisidecar.spec.validate.fields import VCN
from ocisidecar.verify.context import CheckContext, skipped
from ocisidecar.verify.report import Check, Status

_NAME = "open-ports"
_HTTPS = 443
_NOT_ENFORCED = ", as the rules say; its containers run on this machine, where nothing enforces them"
_EVERYTHING_OUT = Opening("all", 1, 65535, "0.0.0.0/0", is_outgoing=True)


def open_ports(context: CheckContext) -> Iterator[Check]:
    """Nothing is open on an instance that its spec does not declare, through whatever group or list."""
    for instance in context.inspection.instances:
        firewall = context.firewalls.get(instance.name)
        if firewall is None:
            yield skipped(_NAME, instance.key, "its VNIC does not exist, or is not visible to the caller")
        elif firewall.unreadable:
            yield _unreadable(context, instance, firewall)
        else:
            yield _judged(context, instance, firewall)


def _unreadable(context: CheckContext, instance: Instance, firewall: Firewall) -> Check:
    reason = f"not visible to the caller: {', '.join(firewall.unreadable)}; to see it, where it is: "
    remedy = caller_statement("read", "virtual-network-family", context.inspection.site.identity)
    return evolve(skipped(_NAME, instance.key, f"{reason}{remedy}"), remedy=remedy)


def _judged(context: CheckContext, instance: Instance, firewall: Firewall) -> Check:
    spec = _spec_of(context, instance)
    declared = _declared(context, instance, spec, firewall)
    if declared is None:
        return skipped(_NAME, instance.key, "no spec was given, so what may be open is not known")
    wider = {
        rule_set: found
        for rule_set in firewall.rule_sets
        if (found := [one for one in rule_set.openings if not one.is_covered(declared)])
    }
    if not wider:
        admitted = sorted({one for rules in firewall.rule_sets for one in rules.openings if not one.is_outgoing})
        detail = f"admits {', '.join(map(str, admitted)) or 'nothing'}"
        detail += _NOT_ENFORCED if instance.emulated_address else ""
        return Check(name=_NAME, key=instance.key, status=Status.PASSED, detail=detail)
    is_failure = not _is_existing(context, firewall) or _reaches_a_listener(chain(*wider.values()), spec, declared)
    details = (f"{', '.join(map(str, found))} by {rule_set}" for rule_set, found in wider.items())
    remedies = dict.fromkeys(_remedy(context, firewall, rule_set) for rule_set in wider)
    return Check(
        name=_NAME,
        key=instance.key,
        status=Status.FAILED if is_failure else Status.WARNED,
        detail=f"more is open than declared: {'; '.join(details)}",
        remedy=f"{'; '.join(remedies)}; or declare the port in `ports`, if that is meant",
    )


def _spec_of(context: CheckContext, instance: Instance) -> InstanceSpec | None:
    name = instance.name.rpartition("-")[0]
    return next(
        (one for one in (context.spec.instances if context.spec is not None else ()) if one.name == name), None
    )


def _declared(
    context: CheckContext, instance: Instance, spec: InstanceSpec | None, firewall: Firewall
) -> Sequence[Opening] | None:
    """Return what may be open: as the spec declares, else as the instance's own group; None without both."""
    if spec is not None:
        return [*_let_out(context, spec, firewall), *_let_in(spec, firewall)]
    if context.spec is not None:
        return (_EVERYTHING_OUT,)
    own = own_group(instance.name, {str(key): lives[0].id for key, lives in context.inspection.lives.items()})
    return next((one.openings for one in firewall.rule_sets if one.id == own), None)


def _is_existing(context: CheckContext, firewall: Firewall) -> bool:
    """Return whether the subnet is one that others made, which may be another deployment of ours."""
    is_declared = context.spec is not None and context.spec.effective_network.kind == "existing"
    return firewall.is_in_existing_subnet or is_declared


def _let_in(spec: InstanceSpec, firewall: Firewall) -> Iterator[Opening]:
    for port in spec.ports:
        for source in port.sources:
            yield Opening(port.protocol, port.port, port.port, firewall.vcn_block if source == VCN else source)


def _let_out(context: CheckContext, spec: InstanceSpec, firewall: Firewall) -> Iterator[Opening]:
    if spec.egress is None:
        yield _EVERYTHING_OUT
        return
    yield Opening("tcp", _HTTPS, _HTTPS, context.inspection.site.services_cidr, is_outgoing=True)
    network = context.spec.effective_network.egress if context.spec is not None else None
    for rule in (*spec.egress.rules, *(network.rules if network is not None else ())):
        block = firewall.vcn_block if rule.destination == VCN else rule.destination
        for first, last in rule.spans:
            yield Opening(rule.protocol, first, last, block, is_outgoing=True)


def _reaches_a_listener(wider: Iterable[Opening], spec: InstanceSpec | None, declared: Sequence[Opening]) -> bool:
    """Return whether something that is not declared reaches a port on which a container listens."""
    if spec is None:
        return True
    checked = {check.port for container in spec.containers for check in container.health_checks}
    scraped = {target.port for container in spec.containers for target in container.scrape}
    ports = checked | scraped | {port.port for port in spec.ports}
    parts = (
        evolve(one, protocol="tcp", first=port, last=port)
        for one in wider
        for port in ports
        if not one.is_outgoing and one.protocol in {"all", "tcp"} and one.first <= port <= one.last
    )
    return any(not part.is_covered(declared) for part in parts)


def _remedy(context: CheckContext, firewall: Firewall, rule_set: RuleSet) -> str:
    is_own = any(rule_set.id == lives[0].id for lives in context.inspection.lives.values())
    if is_own and rule_set.key == str(SHARED_GROUP):
        return "apply the spec, which gives each instance a group of its own"
    if is_own:
        return "apply the spec, which removes the rules"
    if _is_existing(context, firewall):
        return f"have the owner of {rule_set} remove the rules"
    if rule_set.kind == GROUP:
        others = ", ".join(f'"{one}"' for one in firewall.group_ids if one != rule_set.id)
        command = f"oci network vnic update --vnic-id {firewall.vnic_id} --nsg-ids '[{others}]'"
        return f"take the VNIC out of {rule_set}: {command}"
    return f"remove the rules from {rule_set}"
