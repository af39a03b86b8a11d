"""Counters and gauges of a forwarder, in Prometheus' text format.  Their names are an interface."""

from __future__ import annotations

import threading
from collections.abc import Mapping


class Metrics:
    """Counters (`*_total`) and gauges; all start at 0.  Thread-safe.

    Args:
        prefix: of every name.
        texts: name without the prefix → help text.
    """

    def __init__(self, prefix: str, texts: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._texts = texts
        self._values: dict[str, float] = dict.fromkeys(texts, 0)
        self._lock = threading.Lock()

    def add(self, name: str, value: float = 1) -> None:
        """Increase a value."""
        with self._lock:
            self._values[name] += value

    def set(self, name: str, value: float) -> None:
        """Set a value."""
        with self._lock:
            self._values[name] = value

    def get(self, name: str) -> float:
        """Return a value."""
        with self._lock:
            return self._values[name]

    def text(self) -> str:
        """Return all values in Prometheus' text format."""
        with self._lock:
            values = dict(self._values)
        lines = []
        for name, value in values.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [
                f"# HELP {self._prefix}{name} {self._texts[name]}",
                f"# TYPE {self._prefix}{name} {kind}",
                f"{self._prefix}{name} {value:.17g}",
            ]
        return "\n".join(lines) + "\n"
