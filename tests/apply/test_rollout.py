"""How instances are replaced: one stays while the other comes up, or the address is freed first."""

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
    """A provisioner with an emulator in which instances take their time."""
    return make_provisioner(latencies=SLOW)


def instance_requests(emulator):
    """Creates and deletes of container instances, in the order of their arrival."""
    verbs = {"create_container_instance": "create", "delete_container_instance": "delete"}
    return [verbs[one.operation] for one in emulator.requests if one.operation in verbs]


def lifetimes(emulator):
    return [one for one in emulator.lifetimes() if one.kind == "container-instance"]


def test_the_new_instance_is_ready_before_the_old_one_goes(provisioner, emulator, web):
    """ReplacementReady tells both OCIDs and has been handled before the delete is sent."""
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


def test_an_unhealthy_replacement_leaves_the_old_instance_alone(provisioner, emulator, web):
    """A new instance that does not become healthy in time ends in WaitTimedOut; the old one runs on."""
    checked = evolve(web, health_checks=[HealthCheck.tcp(80)], rollout=RolloutSpec(healthy_timeout_in_seconds=60))
    old = provisioner.apply(checked).resources["container-instance/web-0"]
    emulator.script("web", ContainerScript(is_healthy=False))
    with pytest.raises(ApplyFailed, match="until it is healthy") as caught:
        provisioner.apply(checked.with_image(NEW_IMAGE))
    assert isinstance(caught.value.causes["container-instance/web-0"], WaitTimedOut)
    assert old in emulator.live()["container-instance"]
    assert "delete" not in instance_requests(emulator)


def test_an_interrupted_replacement_goes_on_without_a_gap(provisioner, emulator, clock, web):
    """Run again while the new instance is still coming up: the old one goes only when that is healthy."""
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


def test_a_replacement_interrupted_before_the_switch_is_announced_again(provisioner, emulator, web):
    """Run again when the new instance is up but the old one is still there: ReplacementReady comes once more."""
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


def test_stop_first_frees_the_place_before_the_new_instance_starts(provisioner, emulator, web):
    """With stop_first the old instance is gone before the new one is made, and the plan tells the downtime."""
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
    """Two instances cannot have one address: the old one goes first, whatever the rollout says."""
    spec = evolve(web, private_ip="10.0.0.9")
    provisioner.apply(spec)
    plan = provisioner.plan(spec.with_image(NEW_IMAGE))
    assert [step.has_downtime for step in plan.changes] == [True]
    deployment = provisioner.apply(plan)
    assert deployment.instances[0].private_ip == "10.0.0.9"
    assert instance_requests(emulator) == ["create", "delete", "create"]


def test_replicas_are_replaced_one_after_the_other(provisioner, emulator, web):
    """With an overlap of one, each replica's old instance is gone before the next new one is made."""
    spec = evolve(web, replicas=3)
    provisioner.apply(spec)
    provisioner.apply(spec.with_image(NEW_IMAGE))
    assert instance_requests(emulator) == ["create"] * 3 + ["create", "delete"] * 3


def test_a_replica_that_is_away_comes_back_before_the_next_one_goes(provisioner, emulator, web):
    """Run again after a stop-first rollout was cut off: never are two of three replicas missing."""
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


def test_a_rollout_ends_at_the_first_replica_that_is_not_healthy(provisioner, emulator, web):
    """With stop_first too: an image that does not work costs one replica, not all."""
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
    """max_unavailable=2 replaces replicas in pairs."""
    spec = evolve(web, replicas=4, rollout=RolloutSpec(max_unavailable=2))
    provisioner.apply(spec)
    provisioner.apply(spec.with_image(NEW_IMAGE))
    news = sorted(one.created for one in lifetimes(emulator)[4:])
    assert news[1] - news[0] < 20 <= news[2] - news[0]


def test_the_number_of_replicas_can_shrink_and_grow(provisioner, emulator, web):
    """3 → 2 → 4 replicas delete and create exactly the difference."""
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
    """An instance that somebody stopped is a difference, and starts again in place."""
    deployment = provisioner.apply(web)
    deployment.stop()
    plan = provisioner.plan(web)
    assert [step.action for step in plan.changes] == [Action.START]
    assert provisioner.apply(plan) == deployment
    assert deployment.refresh().instances[0].is_active


def test_a_stopped_instance_of_an_older_spec_is_replaced(provisioner, emulator, web):
    """Stopped and changed at once: the new instance comes up and the stopped one goes."""
    provisioner.apply(web).stop()
    deployment = provisioner.apply(web.with_image(NEW_IMAGE))
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]


def test_failed_instances_are_replaced_and_do_not_pile_up(provisioner, emulator, web):
    """However often an instance fails, the next apply removes the failed ones: they count against the limits."""
    emulator.inject(Fault.failed(message="no such image", times=None))
    for _ in range(4):
        with pytest.raises(ApplyFailed, match="no such image"):
            provisioner.apply(web)
        assert len(emulator.live()["container-instance"]) == 1
    emulator.clear_faults()
    deployment = provisioner.apply(web)
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]


def test_nothing_is_finished_twice(provisioner, web):
    """A replacement finishes one create and one delete."""
    provisioner.apply(web)
    heard = []
    provisioner.apply(web.with_image(NEW_IMAGE), on_event=heard.append)
    finished = [one.action for one in heard if isinstance(one, StepFinished)]
    assert sorted(finished) == ["create", "delete"]


def test_two_instances_of_a_deployment_roll_independently(provisioner, web):
    """Changing one of two instances leaves the other's OCID alone."""
    spec = DeploymentSpec("shop", [web, InstanceSpec("jobs", image_url="docker.io/acme/jobs:1")])
    before = provisioner.apply(spec).resources
    after = provisioner.apply(spec.with_instance(web.with_image(NEW_IMAGE))).resources
    assert {key for key in after if after[key] != before[key]} == {"container-instance/web-0"}


def test_what_an_earlier_run_began_and_fails_later_is_made_again(provisioner, emulator, clock, web):
    """Run again while a doomed instance still comes up: it fails, and the same run replaces it."""
    emulator.inject(Fault.failed(message="no such image"))
    with pytest.raises(Cancelled):
        provisioner.apply(web, cancel=Cancel(after_seconds=5, clock=clock))
    deployment = provisioner.apply(web)
    assert emulator.live()["container-instance"] == [deployment.resources["container-instance/web-0"]]
    assert not provisioner.plan(web).changes
