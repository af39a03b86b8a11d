"""Functions of every command line of this project: running a command, questions and output.

Results go to standard output; progress, questions and errors go to standard error.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from ocisidecar.cli.arguments import Options
from ocisidecar.cli.exit_codes import ExitCode, exit_code_of
from ocisidecar.errors import ConfigError, OciSidecarError, SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from ocisidecar.deployment import Deployment
    from ocisidecar.observe.log_lines import LogLine
    from ocisidecar.spec import DeploymentSpec
    from ocisidecar.verify.report import Report
    from ocisidecar.views.page import Page
    from ocisidecar.views.progress import Progress


class _Document(Protocol):
    def to_json(self) -> str: ...


T = TypeVar("T", bound=_Document)


def run_command(run: Callable[[], int], *, program: str) -> int:
    """Run a command and return its exit code; an error is reported as one message on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # characters that the encoding lacks, such as ±, are not an error
    try:
        return run()
    except BrokenPipeError:  # the reader of a pipe has read enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except (KeyboardInterrupt, OciSidecarError, OSError) as error:
        message = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        return print_error(message, exit_code_of(error), program=program)


def print_error(message: str, code: ExitCode, *, program: str = "ocisidecar") -> ExitCode:
    """Write a message to standard error and return the code."""
    say(f"{program}: {message}")
    return code


def say(text: str) -> None:
    """Write a line to standard error, where progress, notices and errors go."""
    sys.stderr.write(f"{shown(text)}\n")


def print_text(text: str) -> None:
    """Write lines of a result to standard output as they are; on a terminal, without its control characters."""
    sys.stdout.write(f"{shown(text) if sys.stdout.isatty() else text}\n")
    sys.stdout.flush()


def shown(text: str) -> str:
    """Return a text of whatever origin in a form that does nothing to a terminal, whose lines stay lines."""
    from ocisidecar.views.page import printable

    return printable(text.replace("\t", "    "))


def confirm(prompt: str, expected: str, *, hint: str) -> bool:
    """Ask on the terminal and return whether the answer is exactly the expected one.

    Args:
        prompt: the question.
        expected: the answer that confirms.
        hint: the message of the error if there is no terminal: what to do instead.

    Raises:
        ConfigError: standard input is not a terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():  # None where standard input is closed
        raise ConfigError(hint)
    sys.stderr.write(shown(prompt))
    sys.stderr.flush()
    return sys.stdin.readline().strip() == expected


def confirm_destroy(name: str) -> bool:
    """Ask for the deployment's name before it is deleted.

    Raises:
        ConfigError: standard input is not a terminal.
    """
    prompt = f"Delete this? Type the deployment's name ({name}) to confirm: "
    return confirm(prompt, name, hint="destroy needs confirmation, and there is no terminal to ask on: add --yes")


def show(value: T, page_of: Callable[[T], Page], *, as_json: bool) -> None:
    """Print the result on standard output."""
    if as_json:
        print_text(value.to_json())
    else:
        print_page(output_console(), page_of(value))


def print_page(console: Console, page: Page) -> None:
    """Print a page."""
    from ocisidecar.views import show as show_page

    show_page(page, console)


def output_console() -> Console:
    """Return the console of standard output."""
    return _console(is_for_errors=False)


def error_console() -> Console:
    """Return the console of standard error."""
    return _console(is_for_errors=True)


def _console(*, is_for_errors: bool) -> Console:
    from rich.console import Console

    from ocisidecar.views.terminal import TEXT_WIDTH

    stream = sys.stderr if is_for_errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else TEXT_WIDTH, force_jupyter=False)


def progress() -> Progress:
    """Return an event handler that shows a run on standard error."""
    from ocisidecar.views.progress import Progress

    return Progress(error_console())


def print_log(deployment: Deployment, options: Options) -> None:
    """Print the log lines that the options of `add_log_arguments` select, each as soon as it is read."""
    for line in _log_lines(deployment, options):
        print_text(json.dumps(line.to_dict(), ensure_ascii=False) if options.json else str(line))


def _log_lines(deployment: Deployment, options: Options) -> Iterator[LogLine]:
    try:
        return deployment.logs(
            options.container,
            instance=options.instance,
            follow=options.follow,
            since=options.since,
            tail=options.tail,
            previous=options.previous,
        )
    except SpecError as error:  # the arguments of `logs` have the names of the flags
        raise ConfigError(
            "; ".join(f"--{problem.path}: {problem.message}" for problem in error.problems)
        ) from error


def run_checks(deployment: Deployment, spec: DeploymentSpec | None, options: Options) -> Report:
    """Check a deployment with the options of `add_check_arguments`; a terminal shows how long that may take."""
    if sys.stderr.isatty() and not options.no_telemetry:
        longest = f"{options.telemetry_timeout:g} s"
        say(f"Checking {deployment.name}; metrics and log lines may take up to {longest} to arrive.")
    return deployment.verify(
        spec,
        max_restarts=options.max_restarts,
        telemetry=not options.no_telemetry,
        read_only=options.read_only,
        telemetry_timeout_seconds=options.telemetry_timeout,
    )
