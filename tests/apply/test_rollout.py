"""Rollouts: how instances and their replicas are replaced."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    ApplyFailed,
    Cancel,
    Cancelled,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    ReplacementReady,
    RolloutSpec,
    StepFinished,
    WaitTimedOut,
)
from ocisidecar.emulator import Fault, Latencies
from ocisidecar.emulator.simulated_pods import ContainerScript

SLOW = Latencies(network=1, container_instance_create=20, container_instance_delete=10)
NEW_IMAGE = "docker.io/acme/web:1.5"


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which creating and deleting instances takes time."""
    return make_provisioner(latencies=SLOW)


def instance_requests(emulator):
    """Return the creates and deletes of container instances, in the order of their arrival."""
    verbs = {"create_container_instance": "create", "delete_container_instance": "delete"}
    return [verbs[one.operation] for one in emulator.requests if one.operation in verbs]


def lifetimes(emulator):
    return [one for one in emulator.lifetimes() if one.kind == "container-instance"]


def test_the_old_instance_is_deleted_after_the_switch(provisioner, emulator, web):
    """ReplacementReady names both OCIDs and has been handled before the delete is sent."""
    old = provisioner.apply(web).resources["container-instance/web-0"]
    heard = []

    def handler(event):
        if isinstance(event, ReplacementReady):
            heard.append(event)
            assert "delete" not in instance_requests(emulator)
            assert len(emulator.live()["container-instance"]) == 2

    deployment = provisioner.apply(web.with_image(NEW_IMAGE), on_event=handler)
    new = deployment.resources["container-instance/web-0"]
    assert [(one.old_resource_id, one.new_resource_id) for one in heard] == [(old, new)]
    first, second = lifetimes(emulator)
    assert second.ready <= first.deleting
    assert emulator.live()["container-instance"] == [new]


def test_an_unhealthy_replacement_keeps_the_old_instance(provisioner, emulator, web):
    """A new instance that does not become healthy in time ends in WaitTimedOut, and the old one is not deleted."""
    checked = evolve(web, health_checks=[HealthCheck.tcp(80)], rollout=RolloutSpec(healthy_timeout_in_seconds=60))
    old = provisioner.apply(checked).resources["container-instance/web-0"]
    emulator.script("web", ContainerScript(is_healthy=False))
    with pytest.raises(ApplyFailed, match="until it is healthy") as caught:
        provisioner.apply(checked.with_image(NEW_IMAGE))
    assert isinstance(caught.value.causes["container-instance/web-0"], WaitTimedOut)
    assert old in emulator.live()["container-instance"]
    assert "delete" not in instance_requests(emulator)


def test_an_interrupted_replacement_continues_without_a_gap(provisioner, emulator, clock, web):
    """A second apply waits until the new instance is healthy before it deletes the old one."""
    old = provisioner.apply(web).resources["container-instance/web-0"]
    with pytest.raises(Cancelled):
        provisioner.apply(web.with_image(NEW_IMAGE), cancel=Cancel(after_seconds=5, clock=clock))
    assert len(emulator.live()["container-instance"]) == 2
    heard = []
    deployment = provisioner.apply(web.with_image(NEW_IMAGE), on_event=heard.append)
    new = deployment.resources["container-instance/web-0"]
    ready = [one for one in heard if isinstance(one, ReplacementReady)]
    assert [(one.old_resource_id, one.new_resource_id) for one in ready] == [(old, new)]
    first, second = lifetimes(emulator)
    assert second.ready <= first.deleting
    assert emulator.live()["container-instance"] == [new]


def test_a_rerun_announces_an_unfinished_switch_again(provisioner, emulator, web):
    """An apply after an interruption in the handler of ReplacementReady sends that event again."""
    old = provisioner.apply(web).resources["container-instance/web-0"]

    def interrupt(event):
        if isinstance(event, ReplacementReady):
            raise ConnectionRefusedError("the load balancer did not answer")

    with pytest.raises(ConnectionRefusedError, match="load balancer"):
        provisioner.apply(web.with_image(NEW_IMAGE), on_event=interrupt)
    assert len(emulator.live()["container-instance"]) == 2
    heard = []
    deployment = provisioner.apply(web.with_image(NEW_IMAGE), on_event=heard.append)
    ready = [one for one in heard if isinstance(one, ReplacementReady)]
    new = deployment.resources["container-instance/web-0"]
    assert [(one.old_resource_id, one.new_resource_id) for one in ready] == [(old, new)]
    assert emulator.live()["container-instance"] == [new]


def test_stop_first_deletes_before_it_creates(provisioner, emulator, web):
    """With stop_first the old instance is gone before the new one is created, and the plan shows the downtime."""
    spec = web.with_rollout(RolloutSpec(replace="stop_first"))
    provisioner.apply(spec)
    plan = provisioner.plan(spec.with_image(NEW_IMAGE))
    assert [step.has_downtime for step in plan.changes] == [True]
    assert "downtime" in str(plan)
    heard = []
    provisioner.apply(plan, on_event=heard.append)
    assert not [one for one in heard if isinstance(one, ReplacementReady)]
    first, second = lifetimes(emulator)
    assert first.gone <= second.created


def test_a_fixed_address_forces_stop_first(provisioner, emulator, web):
    """An instance with a fixed private address is deleted before its replacement is created."""
    spec = evolve(web, private_ip="10.0.0.9")
    provisioner.apply(spec)
    plan = provisioner.plan(spec.with_image(NEW_IMAGE))
    assert [step.has_downtime for step in plan.changes] == [True]
    deployment = provisioner.apply(plan)
    assert deployment.instances[0].private_ip == "10.0.0.9"
    assert instance_requests(emulator) == ["create", "delete", "create"]


def test_replicas_are_replaced_one_after_the_other(provisioner, emulator, web):
    """With an overlap of one, each old replica is deleted before the next new one is created."""
    spec = evolve(web, replicas=3)
    provisioner.apply(spec)
    provisioner.apply(spec.with_image(NEW_IMAGE))
    assert instance_requests(emulator) == ["create"] * 3 + ["create", "delete"] * 3


def test_a_rerun_creates_the_missing_replica_first(provisioner, emulator, web):
    """After an interrupted stop-first rollout the missing replica is ready before the next one is deleted."""
    spec = evolve(web, replicas=3, rollout=RolloutSpec(replace="stop_first"))
    provisioner.apply(spec)
    cancel = Cancel()

    def stop_after_the_first_has_gone(event):
        if isinstance(event, StepFinished):
            cancel.set("enough")

    with pytest.raises(Cancelled):
        provisioner.apply(spec.with_image(NEW_IMAGE), on_event=stop_after_the_first_has_gone, cancel=cancel)
    assert len(emulator.live()["container-instance"]) == 2
    provisioner.apply(spec.with_image(NEW_IMAGE))
    gone = sorted(one.deleting for one in lifetimes(emulator) if one.deleting is not None)
    back = sorted(one.ready for one in lifetimes(emulator)[3:])
    assert len(gone) == len(back) == 3
    assert all(came <= went for came, went in zip(back, gone[1:], strict=False))


def test_a_rollout_stops_at_the_first_unhealthy_replica(provisioner, emulator, web):
    """A stop-first rollout of an image that is never healthy replaces one replica and leaves the others."""
    rollout = RolloutSpec(replace="stop_first", healthy_timeout_in_seconds=60)
    spec = evolve(web, replicas=3, health_checks=[HealthCheck.tcp(80)], rollout=rollout)
    before = provisioner.apply(spec).resources
    emulator.script("web", ContainerScript(is_healthy=False))
    with pytest.raises(ApplyFailed, match="until it is healthy") as caught:
        provisioner.apply(spec.with_image(NEW_IMAGE))
    after = caught.value.deployment.resources
    assert {key for key in after if after[key] != before[key]} == {"container-instance/web-0"}
    assert len(emulator.live()["container-instance"]) == 3


def test_max_unavailable_replaces_several_at_a_time(provisioner, emulator, web):
    """With max_unavailable=2 two replicas are created at a time and the third after them."""
    spec = evolve(web, replicas=4, rollout=RolloutSpec(max_unavailable=2))
    provisioner.apply(spec)
    provisioner.apply(spec.with_image(NEW_IMAGE))
    news = sorted(one.created for one in lifetimes(emulator)[4:])
    assert news[1] - news[0] < 20 <= news[2] - news[0]


def test_the_number_of_replicas_can_shrink_and_grow(provisioner, emulator, web):
    """Going from 3 to 2 to 4 replicas deletes and creates exactly the difference."""
    three = provisioner.apply(evolve(web, replicas=3)).resources
    two = provisioner.apply(evolve(web, replicas=2)).resources
    assert three.items() - two.items() == {("container-instance/web-2", three["container-instance/web-2"])}
    four = provisioner.apply(evolve(web, replicas=4)).resources
    assert {key for key, _ in four.items() - two.items()} == {
        "container-instance/web-2",
        "container-instance/web-3",
    }
    assert sorted(emulator.live()["container-instance"]) == sorted(
        one for key, one in four.items() if key.startswith("container-instance/")
    )


def test_a_stopped_instance_is_started(provisioner, web):
    """A stopped instance gives a plan with a start, and an apply starts it with the same OCID."""
    deployment = provisioner.apply(web)
    deployment.stop()
    plan = provisioner.plan(web)
    assert [step.action for step in plan.changes] == [Action.START]
    assert provisioner.apply(plan) == deployment
    assert deployment.refresh().instances[0].is_active


def test_a_stopped_instance_of_an_older_spec_is_replaced(provisioner, emulator, web):
    """A stopped instance whose image changed is replaced by a new one and deleted."""
    provisioner.apply(web).stop()
    deployment = provisioner.apply(web.with_image(NEW_IMAGE))
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]


def test_failed_instances_are_replaced_and_do_not_pile_up(provisioner, emulator, web):
    """Four failed applies leave one failed instance, and the next apply replaces it."""
    emulator.inject(Fault.failed(message="no such image", times=None))
    for _ in range(4):
        with pytest.raises(ApplyFailed, match="no such image"):
            provisioner.apply(web)
        assert len(emulator.live()["container-instance"]) == 1
    emulator.clear_faults()
    deployment = provisioner.apply(web)
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]


def test_a_replacement_finishes_two_operations(provisioner, web):
    """A replacement sends StepFinished for one create and one delete."""
    provisioner.apply(web)
    heard = []
    provisioner.apply(web.with_image(NEW_IMAGE), on_event=heard.append)
    finished = [one.action for one in heard if isinstance(one, StepFinished)]
    assert sorted(finished) == ["create", "delete"]


def test_two_instances_of_a_deployment_roll_independently(provisioner, web):
    """Changing one of two instances leaves the other's OCID as it is."""
    spec = DeploymentSpec("shop", [web, InstanceSpec("jobs", image_url="docker.io/acme/jobs:1")])
    before = provisioner.apply(spec).resources
    after = provisioner.apply(spec.with_instance(web.with_image(NEW_IMAGE))).resources
    assert {key for key in after if after[key] != before[key]} == {"container-instance/web-0"}


def test_an_instance_left_pending_is_created_again_if_it_fails(provisioner, emulator, clock, web):
    """An instance that an interrupted run left pending and that fails is replaced by the next apply."""
    emulator.inject(Fault.failed(message="no such image"))
    with pytest.raises(Cancelled):
        provisioner.apply(web, cancel=Cancel(after_seconds=5, clock=clock))
    deployment = provisioner.apply(web)
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]
    assert not provisioner.plan(web).changes
