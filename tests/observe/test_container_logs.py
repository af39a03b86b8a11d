"""Logs of containers, read and followed through the real SDK against the emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest

from ocisidecar import Cancel, Cancelled, InstanceSpec, SidecarSpec, SpecError
from ocisidecar.emulator import ContainerScript, Fault

WEB = InstanceSpec("web", image_url="web:1").with_sidecar(SidecarSpec("helper", image_url="helper:1"))
JOB = InstanceSpec("job", image_url="job:1", container_restart_policy="NEVER")


@pytest.fixture
def deployment(oci_provisioner, oci_emulator):
    """Two containers, which have written a line at the start and one every 30 s since, for 90 s."""
    oci_emulator.script("helper", ContainerScript(lines=["helping"]))
    applied = oci_provisioner.apply(WEB)
    oci_emulator.clock.advance(90)
    return applied


def texts(lines):
    return [line.text for line in lines]


def test_logs_are_merged_in_the_order_of_time(deployment):
    """All containers' lines come as one, oldest first, each with its instance and container."""
    lines = list(deployment.logs())
    times = [line.time for line in lines]
    assert times == sorted(times)
    assert {(line.instance, line.container) for line in lines} == {("web-0", "web"), ("web-0", "helper")}
    assert "helping" in texts(lines)


def test_logs_of_one_container(deployment):
    """A container's name selects it in every instance; an instance's name selects that one."""
    assert texts(deployment.logs("helper", instance="web-0")) == [
        "helper: started helper:1",
        "listening",
        "helping",
        "alive",
        "alive",
        "alive",
    ]


@pytest.mark.parametrize(
    ("arguments", "field", "said"),
    [
        ({"container": "helpr"}, "container", "did you mean 'helper'?"),
        ({"instance": "web-1"}, "instance", "there are web-0"),
        ({"tail": -1}, "tail", "0 lines or more"),
        ({"follow": True, "previous": True}, "previous", "cannot be followed"),
        ({"since": datetime(2026, 1, 1)}, "since", "time zone"),  # noqa: DTZ001 - that is the mistake
    ],
)
def test_a_wrong_argument_is_told_at_once(deployment, arguments, field, said):
    """Before the first line is asked for, with the name of the argument."""
    with pytest.raises(SpecError, match=said) as caught:
        deployment.logs(**arguments)
    assert [fault.path for fault in caught.value.problems] == [field]


def test_tail_counts_for_each_container(deployment):
    """`tail=1` gives the last line of each."""
    assert [(line.container, line.text) for line in deployment.logs(tail=1)] == [
        ("web", "alive"),
        ("helper", "alive"),
    ]
    assert list(deployment.logs(tail=0)) == []


def test_since_leaves_out_what_is_older(deployment, oci_emulator):
    """A moment or how long ago it was; both say the same."""
    moment = datetime.fromtimestamp(oci_emulator.clock.time(), UTC) - timedelta(seconds=45)
    recent = texts(deployment.logs("web", since=moment))
    assert recent == ["alive", "alive"] == texts(deployment.logs("web", since=timedelta(seconds=45)))


def test_the_previous_run_can_be_read(oci_provisioner, oci_emulator):
    """After a restart the run before is there, its last words included."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["dying"]))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    oci_emulator.clock.advance(16)
    assert texts(deployment.logs()) == ["web: started web:1", "listening", "dying"]
    assert texts(deployment.logs(previous=True)) == ["web: started web:1", "listening", "dying", "exiting"]


def test_a_first_run_has_no_previous_one(deployment):
    """That is said in a note, not raised: other containers may have one."""
    (line,) = deployment.logs("web", previous=True)
    assert (line.stream, line.text) == ("note", "there is no earlier run")


def test_an_ended_container_has_no_log(oci_provisioner, oci_emulator):
    """OCI refuses it; a note says so and what to do."""
    oci_emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = oci_provisioner.apply(JOB)
    oci_emulator.clock.advance(60)
    (line,) = deployment.logs()
    assert line.stream == "note"
    assert "ended" in line.text


def test_a_refused_log_is_told(deployment, oci_emulator):
    """A missing right for one container hides no other's lines."""
    oci_emulator.inject(Fault.error("retrieve_logs", "NotAuthorizedOrNotFound"))
    notes = [line for line in deployment.logs() if line.stream == "note"]
    assert len(notes) == 1
    assert "permission is missing" in notes[0].text


def test_following_shows_every_line_once(deployment, oci_emulator):
    """What is written while following comes as it is written, nothing twice and nothing left out."""
    followed = list(islice(deployment.logs("web", follow=True), 12))
    assert followed == list(deployment.logs("web"))
    assert oci_emulator.clock.time() - followed[0].time.timestamp() == pytest.approx(300, abs=2)


def test_following_can_begin_at_the_end(deployment):
    """`tail=0` shows only what is written from now on."""
    first = next(deployment.logs("web", follow=True, tail=0))
    assert first.time.timestamp() > list(deployment.logs("web"))[-2].time.timestamp()


def test_following_goes_on_after_restarts(oci_provisioner, oci_emulator):
    """The last words of each run come before the first of the next."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    run = ["web: started web:1", "listening", "exiting"]
    assert texts(islice(deployment.logs(follow=True), 9)) == run * 3


def test_a_gap_is_told(oci_provisioner, oci_emulator):
    """When more than the window was written between two looks, a note stands where lines are missing."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["x" * 1000] * 300))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    lines = deployment.logs(follow=True)
    before = list(takewhile(lambda line: line.stream != "note", lines))
    assert before[-1].text == "exiting"
    assert next(lines).text == "x" * 1000


def test_runs_that_nobody_looked_at_are_told(oci_provisioner, oci_emulator):
    """When a container restarted more than once between two looks, what it wrote meanwhile may be missing."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    lines = deployment.logs(follow=True)
    assert next(lines).text == "web: started web:1"
    oci_emulator.clock.advance(45)
    assert "restarted more than once" in next(line for line in lines if line.stream == "note").text


def test_following_ends_with_the_containers(oci_provisioner, oci_emulator):
    """When all have ended for good nothing more can come: a note says so and the iteration is over."""
    oci_emulator.script("job", ContainerScript(exits_after_seconds=5))
    lines = list(oci_provisioner.apply(JOB).logs(follow=True))
    assert texts(lines[:2]) == ["job: started job:1", "listening"]
    assert lines[-1].stream == "note"


def test_following_waits_for_a_stopped_container_that_may_come_back(deployment, oci_emulator):
    """While its instance is being changed a container has no log; what it writes afterwards is shown."""
    oci_emulator.inject(Fault.error("retrieve_logs", "IncorrectState", times=4))
    assert texts(islice(deployment.logs("web", follow=True), 2)) == ["web: started web:1", "listening"]


def test_following_ends_when_the_deployment_is_gone(oci_provisioner, deployment):
    """A container that was deleted, or that nobody may read, is not asked for ever."""
    lines = deployment.logs("web", follow=True)
    assert next(lines).text == "web: started web:1"
    oci_provisioner.destroy("web", purge=True)
    assert list(lines)[-1].stream == "note"


@pytest.mark.parametrize(
    "refusals",
    [
        {"retrieve_logs": "NotAuthorizedOrNotFound"},
        {"retrieve_logs": "IncorrectState", "get_container_instance": "NotAuthorizedOrNotFound"},
    ],
)
def test_following_ends_when_a_request_says_gone(deployment, oci_emulator, refusals):
    """404 for the container or for its instance: no more will come of it."""
    oci_emulator.inject(*(Fault.error(operation, code, times=None) for operation, code in refusals.items()))
    assert [line.stream for line in deployment.logs("web", follow=True)] == ["note"]


def test_following_can_be_cancelled(deployment):
    """After `set` no more requests are sent."""
    cancel = Cancel()
    lines = deployment.logs("web", follow=True, cancel=cancel)
    next(lines)
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        list(lines)
