"""An apply ends when the app works, and at once when containers fail for good."""

from __future__ import annotations

import pytest

from ocisidecar import (
    ApplyFailed,
    Cancel,
    Cancelled,
    ConfigError,
    HealthCheck,
    InstanceSpec,
    ResourceFailed,
    SidecarSpec,
    StepWaiting,
    StepWarning,
)
from ocisidecar.emulator import ContainerScript, Latencies

WEB = InstanceSpec("web", image_url="web:1", ports=[80])
KEY = "container-instance/web-0"


@pytest.fixture
def emulator(make_provisioner):
    """An emulator in which creating an instance takes its time."""
    return make_provisioner(latencies=Latencies(container_instance_create=20)).emulator


@pytest.fixture
def provisioner(emulator, connect):
    """A provisioner that treats the emulator as it treats the cloud."""
    return connect(emulator)


def failure_of(provisioner, spec, **options):
    """Return the error with which the apply of a spec ends, and that of its instance."""
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(spec, **options)
    assert list(caught.value.causes) == [KEY]
    cause = caught.value.causes[KEY]
    assert isinstance(cause, ResourceFailed)
    return caught.value, cause


def test_a_crash_loop_ends_the_apply_with_diagnosis_and_last_lines(provisioner, emulator, clock):
    """After three restarts the apply fails, long before its timeout, and says what the container wrote last."""
    emulator.script("web", ContainerScript(exits_after_seconds=1, exit_code=3, lines=("no app.toml",)))
    before = clock.time()
    error, cause = failure_of(provisioner, WEB)
    assert cause.errors[0].startswith("web is restarting repeatedly (")
    assert "exit code 3" in str(cause)
    assert error.diagnosis is not None
    assert "no app.toml" in str(error.diagnosis)
    assert clock.time() - before < WEB.rollout.healthy_timeout_in_seconds / 2
    assert error.deployment.resources[KEY] in emulator.live()["container-instance"]


@pytest.mark.parametrize(
    ("action", "said"), [("NONE", "web fails its health check (alive)"), ("KILL", "web is restarting repeatedly")]
)
def test_a_failing_health_check_ends_the_apply(provisioner, emulator, clock, action, said):
    """UNHEALTHY is final, and so are the restarts that a check with the action KILL causes."""
    emulator.script("web", ContainerScript(is_healthy=False))
    check = HealthCheck.http(80, name="alive", failure_action=action)
    before = clock.time()
    _, cause = failure_of(provisioner, InstanceSpec("web", image_url="web:1", ports=[80], health_checks=[check]))
    assert said in str(cause)
    assert clock.time() - before < 300


def test_a_container_that_ends_for_good_ends_the_apply(provisioner, emulator):
    """Without restarts, an exit code other than 0 is a failure and 0 is success: the container was a job."""
    job = InstanceSpec("web", image_url="web:1", container_restart_policy="NEVER")
    emulator.script("web", ContainerScript(exits_after_seconds=2, exit_code=1))
    _, cause = failure_of(provisioner, job)
    assert "web ended with exit code 1" in str(cause)
    provisioner.destroy("web")
    emulator.script("web", ContainerScript(exits_after_seconds=2, exit_code=0))
    assert provisioner.apply(job).resources[KEY]


def test_a_crash_after_a_few_seconds_is_not_missed(provisioner, emulator):
    """Without checks, a container must keep running for a while before it counts as working."""
    emulator.script("web", ContainerScript(exits_after_seconds=4, exit_code=1))
    _, cause = failure_of(provisioner, WEB)
    assert "web is restarting repeatedly" in str(cause)


def test_ready_does_not_look_at_containers(provisioner, emulator):
    """With wait="ready" the apply ends when OCI shows the instance as ACTIVE, and asks nothing about containers."""
    emulator.script("web", ContainerScript(exits_after_seconds=0, exit_code=1))
    provisioner.apply(WEB, wait="ready")
    assert not {"list_containers", "get_container"} & {one.operation for one in emulator.requests}


def test_another_word_than_these_is_refused_before_any_request(provisioner, emulator):
    """A typing error in `wait` changes nothing."""
    with pytest.raises(ConfigError, match="healthy, ready"):
        provisioner.apply(WEB, wait="helthy")
    assert not any(one.is_write for one in emulator.requests)


def test_a_sidecar_that_is_not_essential_only_warns(provisioner, emulator):
    """The apply succeeds and reports the sidecar's failure as a warning."""
    emulator.script("extra", ContainerScript(exits_after_seconds=0, exit_code=1))
    spec = WEB.with_sidecar(SidecarSpec("extra", image_url="extra:1", is_essential=False))
    heard = []
    provisioner.apply(spec, on_event=heard.append)
    (warning,) = (one for one in heard if isinstance(one, StepWarning))
    assert warning.key == KEY
    assert warning.message.startswith("extra ended with exit code 1")


def test_health_costs_lists_and_one_get_for_each_checked_container(provisioner, emulator):
    """A fleet's containers are listed together; only those with health checks are asked one by one."""
    spec = InstanceSpec("web", image_url="web:1", replicas=10, health_checks=[HealthCheck.http(80)])
    spec = spec.with_sidecar(SidecarSpec("aide", image_url="aide:1"))
    provisioner.apply(spec)
    operations = [one.operation for one in emulator.requests]
    polls = operations.count("list_containers")
    assert operations.count("get_container") <= 10 * polls
    assert polls < 20


def test_a_replaced_instance_that_crashes_keeps_the_old_one(provisioner, emulator):
    """The old instance is deleted only when the new one works."""
    before = provisioner.apply(WEB)
    emulator.script("web", ContainerScript(exits_after_seconds=0, exit_code=1))
    failure_of(provisioner, WEB.with_image("web:2"))
    assert before.resources[KEY] in emulator.live()["container-instance"]


def test_an_instance_that_an_interrupted_run_left_must_become_healthy_too(provisioner, emulator):
    """The next apply waits until it works, and fails when it does not; it does not create a second one."""
    emulator.script("web", ContainerScript(exits_after_seconds=0, exit_code=1))
    cancel = Cancel()

    def stop(event):
        if isinstance(event, StepWaiting) and event.key == KEY:
            cancel.set("interrupted by the test")

    with pytest.raises(Cancelled):
        provisioner.apply(WEB, on_event=stop, cancel=cancel)
    failure_of(provisioner, WEB)
    assert len(emulator.live()["container-instance"]) == 1
