"""What exit codes of containers mean, by the conventions of shells and container runtimes.

Source: POSIX shell, "Exit Status for Commands" for 126 and 127; a process that a signal ended shows 128 + signal.
"""

from __future__ import annotations

from collections.abc import Mapping

KILLED = 137
COULD_NOT_START = frozenset({126, 127})

_MEANINGS: Mapping[int, str] = {
    0: "it ended by itself",
    1: "the program reports an error",
    2: "the program was called wrongly",
    126: "the command cannot be run",
    127: "the command does not exist in the image",
    134: "the program aborted (SIGABRT)",
    137: "it was killed (SIGKILL): out of memory, a failed health check, or stopped too slowly",
    139: "the program touched memory that is not its own (SIGSEGV)",
    143: "it was asked to stop (SIGTERM)",
}


def meaning(exit_code: int) -> str:
    """Return what an exit code means, as far as convention goes."""
    return _MEANINGS.get(exit_code, "the program's own code")
