"""What the forwarder counts, in Prometheus' text format."""

from __future__ import annotations

import threading
from typing import Final

PREFIX: Final = "log_forwarder_"

_HELP: Final = {
    "read_bytes_total": "Bytes of log files that were read.",
    "entries_total": "Records that were made of them.",
    "acknowledged_entries_total": "Records that OCI Logging has accepted.",
    "set_aside_entries_total": "Records that OCI Logging refused and that were written to refused.jsonl.",
    "save_failures_total": "How often progress could not be saved.",
    "lost_bytes_total": "Bytes that were truncated away before they were read.",
    "truncations_total": "Files that were emptied in place.",
    "pushes_total": "Calls to PutLogs that were answered 2xx.",
    "push_failures_total": "Calls to PutLogs that were not.",
    "push_seconds_total": "Time spent in calls to PutLogs.",
    "pushed_bytes_total": "Bytes of bodies that were accepted.",
    "credential_reloads_total": "How often token and key were read again after a 401.",
    "files": "Files that are followed.",
    "unreadable_files": "Files and directories that cannot be opened.",
    "unread_bytes": "Bytes that are written and not yet read.",
    "unacknowledged_entries": "Records that are read and not yet accepted.",
    "last_acknowledgement_timestamp_seconds": "When OCI Logging last accepted a call.",
    "resident_memory_bytes": "Memory of the process.",
}


class Metrics:
    """Counters (`*_total`) and gauges; all begin at 0.  Thread-safe."""

    def __init__(self) -> None:
        self._values: dict[str, float] = dict.fromkeys(_HELP, 0)
        self._lock = threading.Lock()

    def add(self, name: str, value: float = 1) -> None:
        """Let a value grow."""
        with self._lock:
            self._values[name] += value

    def set(self, name: str, value: float) -> None:
        """Replace a value."""
        with self._lock:
            self._values[name] = value

    def get(self, name: str) -> float:
        """Return a value."""
        with self._lock:
            return self._values[name]

    def text(self) -> str:
        """Return everything as Prometheus reads it."""
        with self._lock:
            values = dict(self._values)
        lines = []
        for name, value in values.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [
                f"# HELP {PREFIX}{name} {_HELP[name]}",
                f"# TYPE {PREFIX}{name} {kind}",
                f"{PREFIX}{name} {value:.17g}",
            ]
        return "\n".join(lines) + "\n"
