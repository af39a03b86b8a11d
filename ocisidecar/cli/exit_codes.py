"""The exit codes of the command line and of the scripts: one table for the programs, their help and the README.

The meanings of the exit codes of *containers* are in `observe/container_exit_codes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from ocisidecar.errors import (
    ApplyFailed,
    Cancelled,
    ChecksFailed,
    DestroyFailed,
    ImageError,
    OciSidecarError,
    ResourceFailed,
    ServiceCallError,
    WaitError,
    WaitTimedOut,
)


class ExitCode(IntEnum):
    """Exit codes of a program."""

    OK = 0
    CHECKS_FAILED = 1
    WRONG_INPUT = 2
    SERVICE_FAILED = 3
    INTERRUPTED = 130
    """128 + SIGINT, as shells report a program that Ctrl-C ended."""


MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "done",
    ExitCode.CHECKS_FAILED: "checks failed or the app does not work",
    ExitCode.WRONG_INPUT: "wrong input",
    ExitCode.SERVICE_FAILED: "the service refused",
    ExitCode.INTERRUPTED: "interrupted",
}
HELP: Final = f"Exit codes: {', '.join(f'{code.value} {meaning}' for code, meaning in MEANINGS.items())}."
"""The last line of every help text."""

_CODE_OF_ERROR: Final[tuple[tuple[type[BaseException], ExitCode], ...]] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (Cancelled, ExitCode.INTERRUPTED),
    (ChecksFailed, ExitCode.CHECKS_FAILED),
    (ServiceCallError, ExitCode.SERVICE_FAILED),
    (WaitError, ExitCode.SERVICE_FAILED),
    (ApplyFailed, ExitCode.SERVICE_FAILED),
    (DestroyFailed, ExitCode.SERVICE_FAILED),
    (ImageError, ExitCode.SERVICE_FAILED),
    (OciSidecarError, ExitCode.WRONG_INPUT),
    (OSError, ExitCode.WRONG_INPUT),
)
"""Error class → exit code; the first class of which an error is an instance counts."""


def _is_of_the_app(error: ApplyFailed) -> bool:
    """Return whether everything was created but containers: a refused image, a crash loop, a failing check."""
    return all(
        key.startswith("container-instance/") and isinstance(cause, ResourceFailed | WaitTimedOut)
        for key, cause in error.causes.items()
    )


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ended a command.

    Raises:
        LookupError: an error of this class is a bug of the library, whose traceback should be shown.
    """
    if isinstance(error, ApplyFailed) and _is_of_the_app(error):
        return ExitCode.CHECKS_FAILED
    for cls, code in _CODE_OF_ERROR:
        if isinstance(error, cls):
            return code
    raise LookupError(f"{type(error).__name__} has no exit code")
