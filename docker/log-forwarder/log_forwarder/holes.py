"""Zeros in log files: space that is not written yet, or that a writer has skipped."""

from __future__ import annotations

import errno
import os
from typing import Final

_STEP_BYTES: Final = 1 << 20
_MAX_STEPS: Final = 256
"""Bounds the time of one search: the next one goes on where it ended."""


def find_data(descriptor: int, offset: int, *, unit: int) -> tuple[int, bool]:
    """Return the offset of the first byte after an offset that is not zero, and whether there is one.

    Without one the offset is that up to which there are only zeros.

    Args:
        descriptor: of the file.
        offset: where to begin.
        unit: size of the units of the text in bytes; the result is a multiple of it.
    """
    try:
        offset = max(offset, os.lseek(descriptor, offset, os.SEEK_DATA))
    except OSError as exc:
        if exc.errno == errno.ENXIO:  # no data after the offset
            return os.fstat(descriptor).st_size, False
    for _ in range(_MAX_STEPS):
        part = os.pread(descriptor, _STEP_BYTES, offset)
        if not part:
            break
        if data := part.lstrip(b"\0"):
            return (offset + len(part) - len(data)) // unit * unit, True
        offset += len(part)
    return offset, False
