"""Whose a thing on the engine is, and whether its owner still lives.

Process ids mean something on one machine and in one process namespace only, so a label names that place too: an
engine that several machines or containers use is swept by each of them for its own dead alone.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

KIND = "ocisidecar"
"""The label that everything of ours on an engine bears; without it nothing is ever touched."""
OWNER = "ocisidecar.owner"
PLACE = "ocisidecar.place"
POD = "ocisidecar.pod"
POD_ID = "ocisidecar.pod-id"
CONTAINER = "ocisidecar.container"

_PROCESSES = Path("/proc")
_MACHINE_ID = Path("/etc/machine-id")
"""Source: machine-id(5).  Host names are given twice, and each machine's first process namespace has one name."""
_STATE, _START = 0, 19
"""Where proc(5) has a process' state and start time, counted from behind its name in parentheses."""


@frozen
class Owner:
    """A process, told from others that had its id before.

    Attributes:
        place: the machine and process namespace.
        pid: its id there.
        started: when it was started, in the system's own words.
    """

    place: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        pid = os.getpid()
        return cls(_place(), pid, process_start(pid) or "")

    @property
    def process(self) -> str:
        """The process in one word."""
        return f"{self.pid}-{self.started}"

    @property
    def labels(self) -> dict[str, str]:
        """What everything that the process makes on an engine bears."""
        return {KIND: "pod", OWNER: self.process, PLACE: self.place}

    def may_sweep(self, labels: Mapping[str, str]) -> bool:
        """Tell whether what bears these labels was left behind by a process of this place that is dead."""
        return KIND in labels and labels.get(PLACE) == self.place and is_dead(labels.get(OWNER, ""))


def is_dead(process: str) -> bool:
    """Tell whether a process of this place, named as `Owner.process` does, has surely ended."""
    pid, _, started = process.partition("-")
    if not pid.isdecimal():
        return False
    found = process_start(int(pid))
    return found is None or found not in {"", started}


def process_start(pid: int) -> str | None:
    """Return when a process was started, None when it is dead; empty where the system does not tell.

    Systems without proc(5) tell of none, and Linux may be set to hide other users' processes.  There an id that a
    new process was given looks alive, and what it owns is kept rather than swept.
    """
    if sys.platform == "win32":  # signal 0 is Ctrl-C there
        return ""
    try:
        fields = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[_STATE] in {"Z", "X"} else fields[_START]
    except PermissionError:
        return ""
    except (FileNotFoundError, ProcessLookupError):
        return "" if _is_there(pid) else None


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _place() -> str:
    namespace = _PROCESSES / "self" / "ns" / "pid"
    words = socket.gethostname() + (str(namespace.readlink()) if namespace.is_symlink() else "")
    if _MACHINE_ID.is_file():
        words += _MACHINE_ID.read_text()
    return hashlib.sha256(words.encode()).hexdigest()[:12]
