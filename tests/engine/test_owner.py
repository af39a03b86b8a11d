"""Whose a thing on the engine is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from ocisidecar.engine.owner import KIND, Owner, process_start


@pytest.fixture
def dead():
    """The labels of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = evolve(Owner.current(), pid=process.pid, started=process_start(process.pid))
        process.communicate(b"\n")
    return owner.labels


def test_the_living_are_not_swept():
    """Neither this process nor another one that runs."""
    me = Owner.current()
    parent = evolve(me, pid=os.getppid(), started=process_start(os.getppid()))
    assert not me.may_sweep(me.labels)
    assert not me.may_sweep(parent.labels)


def test_the_dead_are_swept(dead):
    """What a process of this machine left is fair game once it has ended."""
    assert Owner.current().may_sweep(dead)


def test_an_id_that_was_given_again_is_another_process():
    """A process that has the id of a dead one does not keep its things alive."""
    me = Owner.current()
    before = evolve(me, started="1")
    assert me.may_sweep(before.labels)


def test_a_zombie_is_dead():
    """A killed process that nobody has waited for yet leaves its things behind all the same."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process_start(process.pid) is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(process.pid) is None


@pytest.mark.parametrize(
    "change",
    [
        {"ocisidecar.pid-namespace": "elsewhere"},
        {"ocisidecar.owner": ""},
        {"ocisidecar.owner": "x-1"},
    ],
)
def test_what_is_not_surely_ours_is_left_alone(dead, change):
    """Another machine's dead, and labels that make no sense, are not touched."""
    assert not Owner.current().may_sweep({**dead, **change})


def test_without_our_label_nothing_is_touched(dead):
    """However much the rest looks like ours."""
    del dead[KIND]
    assert not Owner.current().may_sweep(dead)


@pytest.mark.parametrize("trouble", [FileNotFoundError, PermissionError])
def test_who_hides_is_alive(monkeypatch, trouble):
    """What lives but cannot be seen, as where proc is mounted with hidepid, keeps its things."""
    me = Owner.current()
    parent = evolve(me, pid=os.getppid(), started=process_start(os.getppid()))

    def refuse(path, *_arguments):
        raise trouble(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert not me.may_sweep(parent.labels)


def test_machines_of_one_name_are_two_places(monkeypatch, tmp_path):
    """Host names are given twice, so the machine's own id counts too."""
    places = set()
    for number in range(2):
        ids = tmp_path / str(number)
        ids.write_text(f"machine {number}")
        monkeypatch.setattr("ocisidecar.engine.owner._MACHINE_ID", ids)
        places.add(Owner.current().pid_namespace)
    assert len(places) == 2
