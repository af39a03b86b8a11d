"""What every command line of this project shares: exit codes, where to connect, what is read and what is shown.

What was asked for goes to standard output, progress, questions and errors to standard error.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ocisidecar.errors import (
    ApplyFailed,
    Cancelled,
    ChecksFailed,
    ConfigError,
    DestroyFailed,
    ImageError,
    OciSidecarError,
    ServiceCallError,
    WaitError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ocisidecar.deployment import Deployment
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.settings import Settings
    from ocisidecar.spec import DeploymentSpec
    from ocisidecar.verify.report import Report
    from ocisidecar.views.page import Page
    from ocisidecar.views.progress import Progress

OK: Final = 0
CHECKS_FAILED: Final = 1
WRONG_INPUT: Final = 2
SERVICE: Final = 3
INTERRUPTED: Final = 130

_SECONDS_PER_UNIT: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Options = argparse.Namespace


class _Document(Protocol):
    def to_json(self) -> str: ...


T = TypeVar("T", bound=_Document)


# -- how a program ends ----------------------------------------------------------------------------------------


def ending(run: Callable[[], int], *, program: str) -> int:
    """Run a command and return its exit code; whatever goes wrong is one message on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # signs such as ± are no reason to fail where they cannot be shown
    try:
        return run()
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED, program=program)
    except OciSidecarError as error:
        return complain(str(error), exit_code(error), program=program)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        return complain(str(error), WRONG_INPUT, program=program)


def complain(message: str, code: int, *, program: str = "ocisidecar") -> int:
    """Write a message to standard error and return the code."""
    sys.stderr.write(f"{program}: {message}\n")
    return code


def exit_code(error: OciSidecarError) -> int:
    """Return the exit code that says what kind of error it was."""
    if isinstance(error, ChecksFailed):
        return CHECKS_FAILED
    if isinstance(error, Cancelled):
        return INTERRUPTED
    if isinstance(error, ServiceCallError | WaitError | ApplyFailed | DestroyFailed | ImageError):
        return SERVICE
    return WRONG_INPUT


# -- where to connect ------------------------------------------------------------------------------------------


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `connect` reads."""
    group = parser.add_argument_group("where", "Each can also come from OCISIDECAR_... and OCI_CLI_... variables.")
    group.add_argument("--config", metavar="FILE", help="OCI configuration file (~/.oci/config)")
    group.add_argument("--profile", help="section of the configuration file (DEFAULT)")
    group.add_argument("--auth", help="api_key, security_token, instance_principal or resource_principal")
    group.add_argument("--region", help="region name or short code")
    group.add_argument("--compartment-id", metavar="OCID", help="where the deployment lives")
    group.add_argument("--endpoint", metavar="URL", help="base URL of all services, e.g. an emulator's")
    group.add_argument("--image-prefix", metavar="PATH", help="registry path of the sidecars' own images")


def connect(options: Options, settings: Settings | None = None) -> Provisioner:
    """Return a provisioner for what the arguments, else the environment, else the settings say.

    Raises:
        SettingsError: the settings name another tenancy than the credentials belong to.
        ConfigError: the credentials, the region or the compartment cannot be used.
    """
    from ocisidecar.provisioner import Provisioner

    provisioner = Provisioner.from_config(
        options.config,
        auth=options.auth,
        endpoint=options.endpoint,
        **({} if settings is None else settings.connection) | _given(options),
    )
    if settings is not None:
        settings.check_tenancy(provisioner.session.credentials.tenancy_id)
    return provisioner


def _given(options: Options) -> dict[str, str]:
    """Return those arguments that settings have a variable for."""
    names = ("profile", "region", "compartment_id", "image_prefix")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def is_settings_file(path: str | Path) -> bool:
    """Return whether a path looks like a settings file: `.env`, `web.env`, `web.env.local`."""
    name = Path(path).name
    return name.endswith(".env") or ".env." in name


def read_settings(path: str | Path, options: Options, *, local: bool | None = None) -> Settings:
    """Read a settings file and write its warnings to standard error.

    Args:
        path: of the file.
        options: with the arguments of `add_connection_arguments`, which count before the file.
        local: whether they are for an emulator; None means: if the endpoint is one's.

    Raises:
        SettingsError: some of it is wrong.
    """
    from ocisidecar.construction import is_emulator
    from ocisidecar.settings import Settings

    environment = {**os.environ, **{f"OCISIDECAR_{name.upper()}": value for name, value in _given(options).items()}}
    is_local = is_emulator(options.endpoint) if local is None else local
    settings = Settings.from_env_file(path, local=is_local, environment=environment)
    for warning in settings.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return settings


# -- questions -------------------------------------------------------------------------------------------------


def is_answered(question: str, answer: str, *, otherwise: str) -> bool:
    """Ask on the terminal and return whether exactly this was answered.

    Raises:
        ConfigError: there is nobody to ask; `otherwise` says what to do.
    """
    if sys.stdin is None or not sys.stdin.isatty():  # None where standard input is closed
        raise ConfigError(otherwise)
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip() == answer


def is_removal_confirmed(name: str) -> bool:
    """Ask for the deployment's name before it is deleted.

    Raises:
        ConfigError: there is nobody to ask.
    """
    question = f"Delete this? Type the deployment's name ({name}) to go on: "
    return is_answered(
        question, name, otherwise="destroy asks before it deletes and nobody can answer here: add --yes"
    )


# -- what is shown ---------------------------------------------------------------------------------------------


def show(value: T, page_of: Callable[[T], Page], *, as_json: bool) -> None:
    """Print the result on standard output."""
    if as_json:
        sys.stdout.write(f"{value.to_json()}\n")
    else:
        print_page(output(), page_of(value))


def print_page(console: Console, page: Page) -> None:
    """Print a page."""
    from ocisidecar.views import show as show_page

    show_page(page, console)


def output() -> Console:
    """Return the console of standard output."""
    return _console(is_for_errors=False)


def errors() -> Console:
    """Return the console of standard error."""
    return _console(is_for_errors=True)


def _console(*, is_for_errors: bool) -> Console:
    from rich.console import Console

    from ocisidecar.views.terminal import TEXT_WIDTH

    stream = sys.stderr if is_for_errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else TEXT_WIDTH, force_jupyter=False)


def progress() -> Progress:
    """Return what shows the events of a run on standard error."""
    from ocisidecar.views.progress import Progress

    return Progress(errors())


def print_log(deployment: Deployment, options: Options) -> None:
    """Print the log lines that `add_log_arguments` chose on standard output, each at once."""
    lines = deployment.logs(
        options.container,
        instance=options.instance,
        follow=options.follow,
        since=options.since,
        tail=options.tail,
        previous=options.previous,
    )
    for line in lines:
        text = json.dumps(line.to_dict(), ensure_ascii=False) if options.json else str(line)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


# -- arguments -------------------------------------------------------------------------------------------------


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_containers_argument(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Add `--containers`."""
    parser.add_argument(
        "--containers",
        choices=("simulated", "docker", "auto"),
        default=default,
        help="what runs containers in the emulator (%(default)s)",
    )


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how a deployment is checked; `checked` follows them."""
    parser.add_argument("--max-restarts", metavar="N", type=_count, default=0, help="of a container (%(default)s)")
    parser.add_argument("--no-telemetry", action="store_true", help="do not look for metrics and log lines")
    parser.add_argument("--read-only", action="store_true", help="send no line and no datapoint for that")
    parser.add_argument(
        "--telemetry-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=180.0,
        help="how long what was sent may take to arrive (%(default)g)",
    )


def checked(deployment: Deployment, spec: DeploymentSpec | None, options: Options) -> Report:
    """Return the report of the checks, made as the arguments say; a terminal is told how long that may take."""
    if sys.stderr.isatty() and not options.no_telemetry:
        longest = f"{options.telemetry_timeout:g} s"
        sys.stderr.write(f"Checking {deployment.name}; metrics and lines are looked for during up to {longest}.\n")
    return deployment.verify(
        spec,
        max_restarts=options.max_restarts,
        telemetry=not options.no_telemetry,
        is_nonce_sent=not options.read_only,
        telemetry_timeout_in_seconds=options.telemetry_timeout,
    )


def add_yes_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def add_removal_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is deleted, and whether somebody is asked before."""
    add_yes_argument(parser)
    parser.add_argument("--purge", action="store_true", help="also delete log groups and repositories with data")
    parser.add_argument(
        "--retain", action="append", default=[], metavar="KEY", help="keep this key or kind, e.g. log-group"
    )


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose log lines."""
    parser.add_argument("--container", metavar="NAME", help="only this container")
    parser.add_argument("--instance", metavar="NAME", help="only this instance, e.g. web-0")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    parser.add_argument(
        "--since", type=moment, metavar="WHEN", help="e.g. 90s, 10m, 2h, 1d or 2026-03-01T10:00:00Z"
    )
    parser.add_argument("--tail", type=_count, metavar="N", help="only the last N lines of each container")
    parser.add_argument("--previous", action="store_true", help="of the run before the last restart")


def moment(text: str) -> datetime | timedelta:
    """Return what `--since` means: a span such as 10m, or an RFC 3339 time, UTC where it does not say.

    Raises:
        ArgumentTypeError: it is neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _SECONDS_PER_UNIT and number.isdecimal():
        return timedelta(seconds=int(number) * _SECONDS_PER_UNIT[unit])
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 90s, 10m, 2h, 1d nor an RFC 3339 time") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def pair(text: str) -> tuple[str, str]:
    """Return the two sides of `NAME=OTHER`.

    Raises:
        ArgumentTypeError: one of them is missing.
    """
    name, _, other = text.partition("=")
    if not name or not other:
        raise argparse.ArgumentTypeError(f"{text!r} must be two names with = between them")
    return name, other


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return seconds
