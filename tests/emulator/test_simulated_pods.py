"""Simulated containers: their scripts' effects, seen through the API."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.emulator import ContainerScript
from ocisidecar.emulator.pods import Pod
from ocisidecar.emulator.simulated_pods import SimulatedPods


class RecordingCallbacks:
    """Callbacks that record what is reported."""

    def __init__(self):
        self.start = self.end = inf

    def started(self, at):
        self.start = at

    def over(self, at):
        self.end = at


def launched(scripts, containers, policy, *, is_instant=False):
    """Return pods with one that runs since 0, and its callbacks."""
    pods, callbacks = SimulatedPods(scripts, is_instant=is_instant), RecordingCallbacks()
    details = {"containerRestartPolicy": policy}
    pod = Pod(id="pod", details=details, containers=containers, address="10.0.0.2", subnet="10.0.0.0/24", region="")
    pods.launch(pod, 0, callbacks)
    return pods, callbacks


@pytest.fixture
def run(emulator, instances, make_instance):
    """Starts an instance whose container follows a script; returns a function that reads the container."""

    def start(script, policy="ALWAYS", **members):
        emulator.script("web", script)
        containers = [{"displayName": "web", "imageUrl": "web:1.4", **members}]
        made = make_instance(containers=containers, containerRestartPolicy=policy).data
        start.instance_id = made.id
        start.container_id = made.containers[0].container_id
        return lambda: instances.get_container(start.container_id).data

    return start


def test_a_container_runs_and_says_so(run, instances, clock):
    """By default it runs, has no exit code, is healthy, and its log grows in OCI's line format."""
    read = run(ContainerScript(lines=["hello"]), healthChecks=[{"healthCheckType": "TCP", "port": 80}])
    seen = read()
    assert (seen.lifecycle_state, seen.lifecycle_details) == ("ACTIVE", "CONTAINER_RUNNING")
    assert (seen.exit_code, seen.container_restart_attempt_count) == (None, 0)
    assert seen.health_checks[0].status == "HEALTHY"
    first = instances.retrieve_logs(run.container_id).data.text.splitlines()
    assert first[-1].endswith("Z stdout F hello")
    clock.advance(60)
    assert len(instances.retrieve_logs(run.container_id).data.text.splitlines()) == len(first) + 2


@pytest.mark.parametrize(("policy", "code"), [("NEVER", 3), ("NEVER", 0), ("ON_FAILURE", 0)])
def test_an_instance_is_inactive_after_its_containers_ended(run, instances, clock, refusal, policy, code):
    """Container and instance turn INACTIVE, with the exit code, and logs get 409 from then on."""
    read = run(ContainerScript(exits_after_seconds=5, exit_code=code), policy)
    clock.advance(4)
    assert instances.get_container_instance(run.instance_id).data.lifecycle_state == "ACTIVE"
    clock.advance(1)
    assert instances.get_container_instance(run.instance_id).data.lifecycle_state == "INACTIVE"
    seen = read()
    assert (seen.lifecycle_state, seen.lifecycle_details, seen.exit_code) == (
        "INACTIVE",
        "CONTAINER_TERMINATED",
        code,
    )
    assert seen.time_terminated is not None
    assert refusal(instances.retrieve_logs, run.container_id).code == "IncorrectState"


@pytest.mark.parametrize(("policy", "code"), [("ALWAYS", 0), ("ALWAYS", 1), ("ON_FAILURE", 1)])
def test_a_crash_loop_counts_its_restarts(run, instances, clock, policy, code):
    """The container is started again and again, the instance stays ACTIVE, and the last run's log is kept."""
    read = run(ContainerScript(exits_after_seconds=1, exit_code=code, lines=["boom"]), policy)
    assert read().container_restart_attempt_count == 0
    clock.advance(12)
    seen = read()
    assert (seen.container_restart_attempt_count, seen.exit_code) == (1, code)
    clock.advance(300)
    assert read().container_restart_attempt_count > 2
    assert instances.get_container_instance(run.instance_id).data.lifecycle_state == "ACTIVE"
    assert "boom" in instances.retrieve_logs(run.container_id, is_previous=True).data.text


def test_there_is_no_previous_run_at_first(run, instances, refusal):
    """A request with isPrevious gets 404 before the first restart."""
    run(ContainerScript())
    assert refusal(instances.retrieve_logs, run.container_id, is_previous=True).status == 404


def test_running_out_of_memory_is_exit_137(run, clock):
    """An out-of-memory kill has exit code 137, whatever the script's exit code is."""
    read = run(ContainerScript(exits_after_seconds=1, is_out_of_memory=True), "NEVER")
    clock.advance(1)
    assert read().exit_code == 137


def test_an_unhealthy_container_is_killed_and_restarted(run, clock):
    """A failing check with KILL ends the run after delay and threshold; the restart policy starts the next one."""
    check = {
        "healthCheckType": "HTTP",
        "path": "/",
        "port": 80,
        "initialDelayInSeconds": 10,
        "intervalInSeconds": 5,
        "failureThreshold": 2,
    }
    read = run(ContainerScript(is_healthy=False), healthChecks=[check])
    assert read().health_checks[0].status == "UNKNOWN"
    clock.advance(21)
    assert (read().exit_code, read().container_restart_attempt_count) == (137, 0)
    clock.advance(10)
    assert read().container_restart_attempt_count == 1


def test_an_unhealthy_container_may_stay(run, clock):
    """With the failure action NONE the check is UNHEALTHY and the container keeps running."""
    check = {"healthCheckType": "TCP", "port": 80, "failureAction": "NONE", "intervalInSeconds": 1}
    read = run(ContainerScript(is_healthy=False), healthChecks=[check])
    clock.advance(100)
    seen = read()
    assert (seen.lifecycle_state, seen.health_checks[0].status) == ("ACTIVE", "UNHEALTHY")


def test_scripts_are_found_by_name_or_image():
    """The last pattern that matches the name or the image counts."""
    scripts = {"*": ContainerScript(exits_after_seconds=1), "db:*": ContainerScript()}
    containers = {
        "one": {"displayName": "web", "imageUrl": "web:1"},
        "two": {"displayName": "store", "imageUrl": "db:1"},
    }
    pods, _ = launched(scripts, containers, "NEVER")
    assert pods.status("one", 5).is_over
    assert not pods.status("two", 5).is_over


@given(
    st.sampled_from(["ALWAYS", "NEVER", "ON_FAILURE"]),
    st.one_of(st.none(), st.integers(0, 50)),
    st.integers(0, 2),
    st.lists(st.integers(0, 2000), min_size=2, max_size=2),
)
def test_time_never_undoes_a_run(policy, seconds, code, moments):
    """Restarts never decrease, an ended container stays ended, and it ends at the reported time."""
    earlier, later = sorted(moments)
    details = {"displayName": "web", "imageUrl": "web:1"}
    scripts = {"*": ContainerScript(exits_after_seconds=seconds, exit_code=code)}
    pods, callbacks = launched(scripts, {"one": details}, policy)
    before, after = pods.status("one", earlier), pods.status("one", later)
    assert before.restarts <= after.restarts
    assert before.is_over <= after.is_over
    assert callbacks.start == 0
    assert after.is_over == (callbacks.end <= later)
    assert (callbacks.end == inf) == (
        policy == "ALWAYS" or seconds is None or (policy == "ON_FAILURE" and code != 0)
    )


def test_logs_keep_the_newest_part(run, instances):
    """Logs contain the last 256 KB of the output."""
    run(ContainerScript(lines=["x" * 1024] * 300 + ["last"]))
    content = instances.retrieve_logs(run.container_id).data.content
    assert len(content) == 256 * 1024
    assert content.endswith(b"last\n")


CHECK = {"healthCheckType": "TCP", "port": 80, "initialDelayInSeconds": 30}


def test_in_a_cloud_where_nothing_takes_time_checks_pass_at_once(run):
    """Without latencies a container that is healthy has no initial delay."""
    assert run(ContainerScript(), healthChecks=[CHECK])().health_checks[0].status == "HEALTHY"


@pytest.mark.parametrize(("is_instant", "early"), [(True, "HEALTHY"), (False, "UNKNOWN")])
def test_where_containers_take_time_checks_begin_after_their_initial_delay(is_instant, early):
    """A check has no result before its initial delay is over, unless nothing takes time."""
    details = {"displayName": "web", "imageUrl": "web:1", "healthChecks": [CHECK]}
    pods, _ = launched({}, {"one": details}, "ALWAYS", is_instant=is_instant)
    assert [pods.status("one", moment).health for moment in (29, 30)] == [[early], ["HEALTHY"]]


def test_a_check_that_fails_takes_its_time(run):
    """A container that is not healthy is not UNHEALTHY at once: restarts and thresholds keep their meaning."""
    assert run(ContainerScript(is_healthy=False), healthChecks=[CHECK])().health_checks[0].status == "UNKNOWN"
