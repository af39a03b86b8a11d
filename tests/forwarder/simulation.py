"""The reading half of a forwarder on a real file system, with simulated time and service."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from log_forwarder import payload
from log_forwarder.checkpoint import Checkpoint
from log_forwarder.log_reader import LogReader
from log_forwarder.metrics import Metrics
from log_forwarder.settings import Settings


class Simulation:
    """A log directory, a forwarder that can be killed, and the entries that the service accepted.

    Args:
        root: the log directory.
        options: settings that differ from the defaults.
    """

    def __init__(self, root: Path, **options: int) -> None:
        self.root = root
        self.settings = Settings(log_id="log", directory=root, endpoint="http://nowhere", **options)
        self.now = 1000.0
        self.words: list[str] = []
        self.arrived: dict[str, set[str]] = {}
        self.subjects: set[str] = set()
        self.calls = []
        self.start()

    def start(self) -> None:
        self.checkpoint = Checkpoint(self.root)
        self.metrics = Metrics()
        self.reader = LogReader(self.settings, source="web-0", checkpoint=self.checkpoint, metrics=self.metrics)

    def kill(self) -> None:
        """Drop everything but the files, as SIGKILL does, and start again."""
        self.reader.close()
        self.checkpoint.close()
        self.calls.clear()
        self.start()

    def write(self, log: str, shape: str) -> None:
        """Append to a log: each `.` of the shape becomes a new word, the rest is written as it is."""
        with (self.root / log).open("a") as file:
            for character in shape:
                if character == ".":
                    self.words.append(f"w{len(self.words)}")
                    file.write(self.words[-1])
                else:
                    file.write(character)

    def rename(self, log: str, style: str = "{}.log.{}") -> None:
        """Rotate by renaming, as logrotate does: the number of each older file grows by one."""
        if (self.root / log).exists():
            (self.root / log).rename(self.shift(log, style))

    def copytruncate(self, log: str, *, is_scanned_between: bool, style: str = "{}.log.{}") -> None:
        """Rotate by copying and truncating; the forwarder may scan in between."""
        if (self.root / log).exists():
            shutil.copyfile(self.root / log, self.shift(log, style))
            if is_scanned_between:
                self.step()
            os.truncate(self.root / log, 0)

    def shift(self, log: str, style: str) -> Path:
        """Make room for the first rotated file; returns its path.  `style` has places for stem and number."""
        stem, number = log.removesuffix(".log"), 1
        while (self.root / style.format(stem, number)).exists():
            number += 1
        for older in range(number, 1, -1):
            (self.root / style.format(stem, older - 1)).rename(self.root / style.format(stem, older))
        return self.root / style.format(stem, 1)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def step(self) -> None:
        """Let the forwarder read; its next call is appended to `calls`."""
        self.now += 0.3
        if (call := self.reader.next_call(self.now)) is not None:
            self.calls.append(call)
            count, batches = payload.count_entries(call.body), len(call.entry_ranges)
            assert (
                count == sum(entry_range.count for entry_range in call.entry_ranges) <= self.settings.batch_entries
            )
            assert count == 1 or len(call.body) <= self.settings.batch_bytes + 300 * batches

    def accept(self, index: int, *, is_acknowledged: bool) -> None:
        """Accept a waiting call; without the acknowledgement the forwarder sends it again."""
        if self.calls:
            call = self.calls[index % len(self.calls)]
            self._receive(call.body)
            if is_acknowledged:
                self.calls.remove(call)
                self.reader.acknowledge(call)
                self.reader.on_idle()

    def _receive(self, body: bytes) -> None:
        for batch in json.loads(body)["logEntryBatches"]:
            self.subjects.add(batch["subject"])
            for entry in batch["entries"]:
                self.arrived.setdefault(entry["id"], set()).add(entry["data"])

    def drain(self) -> None:
        """Let the forwarder read everything, and accept every call."""
        idle = 0
        while idle < 6:
            self.wait(10)
            self.step()
            idle = 0 if self.calls else idle + 1
            while self.calls:
                self.accept(0, is_acknowledged=True)

    def check(self) -> None:
        assert all(len(texts) == 1 for texts in self.arrived.values()), "one id, two texts"
        words = [word for texts in self.arrived.values() for word in re.findall(r"w\d+", *texts)]
        assert sorted(words) == sorted(self.words), "every word, under one id only"
