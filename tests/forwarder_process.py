"""A forwarder of docker/ as a separate process, for its tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

DOCKER = Path(__file__).parents[1] / "docker"
TIMEOUT_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Return as soon as a condition holds; fail after a timeout.  `what` describes the condition."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail(f"not within {seconds:g} s: {what}")


@define
class ForwarderProcess:
    """A forwarder, log-forwarder or metrics-forwarder, in a separate process; its log on stderr goes to a file."""

    name: str
    environment: dict[str, str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    _offset: int = field(default=0, init=False)

    def start(self) -> ForwarderProcess:
        """Start it, again or for the first time; returns when it has logged `started`."""
        self._offset = len(self.events())
        self._begin()
        wait_until(lambda: self.started() or self.process.poll() is not None, "the forwarder starts")
        assert self.started(), self.log_path.read_text()
        return self

    def run(self) -> int:
        """Start it and wait for its end; returns the exit status."""
        self._begin()
        return self.wait()

    def _begin(self) -> None:
        with self.log_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.name.replace("-", "_")],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": f"{DOCKER / self.name}:{DOCKER}",
                    **self.environment,
                },
                stderr=stderr,
            )

    def events(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        if not self.log_path.exists():
            return []
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]

    def names(self) -> list[str]:
        """Return the events of its log by name."""
        return [one["event"] for one in self.events()]

    def started(self) -> dict[str, Any] | None:
        """Return the line `started` of the running process."""
        return next((one for one in self.events()[self._offset :] if one["event"] == "started"), None)

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM and wait for the end; returns the exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of the process; returns the exit status."""
        return self.process.wait(TIMEOUT_SECONDS)
