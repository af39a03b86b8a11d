"""Two sets of one deployment, as runs that did not know of each other leave them, become one by visible steps."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, LoggingSpec, NetworkSpec, TopicSpec
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.resources.kinds import KINDS
from tests.readers import reader_of

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="docker.io/acme/web:1.4", ports=[80], replicas=2)],
    logging=LoggingSpec.none(),
    alarms=[
        AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])])
    ],
)


@pytest.fixture
def cloud(clock):
    latencies = Latencies(network=1, container_instance_create=5, container_instance_delete=3, vnic_release=2)
    with Emulator(clock=clock, latencies=latencies) as emulator:
        yield emulator


def doubled(one, spec, kinds=frozenset(KINDS)):
    """Apply, and create a second set by giving another deployment's resources the same tags; return their OCIDs."""
    one.apply(spec)
    one.apply(evolve(spec, name="twin"))
    reader = reader_of(one, "web")
    lives = reader.snapshot().resources
    tags = {live.key: live.tags for live in lives if live.deployment == "web"}
    twins = [live for live in lives if live.deployment == "twin" and live.key.kind in kinds]
    for twin in twins:
        kind = KINDS[twin.key.kind]
        etag = kind.read(reader.caller, reader.site, twin.id).etag
        fields = {name: twin.body[name] for name in kind.repeated}
        kind.updates_of(reader.caller, reader.site, twin).send(
            {**fields, "freeformTags": tags[twin.key]}, etag or ""
        )
    return {twin.id for twin in twins}


def ids_of(one):
    return {live.id for live in reader_of(one, "web").snapshot().resources}


@pytest.mark.parametrize("network", [NetworkSpec.private(), NetworkSpec.public()], ids=["private", "public"])
def test_of_two_whole_sets_the_older_one_stays(cloud, connect, network):
    """The plan shows each second resource, its apply removes exactly those, and then nothing is to be done."""
    one, spec = connect(cloud), evolve(SPEC, network=network)
    younger = doubled(one, spec)
    older = ids_of(one) - younger
    plan = one.plan(spec)
    assert {live.id for step in plan.changes for live in step.old} == younger
    assert "exists 2 times; the extra ones are deleted" in str(plan)
    one.apply(spec)
    assert ids_of(one) == older
    assert not one.plan(spec).changes
    one.destroy("web", purge=True)
    assert cloud.live() == {}


def test_what_lies_in_a_network_that_is_removed_is_replaced(cloud, connect, clock):
    """Where the older VCN is empty, what lies in the younger one is replaced by what lies in the older one."""
    one = connect(cloud)
    reader, vcn = reader_of(one, "web"), KINDS["vcn"]
    body = {"compartmentId": cloud.compartment_id, "cidrBlocks": ["10.0.0.0/16"], "dnsLabel": "app"}
    older = vcn.create(reader.caller, reader.site, body, "older")
    clock.advance(1)
    younger = one.apply(SPEC).resources
    tags = next(live.tags for live in reader.snapshot().resources if live.key.kind == "vcn")
    live = vcn.as_key(next(iter(one.plan(SPEC).snapshot.resources)).key, "web", older.body)
    vcn.updates_of(reader.caller, reader.site, live).send({"freeformTags": tags}, "")
    assert "is in a resource that exists twice and is removed" in str(one.plan(SPEC))
    found = one.apply(SPEC).resources
    assert found["vcn/main"] == older.id
    assert found["subnet/main"] != younger["subnet/main"]
    assert ids_of(one) == set(found.values())
    assert not one.plan(SPEC).changes
