"""How containers of a pod exit, are restarted, and what is reported about it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import docker
import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.engine import owner
from tests.containers.bodies import body, shell

pytestmark = pytest.mark.usefixtures("standins")


class RecordingClock(VirtualClock):
    """A virtual clock that records the requested sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        self.sleeps.append(seconds)
        super().sleep(seconds, wake)


@pytest.fixture
def run(engine):
    """Starts pods that are closed with the test."""
    with ExitStack() as stack:

        def start(*containers, policy="NEVER", volumes=(), **options):
            details = body(*containers, containerRestartPolicy=policy, volumes=list(volumes))
            pod = engine.run_pod(details, name="life", **options)
            stack.callback(pod.close)
            return pod

        yield start


def texts(log: str) -> list[str]:
    """Return a log's lines without their timestamps."""
    return [line.partition(" ")[2] for line in log.splitlines()]


def test_a_crash_loop_is_counted_and_backs_off(run, eventually):
    """ALWAYS restarts after 10, 20 and 40 s, and exit code and output of the previous run can be read."""
    clock = RecordingClock()
    pod = run(shell("web", "echo boom $RANDOM; exit 3"), policy="ALWAYS", clock=clock)
    eventually(lambda: pod.containers[0].restarts >= 3)
    state = pod.containers[0]
    assert (state.exit_code, state.is_over, state.is_out_of_memory) == (3, False, False)
    assert texts(pod.logs("web", previous=True))[0].startswith("stdout F boom")
    assert clock.sleeps[:3] == [10, 20, 40]


def test_on_failure_restarts_until_it_succeeds(run, eventually):
    """ON_FAILURE ends with a run that exits with 0; each run has the image's files and the pod's volumes."""
    script = "test ! -e /mark && touch /mark && echo x >> /data/runs && exit $((2 - $(wc -l < /data/runs)))"
    mounts = [{"mountPath": "/data", "volumeName": "data"}]
    pod = run(
        shell("web", script, volumeMounts=mounts),
        policy="ON_FAILURE",
        volumes=[{"volumeType": "EMPTYDIR", "name": "data"}],
        clock=RecordingClock(),
    )
    eventually(lambda: pod.containers[0].is_over)
    state = pod.containers[0]
    assert (state.restarts, state.exit_code, state.is_running) == (1, 0, False)


LITTLE = {"memoryLimitInGBs": 0.03125}
HOG = "tail /dev/zero"


def test_oom_kills_and_exit_codes_are_reported(run, eventually):
    """Under NEVER each container ends once: OOM-killed, after a child was OOM-killed, or with its exit code.

    The parent has children killed until the engine has reported one, because the engine loses some of these events.
    """
    client = docker.from_env()
    since = time.time()
    pod = run(
        shell("hog", f"exec {HOG}", resourceConfig=LITTLE),
        shell("parent", f"until [ -e /go ]; do ({HOG}); sleep 0.1; done", resourceConfig=LITTLE),
        shell("own", "exit 42"),
    )
    filters = {"event": "oom", "label": f"{owner.CONTAINER}=parent"}
    eventually(lambda: [*client.events(since=since, until=time.time(), filters=filters)])
    client.containers.list(filters={"label": filters["label"]})[0].exec_run(["touch", "/go"])
    eventually(lambda: all(state.is_over for state in pod.containers))
    found = {state.name: (state.exit_code, state.is_out_of_memory, state.restarts) for state in pod.containers}
    assert found == {"hog": (137, True, 0), "parent": (0, True, 0), "own": (42, False, 0)}
    for state in pod.containers:
        assert state.started_at <= state.ended_at
        assert pod.usage(state.name) is None


def test_an_oom_kill_is_detected_even_if_the_engine_lost_it(run, eventually, monkeypatch):
    """Without the engine's flag an OOM kill is still detected, and a kill by a client is not taken for one.

    Another signal before it, which the container survived, is not a kill.
    """
    inspect = docker.APIClient.inspect_container

    def forget(self, container):
        found = inspect(self, container)
        found["State"]["OOMKilled"] = False
        return found

    monkeypatch.setattr(docker.APIClient, "inspect_container", forget)
    pod = run(
        shell("hog", f"exec {HOG}", resourceConfig=LITTLE),
        shell("victim", "exec sleep 1000"),
        shell("survivor", f"until [ -e /go ]; do sleep 0.1; done; exec {HOG}", resourceConfig=LITTLE),
    )
    client = docker.from_env()
    victim, survivor = (
        client.containers.list(filters={"label": f"{owner.CONTAINER}={name}"})[0] for name in ("victim", "survivor")
    )
    victim.kill()
    survivor.kill("SIGWINCH")
    survivor.exec_run(["touch", "/go"])
    eventually(lambda: all(state.is_over for state in pod.containers))
    found = {state.name: (state.exit_code, state.is_out_of_memory) for state in pod.containers}
    assert found == {"hog": (137, True), "victim": (137, False), "survivor": (137, True)}


def test_output_has_oci_s_format(run, eventually):
    """Both streams are ordered by time, long lines are split into parts, and the first run has no previous one."""
    pod = run(shell("web", "head -c 40000 /dev/zero | tr '\\0' a; echo; sleep 0.1; echo b >&2; printf c"))
    eventually(lambda: pod.containers[0].is_over)
    lines = texts(pod.logs("web"))
    assert [(line[:8], len(line) - 9) for line in lines] == [
        ("stdout P", 16384),
        ("stdout P", 16384),
        ("stdout F", 40000 - 2 * 16384),
        ("stderr F", 1),
        ("stdout F", 1),
    ]
    assert pod.logs("web", previous=True) is None


def test_a_stop_terminates_first_and_kills_later(run, eventually):
    """A program that handles SIGTERM exits with its code, one that ignores it is killed after the grace period."""
    polite = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    pod = run(shell("polite", polite), shell("deaf", deaf), policy="ALWAYS")
    eventually(lambda: pod.logs("polite") and pod.logs("deaf"))
    pod.stop(1)
    assert [(state.exit_code, state.is_over) for state in pod.containers] == [(7, True), (137, True)]
    assert texts(pod.logs("polite"))[-1] == "stdout F bye"


def test_a_start_after_a_stop_starts_from_scratch(run, eventually):
    """After a second start volumes are empty and restarts count from 0."""
    mounts = [{"mountPath": "/data", "volumeName": "data"}]
    pod = run(
        shell("web", "ls /data | wc -l; touch /data/x; exec sleep 60", volumeMounts=mounts),
        volumes=[{"volumeType": "EMPTYDIR", "name": "data"}],
    )
    eventually(lambda: pod.logs("web"))
    pod.stop(0)
    pod.start()
    eventually(lambda: pod.logs("web"))
    assert texts(pod.logs("web")) == ["stdout F 0"]
    state = pod.containers[0]
    assert (state.is_running, state.restarts, state.exit_code) == (True, 0, None)


def test_the_listener_may_close_the_pod(run, eventually):
    """The listener is called after a container exited, and may close the pod itself."""
    closed = threading.Event()
    pods = []

    def listener() -> None:
        if pods and pods[0].containers[0].is_over:
            pods[0].close()
            closed.set()

    pods.append(run(shell("web", "sleep 0.3"), on_change=listener))
    eventually(closed.is_set)


def test_a_stop_ends_the_back_off(run, eventually):
    """A stop during the back-off ends the wait, and the container is not restarted."""
    pod = run(shell("web", "exit 1"), policy="ALWAYS")
    eventually(lambda: pod.containers[0].exit_code == 1)
    pod.stop(30)
    assert [(state.is_over, state.restarts) for state in pod.containers] == [(True, 0)]


def test_a_container_that_another_client_removes_is_restarted(engine, run, eventually):
    """`docker rm -f` ends a run like a kill, and the restart policy applies."""
    pod = run(shell("web", "exec sleep 60"), policy="ALWAYS", clock=VirtualClock())
    labels = ["ocisidecar.pod=life", "ocisidecar.container=web"]
    engine.api.remove_container(engine.api.containers(filters={"label": labels})[0]["Id"], force=True)
    eventually(lambda: pod.containers[0].restarts == 1 and pod.containers[0].is_running)
