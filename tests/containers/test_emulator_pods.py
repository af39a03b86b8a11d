"""Container instances of the emulator with real containers: applied, read, stopped, started and destroyed."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from attrs import evolve

from ocisidecar import (
    ApplyFailed,
    Cancel,
    Cancelled,
    HealthCheck,
    InstanceSpec,
    Provisioner,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.clock import FastClock
from ocisidecar.emulator import Latencies
from ocisidecar.events import StepWaiting

PORT = 8080
SERVER = """
import functools, http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("serving", flush=True)
pages = functools.partial(http.server.SimpleHTTPRequestHandler, directory="/shared")
http.server.ThreadingHTTPServer(("", 8080), pages).serve_forever()
"""
WRITER = "trap 'exit 6' TERM; echo written >> /shared/index.html; echo written; sleep 1000 & wait"


@pytest.fixture
def local(engine):
    """Makes provisioners whose containers are real."""
    engine.sweep()
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Provisioner.local(containers="docker", **options))


@pytest.fixture
def web(image, standins):
    """A server and a sidecar that writes what it serves."""
    shared = VolumeSpec.empty_dir("shared")
    return (
        InstanceSpec("web", image_url=standins["python"], ports=[PORT], command=["python3", "-c", SERVER])
        .with_volume(shared, mount_path="/shared")
        .with_sidecar(
            SidecarSpec("writer", image_url=image, command=["bash", "-c", WRITER], mounts={"/shared": shared})
        )
    )


@pytest.fixture
def left(engine):
    """A function that returns the objects that this process has created on the engine since and not removed."""
    before = set(engine.owned_objects())
    return lambda: set(engine.owned_objects()) - before


def page(url: str) -> str:
    """Return the page of a server, or an empty text while the server does not listen."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/")
    except ConnectionRefusedError:
        return ""
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def state_of(deployment):
    """Return the state of the first instance, and its containers by name."""
    (instance, *_) = deployment.refresh().instances
    return instance.lifecycle_state, {one.name: one for one in instance.containers}


def test_an_instance_runs_stops_starts_and_goes(local, web, left, eventually):
    """Output and exit codes are those of the programs, volumes begin empty, and a destroy removes all objects."""
    provisioner = local()
    deployment = provisioner.apply(web)
    instance_id = deployment.instances[0].id
    state, containers = state_of(deployment)
    assert state == "ACTIVE"
    assert [one.lifecycle_details for one in containers.values()] == ["CONTAINER_RUNNING"] * 2
    reach = provisioner.emulator.reach
    eventually(lambda: page(reach(instance_id, PORT)) == "written\n")
    eventually(lambda: [line.text for line in deployment.logs("writer")] == ["written"])

    deployment.stop()
    state, containers = state_of(deployment)
    assert (state, containers["web"].exit_code, containers["writer"].exit_code) == ("INACTIVE", 5, 6)
    assert containers["web"].lifecycle_details == "CONTAINER_TERMINATED"
    assert reach(instance_id, PORT) is None

    deployment.start()
    state, containers = state_of(deployment)
    assert (state, containers["web"].is_running, containers["web"].restart_count) == ("ACTIVE", True, 0)
    deployment.restart()
    eventually(lambda: page(reach(instance_id, PORT)) == "written\n")

    provisioner.destroy("web")
    assert left() == set()


def test_closing_the_emulator_removes_what_runs(local, web, left):
    """Reset and close leave no container, volume or network."""
    provisioner = local()
    provisioner.apply(web)
    provisioner.emulator.reset()
    assert left() == set()
    provisioner.apply(web)
    provisioner.close()
    assert left() == set()


def test_closing_leaves_nothing_of_what_is_just_being_started(local, web, left):
    """After a cancelled apply, whose containers are just starting, `close` leaves no object on the engine."""
    provisioner, cancel = local(), Cancel()

    def call_off(event):
        if isinstance(event, StepWaiting) and event.key == "container-instance/web-0":
            cancel.set("enough")

    with pytest.raises(Cancelled):
        provisioner.apply(web, on_event=call_off, cancel=cancel)
    provisioner.close()
    assert left() == set()


def test_closing_waits_for_no_grace_period(local, web, left):
    """`close` removes containers at once, even during a stop with a grace period of five minutes."""
    provisioner, cancel = local(), Cancel()
    deaf = evolve(web, command=["sleep", "1000"], graceful_shutdown_timeout_in_seconds=300)
    provisioner.apply(deaf)

    def call_off(event):
        if isinstance(event, StepWaiting) and event.key == "container-instance/web-0":
            cancel.set("enough")

    with pytest.raises(Cancelled):
        provisioner.destroy("web", on_event=call_off, cancel=cancel)
    provisioner.close()
    assert left() == set()


def test_closing_waits_for_no_registry(local, web, left):
    """`close` ends an instance whose image is being pulled from a registry that never answers."""
    provisioner, cancel = local(), Cancel()
    with ExitStack() as sockets:
        silent = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))

        def call_off():
            sockets.enter_context(silent.accept()[0])
            cancel.set("enough")

        threading.Thread(target=call_off).start()
        with pytest.raises(Cancelled):
            provisioner.apply(web.with_image(f"127.0.0.1:{silent.getsockname()[1]}/acme/web:1"), cancel=cancel)
        provisioner.close()
        assert left() == set()


def test_deployments_with_one_range_of_addresses_run_side_by_side(local, web, eventually):
    """Two instances with the same private IP in two networks of 10.0.0.0/16 are reached at different URLs."""
    provisioner = local()
    deployments = provisioner.apply([evolve(web, name=name) for name in ("one", "two")])
    addresses = {deployment.instances[0].private_ip for deployment in deployments}
    urls = {provisioner.emulator.reach(deployment.instances[0].id, PORT) for deployment in deployments}
    assert (len(addresses), len(urls)) == (1, 2)
    for url in urls:
        eventually(lambda url=url: page(url) == "written\n")


def test_an_instance_is_active_when_its_time_has_come_and_it_runs(local, web):
    """An instance with a latency of 2 s is ACTIVE after 2 s at the earliest, and its containers then run."""
    provisioner = local(latencies=Latencies(container_instance_create=2))
    provisioner.apply(web)
    (lived,) = (one for one in provisioner.emulator.lifetimes() if one.kind == "container-instance")
    assert lived.ready >= lived.created + 2
    assert state_of(provisioner.get("web"))[1]["web"].is_running


def test_a_missing_image_fails_the_apply(local, web, left):
    """The instance is FAILED, the error names the image, and nothing of the pod is left."""
    provisioner = local()
    missing = "127.0.0.1:1/acme/nowhere:9"
    with pytest.raises(ApplyFailed, match="nowhere:9"):
        provisioner.apply(web.with_image(missing))
    deployment = provisioner.get("web")
    assert state_of(deployment)[0] == "FAILED"
    assert "image-pull-failed" in [finding.cause for finding in deployment.diagnose().findings]
    assert left() == set()


def test_a_job_that_ends_takes_its_instance_along(local, image, eventually):
    """Under NEVER an instance becomes INACTIVE when its containers have exited, and keeps their exit codes."""
    job = InstanceSpec("job", image_url=image, command=["false"], container_restart_policy="NEVER")
    provisioner = local()
    deployment = provisioner.apply(job, wait="ready")
    eventually(lambda: state_of(deployment)[0] == "INACTIVE")
    assert state_of(deployment)[1]["job"].exit_code == 1


def test_a_crash_loop_and_an_oom_kill_have_different_causes(local, image, standins, eventually):
    """verify() fails for a crash loop; diagnose() distinguishes it from an OOM kill and shows its last line."""
    spec = InstanceSpec(
        "web", image_url=image, command=["bash", "-c", "echo no configuration; exit 3"]
    ).with_sidecar(
        SidecarSpec(
            "hungry",
            image_url=standins["python"],
            command=["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"],
            memory_limit_in_gbs=0.05,
            is_essential=False,
        )
    )
    provisioner = local(clock=FastClock(20))
    deployment = provisioner.apply(spec, wait="ready")
    eventually(lambda: all(one.restart_count for one in state_of(deployment)[1].values()))
    failures = {(check.name, check.key.rpartition("/")[2]) for check in deployment.verify().failures}
    assert ("restarts", "web") in failures
    found = {finding.key.rpartition("/")[2]: finding for finding in deployment.diagnose().findings}
    assert (found["web"].cause, found["hungry"].cause) == ("crash-loop", "out-of-memory")
    assert any("no configuration" in line for line in found["web"].evidence)


def test_a_failed_health_check_is_reported_with_its_reason(local, image, eventually):
    """The failure that verify() reports for a refused health check names the check and the refusal."""
    check = HealthCheck.tcp(9, interval_in_seconds=1, initial_delay_in_seconds=0, failure_action="NONE")
    spec = InstanceSpec("web", image_url=image, command=["sleep", "1000"], health_checks=[check])
    deployment = local(clock=FastClock(20)).apply(spec, wait="ready")
    eventually(lambda: state_of(deployment)[1]["web"].health == "UNHEALTHY")
    (failure,) = (one for one in deployment.verify().failures if one.name == "health")
    assert "UNHEALTHY TCP 9: " in str(failure)
    assert "refused" in str(failure)


def test_running_instances_have_the_service_s_own_metrics(local, web, eventually):
    """The memory of an instance in `oci_computecontainerinstance` is the sum of that of its containers."""
    deployment = local(clock=FastClock(60)).apply(web)
    eventually(lambda: len(deployment.metrics("MemoryUsed[1m].max()")) > 1)
    whole, *_ = deployment.metrics("MemoryUsed[1m].max()")
    share, *_ = deployment.metrics("MemoryUtilization[1m].max()")
    parts = [row for row in deployment.metrics("ContainerMemoryUsed[1m].max()") if row.time == whole.time]
    assert whole.dimensions["resourceDisplayName"] == "web-0"
    assert {row.dimensions["containerDisplayName"] for row in parts} == {"web", "writer"}
    assert whole.value == sum(row.value for row in parts) > 1e6
    assert share.value == pytest.approx(100 * whole.value / (deployment.instances[0].memory_in_gbs * 1024**3))
