"""Logs of containers, read and followed in the emulator through the real SDK."""

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
    """A deployment whose two containers have run for 90 s and logged a line every 30 s."""
    oci_emulator.script("helper", ContainerScript(lines=["helping"]))
    applied = oci_provisioner.apply(WEB)
    oci_emulator.clock.advance(90)
    return applied


def texts(lines):
    return [line.text for line in lines]


def test_logs_are_merged_in_the_order_of_time(deployment):
    """The lines of all containers are merged, oldest first, each with its instance and container."""
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
    ("arguments", "field", "message"),
    [
        ({"container": "helpr"}, "container", "did you mean 'helper'?"),
        ({"instance": "web-1"}, "instance", "no instance 'web-1', did you mean 'web-0'"),
        ({"tail": -1}, "tail", "0 lines or more"),
        ({"follow": True, "previous": True}, "previous", "cannot be followed"),
        ({"since": datetime(2026, 1, 1)}, "since", "time zone"),  # noqa: DTZ001 - that is the mistake
    ],
)
def test_a_wrong_argument_is_an_error_at_once(deployment, arguments, field, message):
    """A wrong argument raises SpecError with its name when `logs` is called, before the first line is read."""
    with pytest.raises(SpecError, match=message) as caught:
        deployment.logs(**arguments)
    assert [fault.path for fault in caught.value.problems] == [field]


def test_tail_counts_for_each_container(deployment):
    """`tail=1` gives the last line of each container, and `tail=0` none."""
    assert [(line.container, line.text) for line in deployment.logs(tail=1)] == [
        ("web", "alive"),
        ("helper", "alive"),
    ]
    assert list(deployment.logs(tail=0)) == []


def test_since_leaves_out_older_lines(deployment, oci_emulator):
    """`since` as a time and as a duration before now give the same lines."""
    moment = datetime.fromtimestamp(oci_emulator.clock.time(), UTC) - timedelta(seconds=45)
    recent = texts(deployment.logs("web", since=moment))
    assert recent == ["alive", "alive"] == texts(deployment.logs("web", since=timedelta(seconds=45)))


def test_the_previous_run_can_be_read(oci_provisioner, oci_emulator):
    """After a restart `previous=True` gives the run before it, its last line included."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["dying"]))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    oci_emulator.clock.advance(16)
    assert texts(deployment.logs()) == ["web: started web:1", "listening", "dying"]
    assert texts(deployment.logs(previous=True)) == ["web: started web:1", "listening", "dying", "exiting"]


def test_a_first_run_has_no_previous_one(deployment):
    """A container without a previous run gives a note and no error, because others may have one."""
    (line,) = deployment.logs("web", previous=True)
    assert (line.stream, line.text) == ("note", "there is no previous run")


def test_a_container_that_has_exited_has_no_log(oci_provisioner, oci_emulator):
    """The log of a container that has exited is a note that says so."""
    oci_emulator.script("job", ContainerScript(exits_after_seconds=5))
    deployment = oci_provisioner.apply(JOB)
    oci_emulator.clock.advance(60)
    (line,) = deployment.logs()
    assert line.stream == "note"
    assert "has exited" in line.text


def test_a_refused_log_gives_a_note(deployment, oci_emulator):
    """A missing right for one container gives a note beside the lines of the others."""
    oci_emulator.inject(Fault.error("retrieve_logs", "NotAuthorizedOrNotFound"))
    notes = [line for line in deployment.logs() if line.stream == "note"]
    assert len(notes) == 1
    assert "permission is missing" in notes[0].text


def test_following_shows_every_line_once(deployment, oci_emulator):
    """Following gives the same lines as reading afterwards, each once and as soon as it is written."""
    followed = list(islice(deployment.logs("web", follow=True), 12))
    assert followed == list(deployment.logs("web"))
    assert oci_emulator.clock.time() - followed[0].time.timestamp() == pytest.approx(300, abs=2)


def test_following_can_begin_at_the_end(deployment):
    """`tail=0` with `follow` gives only lines that are written after the call."""
    first = next(deployment.logs("web", follow=True, tail=0))
    assert first.time.timestamp() > list(deployment.logs("web"))[-2].time.timestamp()


def test_following_continues_after_restarts(oci_provisioner, oci_emulator):
    """The last lines of each run come before the first of the next."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    run = ["web: started web:1", "listening", "exiting"]
    assert texts(islice(deployment.logs(follow=True), 9)) == run * 3


def test_a_gap_gives_a_note(oci_provisioner, oci_emulator):
    """A note marks where lines are missing because more than a window was written between two polls."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3, lines=["x" * 1000] * 300))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    lines = deployment.logs(follow=True)
    before = list(takewhile(lambda line: line.stream != "note", lines))
    assert before[-1].text == "exiting"
    assert next(lines).text == "x" * 1000


def test_missed_runs_give_a_note(oci_provisioner, oci_emulator):
    """A note says that lines may be missing if a container restarted more than once between two polls."""
    oci_emulator.script("web", ContainerScript(exits_after_seconds=5, exit_code=3))
    deployment = oci_provisioner.apply(InstanceSpec("web", image_url="web:1"))
    lines = deployment.logs(follow=True)
    assert next(lines).text == "web: started web:1"
    oci_emulator.clock.advance(45)
    assert "restarted more than once" in next(line for line in lines if line.stream == "note").text


def test_following_ends_with_the_containers(oci_provisioner, oci_emulator):
    """Following ends with a note when all containers have exited and will not be restarted."""
    oci_emulator.script("job", ContainerScript(exits_after_seconds=5))
    lines = list(oci_provisioner.apply(JOB).logs(follow=True))
    assert texts(lines[:2]) == ["job: started job:1", "listening"]
    assert lines[-1].stream == "note"


def test_following_waits_for_a_container_that_may_come_back(deployment, oci_emulator):
    """Following continues while a log is unavailable, as during an update of the instance."""
    oci_emulator.inject(Fault.error("retrieve_logs", "IncorrectState", times=4))
    assert texts(islice(deployment.logs("web", follow=True), 2)) == ["web: started web:1", "listening"]


def test_following_ends_when_the_deployment_is_gone(oci_provisioner, deployment):
    """Following ends with a note when the container was deleted."""
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
def test_following_ends_after_404(deployment, oci_emulator, refusals):
    """Following ends with a note after a 404 for the container or for its instance."""
    oci_emulator.inject(*(Fault.error(operation, code, times=None) for operation, code in refusals.items()))
    assert [line.stream for line in deployment.logs("web", follow=True)] == ["note"]


def test_following_can_be_cancelled(deployment):
    """Setting `cancel` ends following with Cancelled and its reason."""
    cancel = Cancel()
    lines = deployment.logs("web", follow=True, cancel=cancel)
    next(lines)
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        list(lines)
