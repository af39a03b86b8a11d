"""What the service rejects is kept in a file."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Final

from forwarding.json_log import log

MAX_DEAD_LETTER_BYTES: Final = 10_000_000


class DeadLetterFile:
    """The entries that the service rejects, one JSON object per line in `refused.jsonl`.  Thread-safe.

    Args:
        directory: the state directory.
        max_bytes: size at which the file becomes `refused.jsonl.1`, which replaces the previous one.
    """

    def __init__(self, directory: Path, *, max_bytes: int = MAX_DEAD_LETTER_BYTES) -> None:
        self._path = directory / "refused.jsonl"
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def append(self, body: bytes, reason: str) -> bool:
        """Write a call of one entry; False when that fails."""
        line = json.dumps({"reason": reason, "call": json.loads(body)}).encode() + b"\n"
        try:
            with self._lock:
                if self._path.exists() and self._path.stat().st_size + len(line) > self._max_bytes:
                    self._path.replace(self._path.with_suffix(".jsonl.1"))
                with self._path.open("ab") as file:
                    file.write(line)
        except OSError as exc:
            log("cannot write to the dead-letter file", level="ERROR", reason=exc.strerror)
            return False
        return True
