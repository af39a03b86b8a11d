"""Faults of the file system at random: what was readable arrives under one id, the rest is counted.

300 rounds with some files by default; OCISIDECAR_FULL=1 runs 5,000 rounds with 10,000 files beside them:

    OCISIDECAR_FULL=1 python -m pytest tests/forwarder/test_chaos.py
"""

from __future__ import annotations

import errno
import os
import random
import sys
from collections import Counter

import pytest
from log_forwarder import open_files

from tests.forwarder.faults import FileSystem
from tests.forwarder.simulation import Simulation

IS_FULL = bool(os.environ.get("OCISIDECAR_FULL"))
ROUNDS = 5_000 if IS_FULL else 300
IDLE_FILES = 10_000 if IS_FULL else 300
SEEDS = range(4) if IS_FULL else (1,)
LOGS = tuple(f"{directory}{name}.log" for directory in ("", "a/", "b/c/") for name in "xyz")
FAULTS = tuple(
    (function, code)
    for function, codes in {
        "scandir": (errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE),
        "stat": (errno.EACCES, errno.EIO),
        "open": (errno.EACCES, errno.EMFILE, errno.ENFILE, errno.EIO),
        "pread": (errno.EIO,),
        "fstat": (errno.EIO, errno.ESTALE),
        "save": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    }.items()
    for code in codes
)


class Chaos:
    """One run: writers, rotations, faults and kills in an order that a seed determines."""

    def __init__(self, simulation, file_system, seed):
        self.simulation = simulation
        self.file_system = file_system
        self.random = random.Random(seed)
        self.done = Counter()
        self.errors = 0.0

    def round(self):
        """Do one thing, and let the forwarder poll."""
        actions = (self.write, self.write, self.write, self.fail, self.heal, self.rename, self.storm, self.kill)
        action = self.random.choices(actions, weights=(4, 4, 4, 3, 2, 1, 0.3, 0.3))[0]
        action()
        self.done[action.__name__] += 1
        self.simulation.step()
        if self.random.random() < 0.7:
            self.simulation.accept(self.random.randrange(4), is_acknowledged=self.random.random() < 0.8)

    def write(self):
        self.simulation.write(self.random.choice(LOGS), self.random.choice([".\n", ".\n.\n.\n", " .\n", "\n.\n"]))

    def fail(self):
        function, code = self.random.choice(FAULTS)
        log = self.random.choice(LOGS)
        path = {"scandir": log.rpartition("/")[0], "save": ""}.get(function, log)
        self.file_system.fail(function, path, code)

    def heal(self):
        self.file_system.heal()

    def rename(self):
        self.simulation.rename(self.random.choice(LOGS))

    def storm(self):
        for log in LOGS:
            self.simulation.rename(log)
            self.simulation.write(log, ".\n")
            if self.random.random() < 0.3:
                self.simulation.step()

    def kill(self):
        self.file_system.heal()  # with a state that could be saved
        self.simulation.reader.save()
        self.errors += self.simulation.metrics.get("file_errors_total")
        self.simulation.kill()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_is_readable_is_lost(logs, monkeypatch, capsys, seed):
    """Errors of every kind, renames and kills at random lose no line, change no id, and are counted."""
    monkeypatch.setattr(open_files, "MAX_OPEN_FILES", 6)
    file_system = FileSystem(logs, monkeypatch)
    for number in range(IDLE_FILES):
        (logs / f"idle-{number}.log").touch()
    for directory in ("a", "b/c"):
        (logs / directory).mkdir(parents=True)
    simulation = Simulation(logs)
    chaos = Chaos(simulation, file_system, seed)
    for _ in range(ROUNDS):
        chaos.round()
    errors = chaos.errors + simulation.metrics.get("file_errors_total")
    file_system.heal()
    simulation.drain()
    simulation.check()
    assert simulation.metrics.get("lost_bytes_total") == 0
    assert simulation.metrics.get("unreadable_files") == 0
    assert set(chaos.done) == {"write", "fail", "heal", "rename", "storm", "kill"}
    assert errors > 0
    with capsys.disabled():
        sys.stdout.write(
            f"\nchaos {seed}: {len(simulation.words)} lines, 0 lost; {errors:g} errors; {chaos.done}\n"
        )
