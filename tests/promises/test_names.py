"""Deployments whose names begin alike do not meet, and resources with names of early copies are kept."""

from __future__ import annotations

import pytest

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, SidecarSpec, TopicSpec

PRIVATE = "fra.ocir.io/acme/web:1"


def watched(name, topic):
    alarm = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec(topic)])
    return DeploymentSpec(name, [InstanceSpec("web", image_url="docker.io/acme/web:1")], alarms=[alarm])


def agent(name):
    sidecar = SidecarSpec.management_agent(image_url="docker.io/acme/agent:1", response_file="key")
    return DeploymentSpec(name, [InstanceSpec("web", image_url="docker.io/acme/web:1", sidecars=[sidecar])])


PAIRS = {
    "topics": (watched("shop", "eu-oncall"), watched("shop-eu", "oncall")),
    "a topic and a deployment": (watched("shop", "eu"), watched("shop-eu", "main")),
    "groups of agents": (agent("shop"), DeploymentSpec("shop-agents", [InstanceSpec("web", image_url=PRIVATE)])),
}


@pytest.mark.parametrize("name", PAIRS)
def test_deployments_with_similar_names_live_side_by_side(provisioner, name):
    """Both are created and kept, although their names and those of their parts form one text."""
    for spec in PAIRS[name]:
        provisioner.apply(spec)
    assert not any(provisioner.plan(spec).changes for spec in PAIRS[name])


def test_resources_with_former_names_are_kept(provisioner, sdk, clock):
    """A topic whose name is that of an early copy is neither replaced nor changed."""
    spec = watched("shop", "oncall")
    made = provisioner.apply(spec).resources
    topics = sdk("ons.NotificationControlPlaneClient")
    now = topics.get_topic(made["topic/oncall"]).data
    topics.delete_topic(made["topic/oncall"])
    clock.advance(60)
    former = {**now, "name": now["name"].replace("-4-", "-")}
    wanted = ("compartmentId", "name", "description", "freeformTags")
    kept = topics.create_topic({name: former[name] for name in wanted}).data["topicId"]
    clock.advance(60)
    assert {str(step.key) for step in provisioner.plan(spec).changes} == {"alarm/cpu-utilization"}
    assert provisioner.apply(spec).resources["topic/oncall"] == kept
    assert provisioner.plan(spec).changes == ()
