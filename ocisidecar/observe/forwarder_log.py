"""Errors in a forwarder's own log, which has one JSON object a line.  Pure.

Source: `docker/forwarding/json_log.py` and its callers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ocisidecar.wire import Json

_ERROR_LEVELS = frozenset({"WARNING", "ERROR"})
_FAILED, _RESOLVED = "push failed", "push accepted again"
_COMMON_FIELDS = frozenset({"time", "level", "event"})


def open_errors(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the newest error of each event that is not resolved, e.g. `push failed: status 404, failures 4`."""
    errors: dict[str, str] = {}
    for entry in map(_parse, lines):
        event = str(entry.get("event", ""))
        if event == _RESOLVED:
            errors.pop(_FAILED, None)
        elif entry.get("level") in _ERROR_LEVELS:
            facts = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in _COMMON_FIELDS)
            errors[event] = f"{event}: {facts}" if facts else event
    return tuple(errors.values())


def has_event(lines: Iterable[str], *events: str) -> bool:
    """Return whether one of the lines is about one of the events."""
    return any(entry.get("event") in events for entry in map(_parse, lines))


def _parse(line: str) -> Mapping[str, Json]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, Mapping) else {}
