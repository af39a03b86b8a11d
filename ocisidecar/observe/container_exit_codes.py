"""Meanings of container exit codes, by the conventions of shells and container runtimes.

Source: POSIX shell, "Exit Status for Commands" for 126 and 127; a process ended by a signal has 128 + signal.
"""

from __future__ import annotations

from collections.abc import Mapping

KILLED = 137
COULD_NOT_START = frozenset({126, 127})

_MEANINGS: Mapping[int, str] = {
    0: "it exited without an error",
    1: "the program reported an error",
    2: "the program was called with wrong arguments",
    126: "the command cannot be executed",
    127: "the command does not exist in the image",
    134: "the program aborted (SIGABRT)",
    137: "it was killed (SIGKILL): out of memory, a failed health check, or not stopped within the grace period",
    139: "the program accessed invalid memory (SIGSEGV)",
    143: "it was asked to stop (SIGTERM)",
}


def meaning(exit_code: int) -> str:
    """Return the conventional meaning of an exit code."""
    return _MEANINGS.get(exit_code, "a code of the program's own")
