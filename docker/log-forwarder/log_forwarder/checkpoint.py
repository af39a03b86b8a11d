"""The state that survives a SIGKILL: which generations exist and how far each was acknowledged.

A JSON file, replaced by one rename.  It is written before a call is sent whose entries would get other ids without
it.  There is no fsync: the page cache outlives the process, and the volume does not outlive the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from forwarding.json_log import log
from forwarding.state_directory import DirectoryLock

DIRECTORY: Final = ".ocisidecar/log-forwarder"
"""Below the log directory; hidden, so that its files do not count as log files."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Length and CRC-32 of some bytes of a file, to recognise the file later."""

    length: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationState:
    """One generation in the state file; the names of the fields are those of the file.

    Args:
        id: unique and permanent; part of the ids of its entries.
        path: path of its log below the log directory, without the suffix that a rotation appended.
        device, inode: of the file that it was last read from.
        acknowledged: offset up to which every entry was accepted.
        head: fingerprint of its first bytes.
        tail: fingerprint of the bytes before `acknowledged`.
        cuts: offsets above `acknowledged` where a flush timeout ended a record, so that it ends there again.
        size: of the file as far as it is known; what is not acknowledged of it may get lost.
        mtime_ns: modification time of the file when it was read with that size; 0 if it was not.
        born_ns: when the file was created, 0 if unknown; another file may get its inode.
        encoding: of its text; empty if unknown.
        has_zeros: whether the rest of the file is space that is allocated and not written yet.
    """

    id: str
    path: str
    device: int
    inode: int
    acknowledged: int
    head: Fingerprint
    tail: Fingerprint
    cuts: tuple[int, ...]
    size: int = 0
    mtime_ns: int = 0
    born_ns: int = 0
    encoding: str = ""
    has_zeros: bool = False


class Checkpoint:
    """The state directory and its state file, locked by one process at a time.

    Args:
        log_directory: the log directory, which contains the state directory.

    Raises:
        DirectoryError: the directory is not writable, or another process has locked it.
    """

    def __init__(self, log_directory: Path) -> None:
        self.directory = log_directory / DIRECTORY
        self._lock = DirectoryLock(self.directory, "log forwarder")
        self._path = self.directory / "state.json"
        self._texts: dict[str, tuple[GenerationState, str]] = {}

    def load(self) -> tuple[GenerationState, ...]:
        """Return what was saved last; nothing without a state file, or when it is unreadable, which renames it."""
        try:
            return _parsed(self._path.read_text())
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError) as exc:
            moved_to = self._path.with_suffix(".unreadable")
            self._path.replace(moved_to)
            log(
                "state file unreadable: all log files are sent again under new ids",
                level="ERROR",
                reason=repr(exc),
                moved_to=moved_to,
            )
            return ()

    def save(self, generations: Iterable[GenerationState]) -> None:
        """Replace what was saved; OSError when the file cannot be written."""
        before, self._texts = self._texts, {}
        for state in generations:
            known = before.get(state.id)
            if known is None or known[0] is not state:
                known = state, json.dumps(asdict(state))
            self._texts[state.id] = known
        texts = ",\n".join(text for _, text in self._texts.values())
        new = self._path.with_suffix(".new")
        new.write_text(f'{{"version": {_VERSION}, "generations": [\n{texts}\n]}}')
        new.replace(self._path)

    def close(self) -> None:
        """Unlock the directory."""
        self._lock.release()


def _parsed(text: str) -> tuple[GenerationState, ...]:
    document = json.loads(text)
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']}")
    return tuple(_state(item) for item in document["generations"])


def _state(item: dict[str, Any]) -> GenerationState:
    values = {"head": Fingerprint(**item["head"]), "tail": Fingerprint(**item["tail"]), "cuts": tuple(item["cuts"])}
    return GenerationState(**{**item, **values})
