"""Interrupting a run: by Ctrl-C, a deadline, another thread, a handler, or a handler's exception.

However it ends, what exists is listed, nothing new is sent, and the same call continues where it stopped.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from ocisidecar import (
    ApplyStopped,
    Cancel,
    Cancelled,
    ConfigError,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    Provisioner,
    ReplacementReady,
    StepFinished,
    StepStarted,
)
from ocisidecar.clock import SystemClock, VirtualClock
from ocisidecar.emulator import Emulator, Fault, Latencies

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80], replicas=2)],
    logging=LoggingSpec.deployment(),
)
SLOW = Latencies(identity=1, network=1, logging=2, container_instance_create=20, container_instance_delete=10)
POINTS = sys.maxsize if os.environ.get("OCISIDECAR_FULL") == "1" else 4
"""How many moments of a run are tried, spread evenly; all of them with OCISIDECAR_FULL=1."""


class InterruptingClock(VirtualClock):
    """Sends this process a real SIGINT when the coordinating thread waits for the n-th time."""

    def __init__(self):
        super().__init__()
        self.left = sys.maxsize

    def receive(self, *args, **options):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return super().receive(*args, **options)


@pytest.fixture
def clock():
    return InterruptingClock()


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which everything takes time."""
    return make_provisioner(latencies=SLOW)


def assert_listed(error, provisioner):
    """Assert that the error lists what exists, as far as OCI has returned its OCID."""
    listed = error.deployment.resources
    found = {one.name: one for one in provisioner.list()}["web"].resources if listed else {}
    assert listed.items() <= found.items()
    assert {key.partition("/")[0] for key in found.keys() - listed.keys()} <= {"log-group", "log"}
    assert f"{len(listed)} resources exist" in str(error)


def assert_continues(provisioner):
    """Assert that an apply, and then a destroy, leave nothing missing, duplicated or left over."""
    deployment = provisioner.apply(SPEC)
    emulator = provisioner.emulator
    assert not provisioner.plan(SPEC).changes
    assert {one for ids in emulator.live().values() for one in ids} == set(deployment.resources.values())
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}


def waits_of(provisioner, clock, job):
    """Return how often the coordinating thread waits during `job`."""
    clock.left = sys.maxsize
    job(provisioner)
    return sys.maxsize - clock.left


def test_ctrl_c_at_any_moment_of_an_apply_loses_nothing(make_provisioner, clock):
    """A real SIGINT during any wait of an apply ends in Cancelled, and the next apply continues."""
    one = make_provisioner(latencies=SLOW)
    total = waits_of(one, clock, lambda one: one.apply(SPEC))
    one.destroy("web", purge=True)
    for wait in range(1, total, max(1, total // POINTS)):
        clock.left = wait
        with pytest.raises(Cancelled, match="interrupted by Ctrl-C") as caught:
            one.apply(SPEC)
        assert_listed(caught.value, one)
        assert_continues(one)


def test_ctrl_c_at_any_moment_of_a_destroy_loses_nothing(make_provisioner, clock):
    """A real SIGINT during any wait of a destroy ends in Cancelled, and the next destroy continues."""
    one = make_provisioner(latencies=SLOW)
    one.apply(SPEC)
    total = waits_of(one, clock, lambda one: one.destroy("web", purge=True))
    for wait in range(1, total, max(1, total // POINTS)):
        one.apply(SPEC)
        clock.left = wait
        with pytest.raises(Cancelled, match="interrupted by Ctrl-C"):
            one.destroy("web", purge=True)
        one.destroy("web", purge=True)
        assert one.emulator.live() == {}


def test_after_a_cancel_nothing_is_sent(provisioner, emulator):
    """After a cancel in a handler the requests in flight are answered, and no further one is sent."""
    cancel = Cancel()
    counts = []

    def handler(event):
        if isinstance(event, StepFinished) and event.key == "vcn/main":
            cancel.set("enough")
            counts.append(len(emulator.requests))

    with pytest.raises(Cancelled) as caught:
        provisioner.apply(SPEC, on_event=handler, cancel=cancel)
    assert caught.value.reason.startswith("web was cancelled: enough")
    assert len(emulator.requests) - counts[0] <= 16
    assert not [one for one in emulator.requests[counts[0] :] if one.operation == "create_subnet"]
    assert_listed(caught.value, provisioner)
    assert_continues(provisioner)


def test_a_deadline_ends_a_run_while_it_waits(provisioner, clock):
    """A deadline ends the wait for an instance at that time and not at the next poll."""
    began = clock.time()
    with pytest.raises(Cancelled, match="the deadline of 10 s passed") as caught:
        provisioner.apply(SPEC, cancel=Cancel(after_seconds=10, clock=clock))
    assert 10 <= clock.time() - began < 11
    assert_listed(caught.value, provisioner)
    assert_continues(provisioner)


def test_another_thread_can_cancel_a_run_that_sleeps():
    """A cancel that is set by another thread wakes a run that waits in real time for an instance."""
    cancel = Cancel()
    waiting = threading.Event()

    def handler(event):
        if isinstance(event, StepStarted) and event.key == "container-instance/web-0":
            waiting.set()

    def set_it():
        waiting.wait(30)
        cancel.set("the user closed the window")

    thread = threading.Thread(target=set_it)
    with Provisioner.local(latencies=Latencies(container_instance_create=600)) as one:
        thread.start()
        with pytest.raises(Cancelled, match="closed the window"):
            one.apply(SPEC, on_event=handler, cancel=cancel)
        thread.join()
        assert len(one.get("web").instances) <= 2


def test_a_cancel_that_is_set_already_sends_nothing(provisioner, emulator):
    """An apply with a cancel that is already set sends no request."""
    cancel = Cancel()
    cancel.set("too late")
    with pytest.raises(Cancelled, match="too late"):
        provisioner.apply(SPEC, cancel=cancel)
    assert emulator.requests == ()


@pytest.mark.parametrize("moment", ["StepStarted", "StepWaiting", "StepFinished"])
def test_an_exception_of_the_handler_ends_the_run(provisioner, moment):
    """An exception of a handler propagates unchanged, the run stops, and the next apply continues."""

    def handler(event):
        if type(event).__name__ == moment:
            raise ZeroDivisionError(moment)

    with pytest.raises(ZeroDivisionError, match=moment):
        provisioner.apply(SPEC, on_event=handler)
    assert_continues(provisioner)


def test_ctrl_c_in_a_handler_cancels_the_run(provisioner):
    """A SIGINT while a handler runs ends in Cancelled with what exists."""

    def handler(event):
        if isinstance(event, StepFinished):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Cancelled, match="Ctrl-C") as caught:
        provisioner.apply(SPEC, on_event=handler)
    assert_listed(caught.value, provisioner)
    assert_continues(provisioner)


def test_the_last_event_of_a_cancelled_run_is_apply_stopped(provisioner):
    """The last event of a cancelled run is ApplyStopped with the reason."""
    heard = []
    cancel = Cancel()

    def handler(event):
        heard.append(event)
        if isinstance(event, StepFinished):
            cancel.set("enough")

    with pytest.raises(Cancelled):
        provisioner.apply(SPEC, on_event=handler, cancel=cancel)
    assert isinstance(heard[-1], ApplyStopped)
    assert heard[-1].reason == "cancelled: enough"


def test_cancelling_in_the_switch_keeps_the_old_instance(provisioner, emulator):
    """A cancel in the handler of ReplacementReady leaves both instances; the next apply deletes the old one."""
    provisioner.apply(SPEC)
    newer = SPEC.with_instance(SPEC.instances[0].with_image("fra.ocir.io/acme/web:1.5"))
    cancel = Cancel()

    def handler(event):
        if isinstance(event, ReplacementReady):
            cancel.set("not now")

    with pytest.raises(Cancelled):
        provisioner.apply(newer, on_event=handler, cancel=cancel)
    assert len(emulator.live()["container-instance"]) == 3
    provisioner.apply(newer)
    assert len(emulator.live()["container-instance"]) == 2
    assert not provisioner.plan(newer).changes


PROGRAM = """
import signal, sys
from ocisidecar import Cancelled, DeploymentSpec, InstanceSpec, Provisioner
signal.signal(signal.SIGINT, signal.default_int_handler)
web = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
with Provisioner.from_config() as provisioner:
    try:
        print("ready", flush=True)
        provisioner.apply(web, on_event=lambda event: print(type(event).__name__, flush=True))
    except Cancelled as error:
        print("cancelled", len(error.deployment.resources), flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def run_until(word, emulator):
    """Start the program, send it SIGINT when it has printed `word`, and return its last line."""
    environment = {**os.environ, **emulator.environment}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == word:
                process.send_signal(signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    return rest.splitlines()[-1]


def test_a_process_that_waits_for_an_instance_can_be_interrupted():
    """SIGINT while a process sleeps between two polls ends it with a list of what exists."""
    latencies = Latencies(container_instance_create=600)
    with Emulator(clock=SystemClock(), latencies=latencies) as emulator:
        last = run_until("StepWaiting", emulator)
        assert last == f"cancelled {sum(map(len, emulator.live().values()))}"


def test_a_process_that_is_planning_can_be_interrupted():
    """SIGINT while a read is being retried ends the process without a change."""
    fault = Fault.error("list_vcns", "TooManyRequests", times=None)
    with Emulator(clock=SystemClock(), faults=[fault]) as emulator:
        assert run_until("ready", emulator) == "interrupted"
        assert emulator.live() == {}


def test_the_command_line_ends_with_130(tmp_path):
    """Ctrl-C during `apply` prints what exists to standard error and exits with 130."""
    spec = tmp_path / "web.yaml"
    spec.write_text("name: web\ninstances: [{name: web, image_url: docker.io/acme/web:1.4}]\n")
    command = [sys.executable, "-m", "ocisidecar", "apply", str(spec)]
    with Emulator(latencies=Latencies(container_instance_create=600)) as emulator:
        environment = {**os.environ, **emulator.environment}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            while "create_container_instance" not in {one.operation for one in emulator.requests}:
                process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"web was cancelled: interrupted by Ctrl-C\. \d+ resources exist", stderr)


def test_closing_the_provisioner_ends_a_run(provisioner, web):
    """Closing the provisioner during an apply ends the apply with a ConfigError."""

    def close(event):
        if isinstance(event, StepFinished):
            provisioner.close()

    with pytest.raises(ConfigError, match="closed"):
        provisioner.apply(web, on_event=close)
