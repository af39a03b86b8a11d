"""Deployments as earlier versions made them: with one network security group for all instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from ocisidecar import DeploymentSpec, Provisioner
from ocisidecar.plan.build import desire
from ocisidecar.plan.diff import diff
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Plan
from ocisidecar.resources.kinds import KINDS, NEEDS
from ocisidecar.state.desired import Desired
from ocisidecar.wire import Key, Ref
from tests.readers import reader_of

GROUP = Key("network-security-group", "main")


def former_plan(provisioner: Provisioner, spec: DeploymentSpec) -> Plan:
    """Return the plan that an earlier version would have made for `spec`."""
    reader = reader_of(provisioner, spec.name)
    snapshot, identity = reader.snapshot(), reader.site.identity
    desired = {one.key: one for one in _former(desire(spec, reader.site), spec.name)}
    steps = diff(identity, desired, snapshot, retained=frozenset())
    operations = operations_of(spec.name, steps, desired, NEEDS)
    return Plan(identity=identity, steps=steps, operations=operations, desired=desired, snapshot=snapshot)


def _former(desired: Mapping[Key, Desired], name: str) -> Iterator[Desired]:
    groups = [one for key, one in desired.items() if key.kind == GROUP.kind]
    rules = {str(rule): rule for one in groups for rule in one.body["securityRules"]}
    if groups:
        body = {**groups[0].body, "displayName": name, "securityRules": [*rules.values()]}
        yield KINDS[GROUP.kind].desired(GROUP.name, body)
    for key, one in desired.items():
        if key.kind == "container-instance":
            yield evolve(one, body=_in_shared_group(one.body), hidden=_in_shared_group(one.hidden))
        elif key.kind != GROUP.kind:
            yield one


def _in_shared_group(body: Mapping[str, object]) -> Mapping[str, object]:
    """Return a body or hidden part with the VNIC in the shared group, unless it is in groups of others."""

    def moved(vnic: Mapping[str, object]) -> Mapping[str, object]:
        is_ours = any(isinstance(one, Ref) for one in vnic.get("nsgIds", ()))
        return {**vnic, "nsgIds": [Ref(GROUP)]} if is_ours else vnic

    vnics = body["vnics"]
    return {**body, "vnics": moved(vnics) if isinstance(vnics, Mapping) else [*map(moved, vnics)]}
