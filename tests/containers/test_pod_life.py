"""How containers of a pod end, what follows, and what is told about it."""

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


class Recording(VirtualClock):
    """Time that passes at once and remembers how much was asked for."""

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
    """Return a log's lines without their times."""
    return [line.partition(" ")[2] for line in log.splitlines()]


def test_a_crash_loop_is_counted_and_waits_longer_each_time(run, eventually):
    """ALWAYS restarts after 10, 20, 40 s and so on; code and output of the run before can be read."""
    clock = Recording()
    pod = run(shell("web", "echo boom $RANDOM; exit 3"), policy="ALWAYS", clock=clock)
    eventually(lambda: pod.containers[0].restarts >= 3)
    state = pod.containers[0]
    assert (state.exit_code, state.is_over, state.is_out_of_memory) == (3, False, False)
    assert texts(pod.logs("web", previous=True))[0].startswith("stdout F boom")
    assert clock.sleeps[:3] == [10, 20, 40]


def test_on_failure_restarts_until_it_succeeds(run, eventually):
    """A run that ends with 0 is the last; each run begins with the image's files, the volumes stay."""
    script = "test ! -e /mark && touch /mark && echo x >> /data/runs && exit $((2 - $(wc -l < /data/runs)))"
    mounts = [{"mountPath": "/data", "volumeName": "data"}]
    pod = run(
        shell("web", script, volumeMounts=mounts),
        policy="ON_FAILURE",
        volumes=[{"volumeType": "EMPTYDIR", "name": "data"}],
        clock=Recording(),
    )
    eventually(lambda: pod.containers[0].is_over)
    state = pod.containers[0]
    assert (state.restarts, state.exit_code, state.is_running) == (1, 0, False)


LITTLE = {"memoryLimitInGBs": 0.03125}
HOG = "tail /dev/zero"


def test_memory_and_exit_codes_are_told(run, eventually):
    """Under NEVER each container ends once: killed for its memory, with a child that was, or with its own code.

    The parent outlives its child until the engine has told of it, because the engine may forget what ends at once.
    """
    client = docker.from_env()
    since = time.time()
    pod = run(
        shell("hog", f"exec {HOG}", resourceConfig=LITTLE),
        shell("parent", f"({HOG}); until [ -e /go ]; do sleep 0.1; done", resourceConfig=LITTLE),
        shell("own", "exit 42"),
    )
    label = f"{owner.CONTAINER}=parent"
    told = next(client.events(since=since, filters={"event": "oom", "label": label}, decode=True))
    client.containers.get(told["id"]).exec_run(["touch", "/go"])
    eventually(lambda: all(state.is_over for state in pod.containers))
    found = {state.name: (state.exit_code, state.is_out_of_memory, state.restarts) for state in pod.containers}
    assert found == {"hog": (137, True, 0), "parent": (0, True, 0), "own": (42, False, 0)}
    for state in pod.containers:
        assert state.started_at <= state.ended_at
        assert pod.usage(state.name) is None


def test_memory_is_told_apart_from_a_kill_by_an_engine_that_forgot_it(run, eventually, monkeypatch):
    """The engine loses the news of some that were killed for their memory; somebody's kill is not taken for one.

    Another signal before, which the container survived, is no kill.
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


def test_output_is_in_oci_s_form(run, eventually):
    """Both streams in one order of time, long lines in parts, and no previous run at first."""
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


def test_a_stop_asks_first_and_kills_later(run, eventually):
    """A program that handles SIGTERM ends with its own code, one that does not is killed after the grace time."""
    polite = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    pod = run(shell("polite", polite), shell("deaf", deaf), policy="ALWAYS")
    eventually(lambda: pod.logs("polite") and pod.logs("deaf"))
    pod.stop(1)
    assert [(state.exit_code, state.is_over) for state in pod.containers] == [(7, True), (137, True)]
    assert texts(pod.logs("polite"))[-1] == "stdout F bye"


def test_a_start_after_a_stop_begins_anew(run, eventually):
    """Volumes are empty, restarts count from 0, and the address is the same where it was asked for."""
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


def test_changes_are_told_to_a_listener_that_may_close_the_pod(run, eventually):
    """It is called after a container ended, and closing from within it works."""
    closed = threading.Event()
    pods = []

    def listener() -> None:
        if pods and pods[0].containers[0].is_over:
            pods[0].close()
            closed.set()

    pods.append(run(shell("web", "sleep 0.3"), on_change=listener))
    eventually(closed.is_set)


def test_a_stopped_container_is_not_restarted_from_its_back_off(run, eventually):
    """A stop while a container waits for its restart ends that wait."""
    pod = run(shell("web", "exit 1"), policy="ALWAYS")
    eventually(lambda: pod.containers[0].exit_code == 1)
    pod.stop(30)
    assert [(state.is_over, state.restarts) for state in pod.containers] == [(True, 0)]


def test_a_container_that_somebody_else_removes_is_restarted(engine, run, eventually):
    """`docker rm -f` is a run that was killed; the restart policy decides as always."""
    pod = run(shell("web", "exec sleep 60"), policy="ALWAYS", clock=VirtualClock())
    labels = ["ocisidecar.pod=life", "ocisidecar.container=web"]
    engine.api.remove_container(engine.api.containers(filters={"label": labels})[0]["Id"], force=True)
    eventually(lambda: pod.containers[0].restarts == 1 and pod.containers[0].is_running)
