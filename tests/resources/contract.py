"""The contract of every kind of resource: created → ready → found → unchanged → updated → deleted → gone.

The contract runs through a provisioner, so the same functions check the emulator and a real tenancy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from ocisidecar import (
    AccessSpec,
    Action,
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    Provisioner,
    RepositorySpec,
    SidecarSpec,
    Statement,
    TopicSpec,
)
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.capabilities import KeepsData
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import INSTALL_KEY
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Key
from tests.readers import reader_of

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
"""For deployments without instances, so that no network is created."""
METRICS = Statement("use", "metrics", where="target.metrics.namespace='contract'", reason="posts metrics")
BUCKETS = Statement("read", "objects", reason="reads its data")
APP = InstanceSpec(
    "app",
    image_url="docker.io/library/busybox:1.36",
    command=["sleep", "86400"],
    memory_in_gbs=2,
    ports=[80],
    statements=[METRICS],
)
CHANGED_APP = evolve(
    APP, ports=[80, 443], statements=[METRICS, BUCKETS], display_name="renamed", vnic_display_name="renamed"
)
OPS = TopicSpec("ops", description="day", subscriptions=["mailto:ops@example.com"])
CPU = AlarmSpec("cpu", query="CpuUtilization[1m].mean() > 80", destinations=[OPS])
CHANGED_CPU = evolve(CPU, severity="WARNING", body="Too hot.", destinations=[evolve(OPS, description="night")])


UNTAGGED = "-"
"""For a resource that is not changed, because it takes no tags."""


@frozen
class Case:
    """A deployment before and after a change in place.

    Attributes:
        fields: the changed fields by key, for every resource of the deployment; none of what takes no tags.
    """

    before: DeploymentSpec
    after: DeploymentSpec
    fields: Mapping[Key, frozenset[str]]


def _case(before: DeploymentSpec, *, changes: Mapping[str, object], fields: Mapping[str, str]) -> Case:
    keys = {text: Key.parse(text) for text in fields}
    after = evolve(before, freeform_tags={"contract": "changed"}, **changes)
    named = {
        key: frozenset({"freeformTags", *fields[text].split()} if fields[text] != UNTAGGED else ())
        for text, key in keys.items()
        if key
    }
    return Case(before, after, named)


def cases(prefix: str) -> Mapping[str, Case]:
    """Return cases that together have every kind; the names of their deployments begin with `prefix`."""
    repository = RepositorySpec(f"{prefix}/app")
    own = dict.fromkeys(("vcn/main", "route-table/main", "security-list/main", "subnet/main"), "")
    gateways = dict.fromkeys(("nat-gateway/main", "service-gateway/main"), "")
    agent = APP.with_sidecar(SidecarSpec.management_agent())
    told = APP.with_sidecar(SidecarSpec.management_agent(data_source="api"))
    found = (
        _case(
            DeploymentSpec(f"{prefix}-public", network=NetworkSpec.public()),
            changes={},
            fields={**own, "internet-gateway/main": ""},
        ),
        _case(
            DeploymentSpec(f"{prefix}-app", [APP]),
            changes={"instances": [CHANGED_APP]},
            fields={
                **own,
                **gateways,
                "network-security-group/app": "securityRules",
                "dynamic-group/main": "",
                "policy/main": "statements description",
                "container-instance/app-0": "displayName vnics",
            },
        ),
        _case(
            DeploymentSpec(f"{prefix}-agent", [agent], access=AccessSpec.none()),
            changes={"instances": [evolve(agent, display_name="renamed")]},
            fields={
                **own,
                **gateways,
                "network-security-group/app": "",
                "container-instance/app-0": "displayName",
                "management-agent/app-0": "displayName",
                str(INSTALL_KEY): UNTAGGED,
            },
        ),
        _case(
            DeploymentSpec(f"{prefix}-told-agent", [told], access=AccessSpec.none()),
            changes={"instances": [evolve(told, display_name="renamed")]},
            fields={
                **own,
                **gateways,
                "network-security-group/app": "",
                "container-instance/app-0": "displayName",
                "management-agent/app-0": "displayName dataSourceList",
                str(INSTALL_KEY): UNTAGGED,
            },
        ),
        _case(
            DeploymentSpec(f"{prefix}-logs", network=NOWHERE, logging=LoggingSpec.deployment()),
            changes={"logging": LoggingSpec.deployment(retention_duration_in_days=60)},
            fields={"log-group/main": "", "log/app": "retentionDuration"},
        ),
        _case(
            DeploymentSpec(f"{prefix}-images", network=NOWHERE, repositories=[repository]),
            changes={"repositories": [evolve(repository, is_public=True)]},
            fields={f"container-repository/{prefix}/app": "isPublic"},
        ),
        _case(
            DeploymentSpec(f"{prefix}-alarms", network=NOWHERE, alarms=[CPU]),
            changes={"alarms": [CHANGED_CPU]},
            fields={
                "topic/ops": "description",
                "subscription/ops/mailto:ops@example.com": "",
                "alarm/cpu": "severity body",
            },
        ),
    )
    return {case.before.name: case for case in found}


def fulfil(provisioner: Provisioner, case: Case) -> None:
    """Check the contract for all kinds of a deployment, which is destroyed even after a failure."""
    name = case.before.name
    reader = reader_of(provisioner, name)
    try:
        made = provisioner.apply(case.before).resources
        assert set(made) == set(map(str, case.fields))
        are_ready_and_found(reader, made)
        is_left_alone(provisioner, case.before)
        are_updated(provisioner, case)
        lives = are_ready_and_found(reader, made)
        is_left_alone(provisioner, case.after)
    finally:
        provisioner.destroy(name, purge=True)
    are_gone(reader, lives)


def are_ready_and_found(reader: DeploymentReader, made: Mapping[str, str]) -> list[Live]:
    """List and GET agree on one ready resource for each key, and none holds data yet."""
    found = reader.snapshot().of(reader.site.identity.name)
    assert {str(key): [live.id for live in lives] for key, lives in found.items()} == {
        key: [live_id] for key, live_id in made.items()
    }
    for key, (live,) in found.items():
        kind = KINDS[key.kind]
        got = kind.get(reader.caller, reader.site, live.id, kind.parent_id(live.body))
        assert got is not None, key
        assert (got.id, got.key, got.phase, got.tags) == (live.id, key, Phase.READY, live.tags)
        assert not isinstance(kind, KeepsData) or kind.describe_data(reader.caller, live) == ""
    return [live for (live,) in found.values()]


def is_left_alone(provisioner: Provisioner, spec: DeploymentSpec) -> None:
    """A second apply has nothing to do."""
    plan = provisioner.plan(spec)
    assert [f"{step.action} {step.key}: {step.reason}" for step in plan.changes] == []


def are_updated(provisioner: Provisioner, case: Case) -> None:
    """Each resource is updated in place, in exactly the fields that changed."""
    plan = provisioner.plan(case.after)
    assert {step.action for step in plan.changes} == {Action.UPDATE}
    assert {step.key: step.changed_fields for step in plan.steps} == case.fields
    provisioner.apply(plan)


def are_gone(reader: DeploymentReader, lives: Sequence[Live]) -> None:
    """Neither list nor GET returns them, and deleting them again is not an error."""
    assert reader.snapshot().of(reader.site.identity.name) == {}
    for live in lives:
        kind = KINDS[live.key.kind]
        assert kind.get(reader.caller, reader.site, live.id, kind.parent_id(live.body)) is None
        kind.delete(reader.caller, reader.site, live)
