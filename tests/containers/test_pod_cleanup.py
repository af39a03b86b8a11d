"""Pods side by side, pods that cannot be started, and the removal of all their objects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ocisidecar.engine import Engine, PodAddress, PodFailed
from ocisidecar.engine.owner import process_start
from tests.containers.bodies import SHELL_IMAGE, agent, body, is_answering, objects_with_label, run_script, shell

pytestmark = pytest.mark.usefixtures("standins")
PROGRAM = f"""
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
"""A program that runs a pod until its standard input ends, and does not close it."""


@pytest.fixture
def pod_process():
    """Starts processes that run a pod; returns the process and the owner label of its objects on the engine."""
    started = []

    def start(name: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "running\n"
        return process, f"ocisidecar.owner={process.pid}-{process_start(process.pid)}"

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_pods_listen_on_one_port_side_by_side(engine, eventually):
    """Two pods listen on the same port in separate networks, and closing them removes all their objects."""
    pods = [engine.run_pod(body(agent(name, 9090)), name=f"beside-{name}") for name in ("one", "two")]
    try:
        for pod in pods:
            eventually(lambda pod=pod: is_answering(pod, 9090))
        assert [run_script(pod, 9090, "echo $$ > /tmp/x; ls /tmp") for pod in pods] == ["x", "x"]
        assert pods[0].address != pods[1].address
        assert objects_with_label(engine, "ocisidecar.pod=beside-one") != []
    finally:
        for pod in pods:
            pod.close()
            pod.close()
    assert objects_with_label(engine, "ocisidecar.pod=beside-one") == []
    assert objects_with_label(engine, "ocisidecar.pod=beside-two") == []


def test_pods_of_one_subnet_reach_each_other(engine, eventually):
    """Pods that request one subnet share its network, and a pod that requests a taken address gets another one."""
    net = f"10.214.{os.getpid() % 200}"
    wanted = [PodAddress(cidr=f"{net}.0/24", ip=f"{net}.{last}") for last in (5, 6, 6)]
    pods = [engine.run_pod(body(agent("web", 80)), name=f"net-{n}", address=at) for n, at in enumerate(wanted)]
    try:
        eventually(lambda: all(is_answering(pod, 80) for pod in pods))
        assert [pod.address for pod in pods[:2]] == [at.ip for at in wanted[:2]]
        assert not pods[2].address.startswith(f"{net}.")
        url = f"http://{pods[1].address}"
        fetch = f"import urllib.request as r; print(r.urlopen('{url}').status)"
        assert run_script(pods[0], 80, f'python3 -c "{fetch}"') == "204"
    finally:
        for pod in pods:
            pod.close()


@pytest.mark.parametrize("has_routes", [True, False])
def test_a_range_that_is_in_use_is_not_taken(engine, monkeypatch, has_routes):
    """A pod that requests a subnet of another `Engine` gets an address in another range."""
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
    assert objects_with_label(engine, "ocisidecar.pod=range-1") == []


@pytest.mark.parametrize("ip", ["10.216.0.1", "10.217.0.9"])
def test_an_address_that_no_pod_can_have_is_replaced(engine, ip):
    """A pod that requests the gateway's address, or one outside its subnet, gets another address."""
    wanted = PodAddress(cidr="10.216.0.0/24", ip=ip)
    pod = engine.run_pod(body(shell("web", "exec sleep 60")), name="no-address", address=wanted)
    assert pod.address not in {"", ip}
    pod.close()


def test_pods_that_start_and_close_concurrently_do_not_interfere(engine):
    """Pods of one subnet, started and closed by 4 threads, have their addresses and leave no object."""
    net = f"10.218.{os.getpid() % 200}"

    def come_and_go(number: int) -> str:
        wanted = PodAddress(cidr=f"{net}.0/24", ip=f"{net}.{number + 10}")
        pod = engine.run_pod(body(shell("web", "exec sleep 60")), name="at-once", address=wanted)
        pod.close()
        return pod.address

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(come_and_go, range(4))) == [f"{net}.{number + 10}" for number in range(4)]
    assert objects_with_label(engine, "ocisidecar.pod=at-once") == []


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
    """The error names the container and the engine's reason, and no object of the pod remains."""
    failing = {**shell("web", "sleep 60"), **container}
    with pytest.raises(PodFailed, match=message):
        engine.run_pod(body(shell("first", "exec sleep 60"), failing), name="failing")
    assert objects_with_label(engine, "ocisidecar.pod=failing") == []


def test_a_published_port_that_is_taken_is_rejected(engine):
    """A second pod on one port fails with the engine's message, and the first continues to run."""
    sleeping = body(shell("web", "exec sleep 60"))
    first = engine.run_pod(sleeping, name="port-1", publish={80: 0})
    try:
        port = int(first.url(80).rpartition(":")[2])
        with pytest.raises(PodFailed, match="port is already allocated"):
            engine.run_pod(sleeping, name="port-2", publish={80: port})
        assert first.containers[0].is_running
    finally:
        first.close()


def test_container_names_must_be_unique(engine):
    """Two containers with one name are rejected."""
    with pytest.raises(PodFailed, match="duplicate displayName"):
        engine.run_pod(body(shell("web", "true"), shell("web", "true")), name="twins")


def test_file_storage_is_rejected(engine):
    """A volume of the File Storage service is rejected, because a local pod cannot mount it."""
    volume = {"volumeType": "OCI_FSS_FILE_SYSTEM", "name": "files"}
    with pytest.raises(PodFailed, match="files is of type OCI_FSS_FILE_SYSTEM, which a local pod cannot mount"):
        engine.run_pod(body(shell("web", "true"), volumes=[volume]), name="files")


def test_a_killed_process_leaves_nothing_after_the_next_sweep(engine, pod_process):
    """A sweep keeps the objects of a live process, and removes all of them after kill -9."""
    process, label = pod_process("swept")
    engine.sweep()
    assert len(objects_with_label(engine, label)) >= 4
    process.send_signal(signal.SIGKILL)
    process.wait()
    engine.sweep()
    assert objects_with_label(engine, label) == []


def test_an_interpreter_that_exits_closes_its_pods(engine, pod_process):
    """An interpreter that exits removes pods that were not closed, without a sweep."""
    process, label = pod_process("exiting")
    process.communicate("\n")
    assert process.returncode == 0
    assert objects_with_label(engine, label) == []


def test_ctrl_c_leaves_nothing(engine, pod_process):
    """A program that is interrupted with Ctrl-C removes its pod before it exits."""
    process, label = pod_process("interrupted")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert objects_with_label(engine, label) == []
