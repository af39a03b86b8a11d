"""Pods beside each other, pods that cannot be started, and what is left of any of them: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ocisidecar.engine import Engine, PodAddress, PodFailed
from ocisidecar.engine.owner import process_start
from tests.containers.bodies import SHELL_IMAGE, agent, ask, body, is_answering, shell, things

pytestmark = pytest.mark.usefixtures("standins")
SLEEPER = f"""
import sys
from ocisidecar.engine import Engine, PodAddress
container = {{"displayName": "web", "imageUrl": "{SHELL_IMAGE}", "command": ["sleep", "600"]}}
mount = {{"mountPath": "/data", "volumeName": "data"}}
details = {{
    "shape": "CI.Standard.E4.Flex",
    "shapeConfig": {{"ocpus": 1, "memoryInGBs": 1}},
    "containers": [container | {{"volumeMounts": [mount]}}],
    "volumes": [{{"volumeType": "EMPTYDIR", "name": "data"}}],
}}
pod = Engine.connect().run_pod(details, name=sys.argv[1])
print("running", flush=True)
sys.stdin.readline()
"""
"""A program that runs a pod until its input ends, and closes nothing itself."""


@pytest.fixture
def sleeper():
    """Starts processes that run a pod; returns the process and the label of all that it has on the engine."""
    started = []

    def start(name: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SLEEPER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "running\n"
        return process, f"ocisidecar.owner={process.pid}-{process_start(process.pid)}"

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_pods_listen_on_one_port_side_by_side(engine, eventually):
    """Each has a network of its own to listen in, and what they have is gone when they are closed."""
    pods = [engine.run_pod(body(agent(name, 9090)), name=f"beside-{name}") for name in ("one", "two")]
    try:
        for pod in pods:
            eventually(lambda pod=pod: is_answering(pod, 9090))
        assert [ask(pod, 9090, "echo $$ > /tmp/x; ls /tmp") for pod in pods] == ["x", "x"]
        assert pods[0].address != pods[1].address
        assert things(engine, "ocisidecar.pod=beside-one") != []
    finally:
        for pod in pods:
            pod.close()
            pod.close()
    assert things(engine, "ocisidecar.pod=beside-one") + things(engine, "ocisidecar.pod=beside-two") == []


def test_pods_of_one_subnet_reach_each_other(engine, eventually):
    """Two pods that ask for addresses in one subnet share its network; a third asking for a taken one does not."""
    net = f"10.214.{os.getpid() % 200}"
    wanted = [PodAddress(cidr=f"{net}.0/24", ip=f"{net}.{last}") for last in (5, 6, 6)]
    pods = [engine.run_pod(body(agent("web", 80)), name=f"net-{n}", address=at) for n, at in enumerate(wanted)]
    try:
        eventually(lambda: all(is_answering(pod, 80) for pod in pods))
        assert [pod.address for pod in pods[:2]] == [at.ip for at in wanted[:2]]
        assert not pods[2].address.startswith(f"{net}.")
        url = f"http://{pods[1].address}"
        fetch = f"import urllib.request as r; print(r.urlopen('{url}').status)"
        assert ask(pods[0], 80, f'python3 -c "{fetch}"') == "204"
    finally:
        for pod in pods:
            pod.close()


@pytest.mark.parametrize("has_routes", [True, False])
def test_a_range_that_is_in_use_is_left_alone(engine, monkeypatch, has_routes):
    """Of two engine objects that want one subnet the second gets its pod into another."""
    net = f"10.215.{os.getpid() % 200}"
    wanted = PodAddress(cidr=f"{net}.0/24", ip=f"{net}.9")
    sleeping = body(shell("web", "exec sleep 60"))
    with Engine.connect() as other:
        first = other.run_pod(sleeping, name="range-1", address=wanted)
        assert first.address == wanted.ip
        monkeypatch.setattr(engine._networks, "_has_routes", has_routes)
        second = engine.run_pod(sleeping, name="range-2", address=wanted)
        assert not second.address.startswith(f"{net}.")
        second.close()
    assert things(engine, "ocisidecar.pod=range-1") == []


@pytest.mark.parametrize("ip", ["10.216.0.1", "10.217.0.9"])
def test_an_address_that_no_pod_can_have_is_not_given(engine, ip):
    """The gateway's, and one outside the subnet: the pod gets another."""
    wanted = PodAddress(cidr="10.216.0.0/24", ip=ip)
    pod = engine.run_pod(body(shell("web", "exec sleep 60")), name="no-address", address=wanted)
    assert pod.address not in {"", ip}
    pod.close()


def test_pods_that_come_and_go_at_the_same_time_do_not_meet(engine):
    """Threads start and close pods in one subnet; each has its address, and nothing is left."""
    net = f"10.218.{os.getpid() % 200}"

    def come_and_go(number: int) -> str:
        wanted = PodAddress(cidr=f"{net}.0/24", ip=f"{net}.{number + 10}")
        pod = engine.run_pod(body(shell("web", "exec sleep 60")), name="at-once", address=wanted)
        pod.close()
        return pod.address

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(come_and_go, range(4))) == [f"{net}.{number + 10}" for number in range(4)]
    assert things(engine, "ocisidecar.pod=at-once") == []


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"imageUrl": "127.0.0.1:1/acme/web:1"}, "image 127.0.0.1:1/acme/web:1 is not on the engine .* pulled: .*"),
        ({"command": ["/no/such"], "arguments": []}, "Container web could not be started: .*/no/such.*"),
        ({"volumeMounts": [{"mountPath": "/x", "volumeName": "gone"}]}, "/x mounts the volume 'gone'"),
        ({"securityContext": {"isNonRootUserCheckEnabled": True}}, "web would run as root"),
        ({"resourceConfig": {"memoryLimitInGBs": 0.001}}, "could not be started: .*[Mm]emory"),
    ],
)
def test_a_pod_that_cannot_be_started_says_why_and_leaves_nothing(engine, container, message):
    """The error names the container and the engine's reason; what was made for the pod is gone."""
    failing = {**shell("web", "sleep 60"), **container}
    with pytest.raises(PodFailed, match=message):
        engine.run_pod(body(shell("first", "exec sleep 60"), failing), name="failing")
    assert things(engine, "ocisidecar.pod=failing") == []


def test_a_published_port_that_is_taken_is_refused(engine):
    """The second pod on one port of the host fails with the engine's words, and the first goes on."""
    sleeping = body(shell("web", "exec sleep 60"))
    first = engine.run_pod(sleeping, name="port-1", publish={80: 0})
    try:
        port = int(first.url(80).rpartition(":")[2])
        with pytest.raises(PodFailed, match="port is already allocated"):
            engine.run_pod(sleeping, name="port-2", publish={80: port})
        assert first.containers[0].is_running
    finally:
        first.close()


def test_containers_need_names_of_their_own(engine):
    """They are read by name, so a name that two have is refused."""
    with pytest.raises(PodFailed, match="duplicate displayName"):
        engine.run_pod(body(shell("web", "true"), shell("web", "true")), name="twins")


def test_file_storage_is_refused(engine):
    """A volume of the File Storage service cannot be mounted on a laptop."""
    volume = {"volumeType": "OCI_FSS_FILE_SYSTEM", "name": "files"}
    with pytest.raises(PodFailed, match="files is of type OCI_FSS_FILE_SYSTEM, which a local pod cannot mount"):
        engine.run_pod(body(shell("web", "true"), volumes=[volume]), name="files")


def test_a_killed_process_leaves_nothing_after_the_next_sweep(engine, sleeper):
    """What a live process has is left alone; after kill -9 the next sweep removes all of it."""
    process, label = sleeper("swept")
    engine.sweep()
    assert len(things(engine, label)) >= 4
    process.send_signal(signal.SIGKILL)
    process.wait()
    engine.sweep()
    assert things(engine, label) == []


def test_an_interpreter_that_exits_closes_its_pods(engine, sleeper):
    """Nothing is left of a pod that nobody closed, without any sweep."""
    process, label = sleeper("exiting")
    process.communicate("\n")
    assert process.returncode == 0
    assert things(engine, label) == []


def test_ctrl_c_leaves_nothing(engine, sleeper):
    """An interrupted program removes its pod on its way out."""
    process, label = sleeper("interrupted")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert things(engine, label) == []
