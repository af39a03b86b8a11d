"""When the last record of a file counts as complete though it may go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from log_forwarder import encodings

_CHARACTER_SECONDS: Final = 60.0
"""How long a file must not have grown before the rest of its last character is not waited for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushTimeouts:
    """How long a file must not have grown before its last record counts as complete.

    Args:
        record_seconds: for a record that ends with a newline, which a next line may continue.
        partial_seconds: for a record without its newline.
    """

    record_seconds: float
    partial_seconds: float

    def end_of(self, block: bytes, encoding: str, quiet_seconds: float) -> int:
        """Return where the last record of a block ends after so long a time; 0 when it does not yet."""
        if quiet_seconds < self.partial_seconds:
            is_over = quiet_seconds >= self.record_seconds
            return encodings.end_of_last_line(block, encoding) if is_over else 0
        is_over = quiet_seconds >= _CHARACTER_SECONDS
        return len(block) if is_over else encodings.end_of_last_character(block, encoding)
