"""Labels that record which process owns an object on the engine, and whether that process is still alive.

Process ids are valid in one PID namespace of one machine only, so a label names that namespace too.  If several
machines or containers use one engine, each sweeps the objects of dead processes of its own namespace only.
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
"""The label of all objects of this library on an engine; an object without it is never changed or removed."""
OWNER = "ocisidecar.owner"
PID_NAMESPACE = "ocisidecar.pid-namespace"
POD = "ocisidecar.pod"
POD_ID = "ocisidecar.pod-id"
CONTAINER = "ocisidecar.container"

_PROCESSES = Path("/proc")
_MACHINE_ID = Path("/etc/machine-id")
"""Source: machine-id(5).  Host names are not unique, and the initial PID namespace has the same name everywhere."""
_STATE, _START = 0, 19
"""Fields of a process in proc(5), counted from behind its name in parentheses."""


@frozen
class Owner:
    """A process, distinguished from earlier processes with the same id.

    Attributes:
        pid_namespace: a hash of the machine and its PID namespace.
        pid: the process id there.
        started: its start time, as the system states it.
    """

    pid_namespace: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        pid = os.getpid()
        return cls(_pid_namespace(), pid, process_start(pid) or "")

    @property
    def process(self) -> str:
        """Process id and start time, as one string."""
        return f"{self.pid}-{self.started}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of all objects that the process creates on an engine."""
        return {KIND: "pod", OWNER: self.process, PID_NAMESPACE: self.pid_namespace}

    def may_sweep(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels belongs to a dead process of this PID namespace."""
        is_same_namespace = labels.get(PID_NAMESPACE) == self.pid_namespace
        return KIND in labels and is_same_namespace and is_dead(labels.get(OWNER, ""))


def is_dead(process: str) -> bool:
    """Return whether a process of this PID namespace, named as by `Owner.process`, has certainly ended."""
    pid, _, started = process.partition("-")
    if not pid.isdecimal():
        return False
    found = process_start(int(pid))
    return found is None or found not in {"", started}


def process_start(pid: int) -> str | None:
    """Return the start time of a process: None if the process is dead, empty if the system does not show it.

    Systems without proc(5) show no start times, and Linux may hide other users' processes.  There a reused process
    id looks alive, and the objects of the former process are kept instead of swept.
    """
    if sys.platform == "win32":  # signal 0 is Ctrl-C there
        return ""
    try:
        fields = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[_STATE] in {"Z", "X"} else fields[_START]
    except PermissionError:
        return ""
    except (FileNotFoundError, ProcessLookupError):
        return "" if _exists(pid) else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it belongs to another user
    return True


def _pid_namespace() -> str:
    namespace = _PROCESSES / "self" / "ns" / "pid"
    identity = socket.gethostname() + (str(namespace.readlink()) if namespace.is_symlink() else "")
    if _MACHINE_ID.is_file():
        identity += _MACHINE_ID.read_text()
    return hashlib.sha256(identity.encode()).hexdigest()[:12]
