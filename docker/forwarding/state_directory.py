"""The directory in which a forwarder keeps what must survive a SIGKILL."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class DirectoryError(Exception):
    """The state directory cannot be used."""


class DirectoryLock:
    """Makes a directory and locks it, for one process at a time.

    Args:
        directory: the state directory.
        program: the name of the program, for the message.

    Raises:
        DirectoryError: the directory is not writable, or another process has locked it.
    """

    def __init__(self, directory: Path, program: str) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(self._descriptor)
            raise DirectoryError(f"{directory} is locked by another {program}: run only one per volume") from exc
        except OSError as exc:
            raise DirectoryError(
                f"cannot write to {directory} ({exc.strerror}): the volume must be writable for "
                f"uid {os.getuid()} and have free space; where the volume is root's, run as root (run_as_user=0)"
            ) from exc

    def release(self) -> None:
        """Unlock the directory."""
        os.close(self._descriptor)
