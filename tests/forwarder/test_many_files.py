"""Thousands of files: few descriptors, little work in a poll, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_forwarder import open_files

from tests.forwarder.faults import FileSystem
from tests.forwarder.simulation import Simulation

MANY = 10_000


def descriptors():
    """Return how many descriptors the process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def few_descriptors(monkeypatch):
    """At most 8 open log files."""
    monkeypatch.setattr(open_files, "MAX_OPEN_FILES", 8)


@pytest.mark.usefixtures("few_descriptors")
@pytest.mark.parametrize("kills", [0, 3])
def test_more_files_than_descriptors(logs, kills):
    """Every line of 100 files that are written in turn arrives once with 8 descriptors, also after SIGKILL."""
    simulation = Simulation(logs)
    before = descriptors()
    for turn in range(6):
        for number in range(100):
            if (number + turn) % 3:
                simulation.write(f"{number}.log", ".\n")
        for _ in range(4):
            simulation.step()
            simulation.accept(0, is_acknowledged=turn % 2 == 0)
            assert descriptors() <= before + 8
        if turn < kills:
            simulation.kill()
    simulation.drain()
    simulation.check()


@pytest.mark.usefixtures("few_descriptors")
def test_files_are_renamed_while_they_are_closed(logs):
    """Lines of many files that are rotated while few of them are open arrive once."""
    simulation = Simulation(logs)
    for turn in range(4):
        for number in range(40):
            simulation.write(f"{number}.log", ".\n.\n")
        simulation.step()
        for number in range(turn % 2, 40, 2):
            simulation.rename(f"{number}.log")
        simulation.step()
        simulation.accept(0, is_acknowledged=True)
    simulation.drain()
    simulation.check()


def test_finished_files_are_closed(logs):
    """Files that have not grown for a while are closed, and read on when they grow again."""
    simulation = Simulation(logs)
    before = descriptors()
    for number in range(200):
        simulation.write(f"{number}.log", ".\n")
    simulation.drain()
    assert descriptors() - before <= 128
    simulation.wait(3600)
    simulation.drain()
    assert descriptors() == before
    simulation.write("7.log", ".\n")
    simulation.drain()
    simulation.check()


def test_a_poll_with_ten_thousand_files_examines_few(logs, monkeypatch):
    """With 10,000 finished files a poll examines 600, opens none, and each new line is found within 20 polls."""
    file_system = FileSystem(logs, monkeypatch)
    for number in range(MANY):
        (logs / f"{number}.log").touch()
    simulation = Simulation(logs)
    simulation.drain()
    simulation.write("1234.log", ".\n")
    simulation.write("new.log", ".\n")
    simulation.drain()
    simulation.check()
    file_system.calls.clear()
    for _ in range(40):
        simulation.step()
        simulation.reader.on_idle()
    assert file_system.calls["stat"] <= 40 * 600 + 3000
    assert file_system.calls["open"] == 0
    assert file_system.calls["pread"] == 0
    assert file_system.calls["fstat"] <= 40 * 2 * 128
    assert file_system.calls["save"] == 0
    simulation.write("9999.log", ".\n")
    for _ in range(24):
        simulation.step()
    simulation.accept(0, is_acknowledged=True)
    simulation.check()


def test_deleted_files_take_no_memory(logs):
    """A file for each request, which is removed when it is done, leaves nothing behind."""
    simulation = Simulation(logs)
    for number in range(300):
        simulation.write(f"{number}.log", ".\n")
        simulation.step()
        simulation.accept(0, is_acknowledged=True)
        if number > 20:
            (logs / f"{number - 20}.log").unlink()
    for path in logs.glob("*.log"):
        path.unlink()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("files") == 0
    simulation.reader.save()
    assert simulation.checkpoint.load() == ()
    assert simulation.metrics.get("lost_bytes_total") == 0
