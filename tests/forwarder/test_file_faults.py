"""Errors of the file system: what fails is unknown, is named once and counted, and hinders nothing else."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.forwarder.faults import FileSystem
from tests.forwarder.simulation import Simulation

ERRORS = [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE]


@pytest.fixture
def file_system(monkeypatch, logs):
    """The log directory's file system, whose functions can be made to fail."""
    return FileSystem(logs, monkeypatch)


@pytest.fixture
def simulation(logs):
    (logs / "app").mkdir()
    return Simulation(logs)


def named(capsys):
    """Return the paths in the forwarder's errors, each as often as it was logged."""
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [one["path"] for one in logged if one["level"] == "ERROR"]


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("function", "path"),
    [
        ("scandir", "app"),
        ("stat", "app/a.log"),
        ("open", "app/a.log"),
        ("pread", "app/a.log"),
        ("fstat", "app/a.log"),
    ],
)
def test_an_error_is_named_and_hinders_nothing_else(simulation, file_system, capsys, function, path, code):
    """Whatever fails with whatever error, other files are shipped; the file is, too, when the error is gone."""
    file_system.fail(function, path, code)
    for name in ("app/a.log", "b.log"):
        simulation.write(name, ".\n")
    simulation.drain()
    assert simulation.subjects == {"b.log"}
    assert simulation.metrics.get("unreadable_files") == 1
    assert simulation.metrics.get("file_errors_total") > 1
    assert named(capsys) == [f"{path}/" if function == "scandir" else path]
    file_system.heal()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("unreadable_files") == 0
    assert simulation.metrics.get("lost_bytes_total") == 0


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("path", ["", "app"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
def test_a_directory_that_cannot_be_listed_is_not_empty(simulation, file_system, path, code, is_restarted):
    """After an hour without a listing, of the root or below, no line is sent again and the next ones arrive."""
    for name in ("app/a.log", "b.log"):
        simulation.write(name, ".\n")
    simulation.drain()
    file_system.fail("scandir", path, code)
    if is_restarted:
        simulation.kill()
    simulation.wait(3000)
    simulation.drain()
    file_system.heal()
    for name in ("app/a.log", "b.log"):
        simulation.write(name, ".\n")
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("lost_bytes_total") == 0


def test_a_missing_root_is_not_empty(simulation, logs):
    """A log directory that is gone for a while, as during a new mount, costs no line and changes no id."""
    simulation.write("b.log", ".\n")
    simulation.drain()
    logs.rename(logs.with_name("elsewhere"))
    simulation.wait(60)
    simulation.step()
    logs.with_name("elsewhere").rename(logs)
    simulation.write("b.log", ".\n")
    simulation.drain()
    simulation.check()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to play another user")
@pytest.mark.parametrize("mode", [0o644, 0o311, 0o000], ids=oct)
def test_a_directory_without_permissions(capsys, mode):
    """A directory that another user can list and not enter, or enter and not list, is named once and counted."""
    with tempfile.TemporaryDirectory() as directory:
        logs = Path(directory)
        (logs / "app").mkdir()
        simulation = Simulation(logs)
        for path in [logs, *logs.rglob("*")]:
            os.chown(path, 10001, -1)
        simulation.write("app/a.log", ".\n")
        simulation.write("b.log", ".\n")
        os.chown(logs / "app", 0, -1)
        (logs / "app").chmod(mode)
        os.seteuid(10001)
        try:
            simulation.drain()
        finally:
            os.seteuid(0)
        assert simulation.subjects == {"b.log"}
        assert len(named(capsys)) == 1
        assert simulation.metrics.get("unreadable_files") == 1
        (logs / "app").chmod(0o755)
        simulation.drain()
        simulation.check()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_full_volume_hinders_no_line(simulation, file_system, code):
    """While the state cannot be saved lines are shipped, and it is saved when the error is gone."""
    file_system.fail("save", "", code)
    simulation.write("b.log", ".\n")
    simulation.drain()
    assert len(simulation.arrived) == 1
    assert simulation.metrics.get("save_failures_total") > 0
    file_system.heal()
    simulation.reader.on_idle()
    simulation.kill()
    simulation.drain()
    simulation.check()


def test_a_directory_is_renamed_again_and_again(simulation, logs):
    """The lines of files whose directory and names change between all scans arrive once."""
    names = ["x", "y", "z"]
    (logs / "app").rename(logs / "x")
    for number in range(60):
        old, new = names[number % 3], names[(number + 1) % 3]
        simulation.write(f"{old}/{number % 2}.log", ".\n")
        (logs / old).rename(logs / new)
        if number % 5 == 0 and (logs / new / "0.log").exists():
            (logs / new / "0.log").rename(logs / new / "1.log.1")
        simulation.step()
        simulation.accept(0, is_acknowledged=True)
    simulation.drain()
    simulation.check()
