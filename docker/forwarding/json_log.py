"""The forwarder's own log: one JSON object per line on stderr."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(event: str, *, level: str = "INFO", **fields: object) -> None:
    """Write one line.

    `ocisidecar` reads these lines: WARNING and ERROR are problems, and the event `push accepted again` ends the
    problem `push failed`.

    Args:
        event: what happened, in words that do not vary.
        level: INFO, WARNING or ERROR.
        fields: the details, which may be shown to users: never a token, a key or a line of a log file.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": time, "level": level, "event": event, **fields}, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
