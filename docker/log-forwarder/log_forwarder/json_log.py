"""The forwarder's own log: one JSON object a line on stderr."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(event: str, *, level: str = "INFO", **fields: object) -> None:
    """Write one line; fields are values that a reader may see, never a token, a key or a line of a log."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": time, "level": level, "event": event, **fields}, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
