"""What our log forwarder complains of in its own log, which it writes as one JSON object a line.  Pure.

Source: `docker/log-forwarder/log_forwarder/json_log.py` and its callers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ocisidecar.wire import Json

_BAD_LEVELS = frozenset({"WARNING", "ERROR"})
_FAILED, _ACCEPTED = "push failed", "push accepted again"
_KNOWN = frozenset({"time", "level", "event"})


def complaints(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the newest complaint of each sort that still stands, e.g. `push failed: status 404, failures 4`."""
    standing: dict[str, str] = {}
    for entry in map(_entry, lines):
        event = str(entry.get("event", ""))
        if event == _ACCEPTED:
            standing.pop(_FAILED, None)
        elif entry.get("level") in _BAD_LEVELS:
            facts = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in _KNOWN)
            standing[event] = f"{event}: {facts}" if facts else event
    return tuple(standing.values())


def _entry(line: str) -> Mapping[str, Json]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, Mapping) else {}
