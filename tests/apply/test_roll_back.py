"""Rolling back: when an apply fails before all replicas work, those already changed go back to what ran before."""

from __future__ import annotations

import pickle

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    ApplyFailed,
    ApplyStopped,
    Cancel,
    Cancelled,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    LimitExceeded,
    ReplacementReady,
    ReplacementUndone,
    ResourceFailed,
    RollbackStarted,
    RolloutSpec,
    WaitTimedOut,
)
from ocisidecar.emulator import ContainerScript, Fault, Latencies
from ocisidecar.emulator.image_pulls import PULL_REFUSED

SLOW = Latencies(
    network=1,
    container_instance_create=20,
    container_instance_delete=10,
    container_instance_action=5,
    vnic_release=15,
    jitter=0.4,
)
OLD, NEW = "docker.io/acme/web:1", "docker.io/acme/web:2"
CRASHES = ContainerScript(exits_after_seconds=1, exit_code=3, lines=("no app.toml",))
SLOW_CHECK = HealthCheck.tcp(80, initial_delay_in_seconds=3000)
ROLLOUTS = {
    "overlap": RolloutSpec(on_failure="roll_back"),
    "stop first": RolloutSpec(replace="stop_first", on_failure="roll_back"),
    "two at a time": RolloutSpec(max_unavailable=2, on_failure="roll_back"),
    "stop two first": RolloutSpec(replace="stop_first", max_unavailable=2, on_failure="roll_back"),
}
rollouts = pytest.mark.parametrize("rollout", ROLLOUTS.values(), ids=ROLLOUTS)
basic_rollouts = pytest.mark.parametrize("rollout", list(ROLLOUTS.values())[:2], ids=list(ROLLOUTS)[:2])


@pytest.fixture
def emulator(make_provisioner):
    """An emulator in which everything takes its time."""
    return make_provisioner(latencies=SLOW).emulator


@pytest.fixture
def provisioner(emulator, connect):
    """A provisioner that treats the emulator as it treats the cloud."""
    return connect(emulator)


def web(image=OLD, *, replicas=1, rollout=ROLLOUTS["overlap"], **fields):
    return InstanceSpec("web", image_url=image, ports=[80], replicas=replicas, rollout=rollout, **fields)


def instances_of(deployment):
    """Return key → OCID of the container instances."""
    return {key: one for key, one in deployment.resources.items() if key.startswith("container-instance/")}


def requests_of(emulator):
    """Return what was asked of container instances, in order."""
    verbs = {f"{verb}_container_instance": verb for verb in ("create", "delete", "stop", "start")}
    return [verbs[one.operation] for one in emulator.requests if one.operation in verbs]


def failure_of(provisioner, spec, **options):
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(spec, **options)
    return caught.value


def assert_as_before(provisioner, emulator, before, spec):
    """Assert that exactly the instances of `before` exist and run, and that their spec has nothing to change."""
    assert sorted(emulator.live()["container-instance"]) == sorted(instances_of(before).values())
    assert all(one.is_active for one in provisioner.get("web").instances)
    assert not provisioner.plan(spec).changes


@rollouts
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_crash_brings_back_what_ran_before(provisioner, emulator, rollout, replicas):
    """Whatever the strategy, a crash loop ends with the old instances running, and no new one left over."""
    spec = web(replicas=replicas, rollout=rollout)
    before = provisioner.apply(spec)
    emulator.script(NEW, CRASHES)
    error = failure_of(provisioner, spec.with_image(NEW))
    assert_as_before(provisioner, emulator, before, spec)
    assert error.deployment == before
    assert set(error.rolled_back) <= set(instances_of(before))
    assert error.rolled_back
    assert "Rolled back to what ran before: container-instance/web-0" in str(error)


@rollouts
def test_replicas_that_work_already_go_back_too(provisioner, emulator, rollout):
    """When the third replica fails, the two new ones that work are deleted as well."""
    spec = web(replicas=3, rollout=rollout)
    before = provisioner.apply(spec)
    emulator.inject(Fault.failed("create_container_instance", message="no such image", nth=3))
    error = failure_of(provisioner, spec.with_image(NEW))
    assert requests_of(emulator).count("create") == 6
    assert isinstance(error.causes["container-instance/web-2"], ResourceFailed)
    assert error.rolled_back == tuple(instances_of(before))
    assert_as_before(provisioner, emulator, before, spec)


@rollouts
def test_nothing_is_deleted_before_all_replicas_work(provisioner, emulator, rollout):
    """A rollout that succeeds deletes the old instances only after the last new one is healthy."""
    spec = web(replicas=3, rollout=rollout)
    provisioner.apply(spec)
    after = provisioner.apply(spec.with_image(NEW))
    assert requests_of(emulator)[-3:] == ["delete"] * 3
    old, new = (
        [one for one in emulator.lifetimes() if one.kind == "container-instance"][part]
        for part in (slice(3), slice(3, 6))
    )
    assert max(one.ready for one in new) <= min(one.deleting for one in old)
    assert sorted(emulator.live()["container-instance"]) == sorted(instances_of(after).values())
    assert not provisioner.plan(spec.with_image(NEW)).changes


def test_with_stop_first_old_and_new_never_run_together(provisioner, emulator, clock):
    """Each old instance is stopped before its successor is created, and started after that one is gone."""
    spec = web(rollout=ROLLOUTS["stop first"])
    provisioner.apply(spec)
    emulator.script(NEW, CRASHES)
    failure_of(provisioner, spec.with_image(NEW))
    assert requests_of(emulator) == ["create", "stop", "create", "delete", "start"]
    (failed,) = (one for one in emulator.lifetimes() if one.kind == "container-instance" and one.gone is not None)
    assert failed.gone <= clock.time()


@pytest.mark.parametrize(
    ("fields", "script", "cause"),
    [
        ({"health_checks": [HealthCheck.tcp(80)]}, ContainerScript(is_healthy=False), ResourceFailed),
        ({"health_checks": [SLOW_CHECK]}, ContainerScript(), WaitTimedOut),
        ({"container_restart_policy": "NEVER"}, CRASHES, ResourceFailed),
    ],
    ids=["UNHEALTHY", "healthy_timeout", "ended"],
)
def test_every_way_of_not_working_rolls_back(provisioner, emulator, fields, script, cause):
    """A failing check, a check without a result in time, and a container that ends for good."""
    spec = web(replicas=2)
    before = provisioner.apply(spec)
    emulator.script(NEW, script)
    error = failure_of(provisioner, evolve(spec.with_image(NEW), **fields))
    assert isinstance(error.causes["container-instance/web-0"], cause)
    assert_as_before(provisioner, emulator, before, spec)


def test_a_probe_that_does_not_pass_rolls_back(provisioner, emulator):
    """No process listens in a simulated container, so the probe from here fails until the time is over."""
    before = provisioner.apply(web())
    probing = RolloutSpec(probe=HealthCheck.tcp(9), healthy_timeout_in_seconds=5, on_failure="roll_back")
    error = failure_of(provisioner, web(NEW, rollout=probing))
    assert isinstance(error.causes["container-instance/web-0"], WaitTimedOut)
    assert_as_before(provisioner, emulator, before, web())


@basic_rollouts
def test_a_refused_pull_rolls_back(provisioner, emulator, rollout):
    """An image that the instances may not pull brings the old ones back; the FAILED instance is deleted."""
    spec = web(replicas=2, rollout=rollout)
    before = provisioner.apply(spec)
    emulator.inject(Fault.failed("create_container_instance", message=PULL_REFUSED, times=None))
    failure_of(provisioner, spec.with_image(NEW))
    assert_as_before(provisioner, emulator, before, spec)


def test_a_limit_in_the_middle_rolls_back(provisioner, emulator):
    """Where the room for both ends at a service limit, the first new instance is deleted and all old ones stay."""
    spec = web(replicas=2)
    before = provisioner.apply(spec)
    emulator.inject(Fault.error("create_container_instance", "LimitExceeded", nth=2, times=None))
    error = failure_of(provisioner, spec.with_image(NEW))
    assert isinstance(error.causes["container-instance/web-1"], LimitExceeded)
    assert_as_before(provisioner, emulator, before, spec)


def test_a_lost_connection_does_not_roll_back(provisioner, emulator):
    """A run that cannot reach OCI says nothing about the new image: applying again continues the rollout."""
    spec = web(replicas=2)
    provisioner.apply(spec)
    emulator.inject(Fault.reset("create_container_instance", nth=2, times=None))
    error = failure_of(provisioner, spec.with_image(NEW))
    assert not error.rolled_back
    emulator.clear_faults()
    after = provisioner.apply(spec.with_image(NEW))
    assert sorted(emulator.live()["container-instance"]) == sorted(instances_of(after).values())


def test_keep_is_the_default(provisioner, emulator):
    """Without `on_failure` the failed instance stays beside the old one, and nothing is rolled back."""
    spec = web(replicas=2, rollout=RolloutSpec())
    provisioner.apply(spec)
    emulator.script(NEW, CRASHES)
    error = failure_of(provisioner, spec.with_image(NEW))
    assert error.rolled_back == ()
    assert "delete" not in requests_of(emulator)
    assert len(emulator.live()["container-instance"]) == 3


def test_a_first_apply_is_not_rolled_back(provisioner, emulator):
    """Nothing ran before, so what failed stays for a look at it."""
    emulator.script("web", CRASHES)
    error = failure_of(provisioner, web(replicas=2))
    assert error.rolled_back == ()
    assert emulator.live()["container-instance"]


def test_additional_and_surplus_replicas_go_back_too(provisioner, emulator):
    """Replicas that the change adds are deleted, and those that it removes stay until all others work."""
    for before, after in ((2, 3), (3, 2)):
        spec = web(replicas=before)
        deployment = provisioner.apply(spec)
        emulator.script(NEW, CRASHES)
        failure_of(provisioner, web(NEW, replicas=after))
        assert_as_before(provisioner, emulator, deployment, spec)
        provisioner.destroy("web")


def test_another_step_that_fails_brings_a_rollout_back(provisioner, emulator):
    """When the apply fails elsewhere, replicas are not left half-way between two images."""
    spec = DeploymentSpec("web", [web(replicas=2, rollout=ROLLOUTS["stop first"])])
    before = provisioner.apply(spec)
    jobs = InstanceSpec("jobs", image_url="docker.io/acme/jobs:1")
    emulator.script("jobs", CRASHES)
    checked = evolve(web(NEW, replicas=2, rollout=ROLLOUTS["stop first"]), health_checks=[SLOW_CHECK])
    error = failure_of(provisioner, spec.with_instance(checked).with_instance(jobs))
    assert list(error.causes) == ["container-instance/jobs-0"]
    after = instances_of(error.deployment)
    assert after.pop("container-instance/jobs-0")
    assert after == instances_of(before)
    assert all(one.is_active for one in provisioner.get("web").instances if one.name.startswith("web"))


def test_what_failed_is_diagnosed_before_it_is_deleted(provisioner, emulator):
    """The error has the last lines of a container that is gone, and both survive pickling."""
    provisioner.apply(web(replicas=3))
    emulator.script(NEW, CRASHES)
    error = failure_of(provisioner, web(NEW, replicas=3))
    assert error.diagnosis is not None
    assert "no app.toml" in str(error.diagnosis)
    assert pickle.loads(pickle.dumps(error)).rolled_back == error.rolled_back  # noqa: S301 our own bytes


@basic_rollouts
def test_events_tell_the_way_back(provisioner, emulator, rollout):
    """Handlers hear which instances go back before one is deleted, and for each where its traffic goes."""
    before = instances_of(provisioner.apply(web(replicas=2, rollout=rollout)))
    emulator.script(NEW, CRASHES)
    heard = []

    def handler(event):
        heard.append(event)
        if isinstance(event, ReplacementUndone):
            assert event.new_resource_id in emulator.live()["container-instance"]
            assert "delete" not in requests_of(emulator)

    failure_of(provisioner, web(NEW, replicas=2, rollout=rollout), on_event=handler)
    (started,) = (one for one in heard if isinstance(one, RollbackStarted))
    undone = [one for one in heard if isinstance(one, ReplacementUndone)]
    assert started.reason.startswith("container-instance/web-")
    assert {one.key: one.old_resource_id for one in undone}.items() <= before.items()
    assert not [one for one in heard if isinstance(one, ReplacementReady)]
    assert isinstance(heard[-1], ApplyStopped)
    assert heard[-1].reason.endswith(f"rolled back: {', '.join(one.key for one in undone)}")


def test_a_change_in_place_waits_until_the_replicas_work(provisioner, emulator, sdk):
    """Beside a replica that is replaced, one that only gets another name does so last: nothing is to be undone."""
    spec = web(NEW, replicas=2)
    old = instances_of(provisioner.apply(web(replicas=2)))
    emulator.inject(Fault.error("delete_container_instance", "InvalidParameter", nth=2))
    new = instances_of(failure_of(provisioner, spec).deployment)
    kept = {one.id for one in emulator.lifetimes() if one.deleting is None}
    (behind,) = (key for key in old if old[key] in kept)
    sdk("container_instances.ContainerInstanceClient").delete_container_instance(new[behind])
    emulator.script(NEW, CRASHES)
    renamed = evolve(spec, display_name="shop")
    actions = {str(step.key): step.action for step in provisioner.plan(renamed).changes}
    assert actions.pop(behind) is Action.REPLACE
    assert list(actions.values()) == [Action.UPDATE]
    failure_of(provisioner, renamed)
    assert "update_container_instance" not in {one.operation for one in emulator.requests}
    emulator.script(NEW, ContainerScript())
    provisioner.apply(renamed)
    assert [one.display_name for one in provisioner.get("web").instances] == ["shop-0", "shop-1"]


def test_a_fixed_address_cannot_be_rolled_back_and_the_plan_says_so(provisioner, emulator):
    """A stopped instance holds its address, so the old one is deleted first, and the plan says that before."""
    spec = web(private_ip="10.0.0.9")
    provisioner.apply(spec)
    plan = provisioner.plan(spec.with_image(NEW))
    assert "cannot be rolled back: the old one is deleted first, because its address is fixed" in " ".join(
        str(plan).split()
    )
    emulator.script(NEW, CRASHES)
    error = failure_of(provisioner, plan)
    assert error.rolled_back == ()
    assert set(requests_of(emulator)) == {"create", "delete"}
    assert error.deployment.resources["container-instance/web-0"] in emulator.live()["container-instance"]


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        (ROLLOUTS["overlap"], "the old one stays until all new ones work; if one does not, they are deleted"),
        (ROLLOUTS["stop first"], "the old one stays stopped until all new ones work"),
    ],
)
def test_a_plan_says_what_happens_on_failure(provisioner, rollout, said):
    """The text of a plan says that and how the replicas would go back."""
    provisioner.apply(web(replicas=2, rollout=rollout))
    plan = provisioner.plan(web(NEW, replicas=2, rollout=rollout))
    assert f"rolled back: {said}" in " ".join(str(plan).split())
    assert [step.keeps_old for step in plan.changes] == [True, True]


def test_a_roll_back_that_fails_is_told_and_the_next_apply_continues(provisioner, emulator):
    """If the new instance cannot be deleted the error says so; the old spec, applied again, deletes it."""
    before = provisioner.apply(web())
    emulator.script(NEW, CRASHES)
    emulator.inject(Fault.error("delete_container_instance", "InvalidParameter"))
    error = failure_of(provisioner, web(NEW))
    assert error.rolled_back == ()
    said = "The roll-back is not complete: delete_container_instance for container-instance/web-0: 400"
    assert said in str(error)
    assert provisioner.apply(web()) == before
    assert_as_before(provisioner, emulator, before, web())


@basic_rollouts
def test_a_roll_back_that_is_cancelled_continues_with_the_next_apply(provisioner, emulator, rollout):
    """Cancelling as the roll-back begins sends nothing more; the error says that it is not complete."""
    spec = web(replicas=2, rollout=rollout)
    before = provisioner.apply(spec)
    emulator.script(NEW, CRASHES)
    cancel = Cancel()

    def stop(event):
        if isinstance(event, RollbackStarted):
            cancel.set("interrupted by the test")

    error = failure_of(provisioner, spec.with_image(NEW), on_event=stop, cancel=cancel)
    assert "The roll-back is not complete" in str(error)
    assert not {"delete", "start"} & set(requests_of(emulator))
    assert failure_of(provisioner, spec.with_image(NEW)).rolled_back
    assert_as_before(provisioner, emulator, before, spec)


@basic_rollouts
def test_the_old_spec_ends_a_rollout_that_was_left_half_way(provisioner, emulator, rollout):
    """Applying what ran before, after a rollout that nothing brought back, starts and keeps the old instances."""
    spec = web(replicas=2, rollout=rollout)
    before = provisioner.apply(spec)
    emulator.inject(Fault.reset("create_container_instance", nth=2, times=None))
    failure_of(provisioner, spec.with_image(NEW))
    emulator.clear_faults()
    assert provisioner.apply(spec) == before
    assert_as_before(provisioner, emulator, before, spec)


def test_an_instance_that_is_just_being_stopped_is_started_again(provisioner, clock):
    """An apply after a stop that was cut off waits for the end of the stop, and starts the instance."""
    deployment = provisioner.apply(web())
    with pytest.raises(Cancelled):
        deployment.stop(cancel=Cancel(after_seconds=1, clock=clock))
    before = clock.time()
    assert provisioner.apply(web()) == deployment
    assert clock.time() - before < 120
    assert provisioner.get("web").instances[0].is_active
