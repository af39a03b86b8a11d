"""Ownership labels, and which objects may be swept."""

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


def test_objects_of_live_processes_are_not_swept():
    """Neither objects of this process nor of another live process are swept."""
    me = Owner.current()
    parent = evolve(me, pid=os.getppid(), started=process_start(os.getppid()))
    assert not me.may_sweep(me.labels)
    assert not me.may_sweep(parent.labels)


def test_objects_of_dead_processes_are_swept(dead):
    """Objects of a process of this machine are swept once it has ended."""
    assert Owner.current().may_sweep(dead)


def test_a_reused_process_id_is_another_process():
    """A live process with the id of a dead one does not protect the dead one's objects."""
    me = Owner.current()
    before = evolve(me, started="1")
    assert me.may_sweep(before.labels)


def test_a_zombie_is_dead():
    """A killed process that its parent has not waited for counts as dead."""
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
def test_objects_of_unknown_owners_are_not_swept(dead, change):
    """Objects of other PID namespaces, and objects with invalid labels, are not swept."""
    assert not Owner.current().may_sweep({**dead, **change})


def test_an_object_without_the_library_s_label_is_not_swept(dead):
    """An object without the library's label is not swept, even if all other labels match."""
    del dead[KIND]
    assert not Owner.current().may_sweep(dead)


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_a_process_that_the_system_hides_counts_as_alive(monkeypatch, error):
    """A live process that proc does not show, as with hidepid, keeps its objects."""
    me = Owner.current()
    parent = evolve(me, pid=os.getppid(), started=process_start(os.getppid()))

    def refuse(path, *_arguments):
        raise error(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert not me.may_sweep(parent.labels)


def test_machines_with_one_host_name_have_different_namespaces(monkeypatch, tmp_path):
    """Two machines with one host name but different machine ids have different PID namespaces."""
    namespaces = set()
    for number in range(2):
        ids = tmp_path / str(number)
        ids.write_text(f"machine {number}")
        monkeypatch.setattr("ocisidecar.engine.owner._MACHINE_ID", ids)
        namespaces.add(Owner.current().pid_namespace)
    assert len(namespaces) == 2
