"""What must survive a kill -9: which generations there are and how far each was acknowledged.

A JSON file, replaced in one rename.  It is written before anything is sent that would be sent under other ids
without it.  No fsync: the page cache outlives the process, and the volume does not outlive the machine.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from log_forwarder.json_log import log

DIRECTORY: Final = ".ocisidecar/log-forwarder"
"""Below the log directory.  Hidden, so that its files are not taken for logs."""

_VERSION: Final = 1


class CheckpointError(Exception):
    """The state's directory cannot be used."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A few bytes of a file, as length and CRC: tells whether a file is still the one it was."""

    length: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationState:
    """A generation as it is kept.

    Args:
        id: names it for ever.
        path: of its log below the log directory, without what a rotation appended.
        device, inode: where it was last.
        acknowledged: up to which offset everything was accepted.
        head: its first bytes.
        tail: the bytes before `acknowledged`.
        cuts: offsets beyond `acknowledged` where a record was ended because nothing more came.
    """

    id: str
    path: str
    device: int
    inode: int
    acknowledged: int
    head: Fingerprint
    tail: Fingerprint
    cuts: tuple[int, ...]


class Checkpoint:
    """The state's directory, held by one process at a time.

    Raises:
        CheckpointError: it cannot be written, or another process holds it.
    """

    def __init__(self, log_directory: Path) -> None:
        self.directory = log_directory / DIRECTORY
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(self._lock)
            raise CheckpointError(
                f"{self.directory} is held by another log forwarder: one volume needs one only"
            ) from exc
        except OSError as exc:
            raise CheckpointError(
                f"cannot keep offsets in {self.directory} ({exc.strerror}): the volume must be writable for "
                f"uid {os.getuid()}, and have room"
            ) from exc
        self._path = self.directory / "state.json"

    def load(self) -> tuple[GenerationState, ...]:
        """Return what was saved last; nothing when there is none, or none that can be read, which is put aside."""
        try:
            return _parsed(self._path.read_text())
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError) as exc:
            aside = self._path.with_suffix(".unreadable")
            self._path.replace(aside)
            log(
                "state unreadable, everything is sent again under new ids",
                level="ERROR",
                reason=repr(exc),
                aside=aside,
            )
            return ()

    def save(self, generations: Iterable[GenerationState]) -> None:
        """Replace what was saved."""
        state = {"version": _VERSION, "generations": [asdict(item) for item in generations]}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self._path)

    def close(self) -> None:
        """Let another process have the directory."""
        os.close(self._lock)


def _parsed(text: str) -> tuple[GenerationState, ...]:
    state = json.loads(text)
    if state["version"] != _VERSION:
        raise ValueError(f"version {state['version']}")
    return tuple(_saved(item) for item in state["generations"])


def _saved(item: dict[str, Any]) -> GenerationState:
    marks = {"head": Fingerprint(**item["head"]), "tail": Fingerprint(**item["tail"]), "cuts": tuple(item["cuts"])}
    return GenerationState(**{**item, **marks})
