"""A bounded number of open files: the least recently read is closed, and opened again when it is needed."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import stat
import struct
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path
from typing import Final

from log_forwarder.log_files import FileId

MAX_OPEN_FILES: Final = 256
_SHARE_OF_LIMIT: Final = 4
"""At most this part of the descriptors that the process may have; the rest is for connections and the state."""

_AT_EMPTY_PATH: Final = 0x1000
_STATX_BTIME: Final = 0x800
_STATX_BYTES: Final = 256
_STATX_BTIME_AT: Final = 80


class OpenFiles:
    """Descriptors of files below a directory.  Not thread-safe.

    Args:
        root: the directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._limit = max(4, min(MAX_OPEN_FILES, soft_limit // _SHARE_OF_LIMIT))
        self._descriptors: OrderedDict[FileId, int] = OrderedDict()
        self._pinned: set[FileId] = set()

    def __len__(self) -> int:
        return len(self._descriptors)

    def __contains__(self, file_id: FileId) -> bool:
        return file_id in self._descriptors

    def get(self, file_id: FileId, path: str) -> int:
        """Return a descriptor, which stays the property of this object.

        Args:
            file_id: of the file.
            path: where it was seen last, for when it is not open.

        Raises:
            FileNotFoundError: the file is not there any more, or another one is.
            OSError: it cannot be opened.
        """
        descriptor = self._descriptors.get(file_id)
        if descriptor is None:
            descriptor = self._opened(file_id, path)
            while len(self._descriptors) >= self._limit and self._close_oldest():
                pass
            self._descriptors[file_id] = descriptor
        else:
            self._descriptors.move_to_end(file_id)
        return descriptor

    def peek(self, file_id: FileId) -> int | None:
        """Return the descriptor if the file is open; this does not count as a use."""
        return self._descriptors.get(file_id)

    def pin(self, file_id: FileId) -> None:
        """Keep a file open, because it has no name any more."""
        self._pinned.add(file_id)

    def close(self, file_id: FileId) -> None:
        """Close a file if it is open."""
        self._pinned.discard(file_id)
        if (descriptor := self._descriptors.pop(file_id, None)) is not None:
            os.close(descriptor)

    def close_except(self, file_ids: Container[FileId]) -> None:
        """Close all other files."""
        for file_id in [one for one in self._descriptors if one not in file_ids]:
            self.close(file_id)

    def close_all(self) -> None:
        """Close all files."""
        for file_id in list(self._descriptors):
            self.close(file_id)

    def _opened(self, file_id: FileId, path: str) -> int:
        try:
            descriptor = _open_regular(f"{self._root}/{path}")
        except OSError as exc:
            if exc.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            for _ in range(1 + len(self._descriptors) // 2):
                self._close_oldest()
            descriptor = _open_regular(f"{self._root}/{path}")
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != file_id:
                raise FileNotFoundError(errno.ENOENT, "another file has this name now", path)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _close_oldest(self) -> bool:
        """Close the file that was not read for the longest time; False when there is none."""
        oldest = next((one for one in self._descriptors if one not in self._pinned), None)
        if oldest is not None:
            self.close(oldest)
        return oldest is not None


def _open_regular(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)


def birth_ns(descriptor: int) -> int:
    """Return when a file was created, in nanoseconds since the epoch; 0 where the file system does not say.

    It differs between two files that had the same inode one after the other.  Python's `os.stat` does not have it.
    """
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    if _statx is None or _statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer) != 0:
        return 0
    (mask,) = struct.unpack_from("=I", buffer)
    seconds, nanos = struct.unpack_from("=qI", buffer, _STATX_BTIME_AT)
    return int(seconds * 1_000_000_000 + nanos) if mask & _STATX_BTIME else 0


_statx = getattr(ctypes.CDLL(None), "statx", None)
