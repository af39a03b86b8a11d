"""The command line: a thin skin over the library.

Exit codes: 0 done, 1 checks failed or something is wrong, 2 wrong input, 3 the service refused, 130 interrupted.
What was asked for goes to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from attrs import frozen

from ocisidecar import __version__
from ocisidecar.errors import (
    ApplyFailed,
    Cancelled,
    ChecksFailed,
    ConfigError,
    DestroyFailed,
    OciSidecarError,
    ServiceCallError,
    WaitError,
)
from ocisidecar.spec.files import load_spec

if TYPE_CHECKING:
    from rich.console import Console

    from ocisidecar.progress import Progress
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.spec import DeploymentSpec
    from ocisidecar.views.page import Page

OK: Final = 0
CHECKS_FAILED: Final = 1
WRONG_INPUT: Final = 2
SERVICE: Final = 3
INTERRUPTED: Final = 130

_SPEC_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_SECONDS_PER_UNIT: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Options = argparse.Namespace


class _Document(Protocol):
    def to_json(self) -> str: ...


T = TypeVar("T", bound=_Document)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Raises:
        SystemExit: the arguments are wrong (2), or help or version was asked for (0).
    """
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # signs such as ± are no reason to fail where they cannot be shown
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except OciSidecarError as error:
        return _complain(str(error), exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        return _complain(str(error), WRONG_INPUT)
    return code


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"ocisidecar: {message}\n")
    return code


def exit_code(error: OciSidecarError) -> int:
    """Return the exit code that says what kind of error it was."""
    if isinstance(error, ChecksFailed):
        return CHECKS_FAILED
    if isinstance(error, Cancelled):
        return INTERRUPTED
    if isinstance(error, ServiceCallError | WaitError | ApplyFailed | DestroyFailed):
        return SERVICE
    return WRONG_INPUT


# -- commands --------------------------------------------------------------------------------------------------


def _demo(options: Options) -> int:
    from ocisidecar.demo import run

    run(_console(is_for_errors=False), containers=options.containers)
    return OK


def _emulator(options: Options) -> int:
    from ocisidecar.emulator import serve

    serve(options.port, options.config_dir, containers=options.containers)
    return OK


def _plan(options: Options) -> int:
    from ocisidecar.views import plan_page

    spec = load_spec(options.spec)
    with _provisioner(options) as provisioner:
        plan = provisioner.plan(spec)
    _show(plan, plan_page, options)
    return OK


def _apply(options: Options) -> int:
    from ocisidecar.views import deployment_page, plan_page

    spec = load_spec(options.spec)
    with _provisioner(options) as provisioner, _progress() as progress:
        plan = provisioner.plan(spec)
        _print(_errors(), plan_page(plan))
        deployment = provisioner.apply(plan, expect=options.expect, on_event=progress)
        _show(deployment, deployment_page, options)
    return OK


def _destroy(options: Options) -> int:
    from ocisidecar.views import deployment_page, plan_page

    name, _ = _target(options.target)
    with _provisioner(options) as provisioner, _progress() as progress:
        plan = provisioner.plan_destroy(name, retain=options.retain, purge=options.purge)
        _print(_errors(), plan_page(plan))
        if plan.changes and not (options.yes or _is_confirmed(name)):
            return _complain("nothing was deleted", WRONG_INPUT)
        kept = provisioner.destroy(plan, on_event=progress)
        _show(kept, deployment_page, options)
    return OK


def _verify(options: Options) -> int:
    from ocisidecar.views import report_page

    name, spec = _target(options.target)
    with _provisioner(options) as provisioner:
        report = provisioner.get(name).verify(spec)
    _show(report, report_page, options)
    return OK if report.ok else CHECKS_FAILED


def _diagnose(options: Options) -> int:
    from ocisidecar.views import findings_page

    name, _ = _target(options.target)
    with _provisioner(options) as provisioner:
        diagnosis = provisioner.get(name).diagnose()
    _show(diagnosis, findings_page, options)
    return CHECKS_FAILED if diagnosis.findings else OK


def _status(options: Options) -> int:
    from ocisidecar.views import status_page

    name, _ = _target(options.target)
    with _provisioner(options) as provisioner:
        _show(provisioner.get(name), status_page, options)
    return OK


def _logs(options: Options) -> int:
    name, _ = _target(options.target)
    with _provisioner(options) as provisioner:
        lines = provisioner.get(name).logs(
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
    return OK


# -- what the commands share -----------------------------------------------------------------------------------


def _provisioner(options: Options) -> Provisioner:
    from ocisidecar.provisioner import Provisioner

    return Provisioner.from_config(
        options.config,
        profile=options.profile,
        auth=options.auth,
        region=options.region,
        compartment_id=options.compartment_id,
        endpoint=options.endpoint,
        image_prefix=options.image_prefix,
    )


def _target(word: str) -> tuple[str, DeploymentSpec | None]:
    """Return the name of the deployment that `word` means, and its spec when `word` is a spec file."""
    if Path(word).suffix not in _SPEC_SUFFIXES:
        return word, None
    spec = load_spec(word)
    return spec.name, spec


def _is_confirmed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("destroy asks before it deletes and nobody can answer here: add --yes")
    sys.stderr.write(f"Delete this? Type the deployment's name ({name}) to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == name


def _show(value: T, page_of: Callable[[T], Page], options: Options) -> None:
    """Print the result on standard output."""
    if options.json:
        sys.stdout.write(f"{value.to_json()}\n")
    else:
        _print(_console(is_for_errors=False), page_of(value))


def _print(console: Console, page: Page) -> None:
    from ocisidecar.views import show

    show(page, console)


def _errors() -> Console:
    return _console(is_for_errors=True)


def _console(*, is_for_errors: bool) -> Console:
    from rich.console import Console

    from ocisidecar.views.terminal import TEXT_WIDTH

    stream = sys.stderr if is_for_errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else TEXT_WIDTH, force_jupyter=False)


def _progress() -> Progress:
    from ocisidecar.progress import Progress

    return Progress(_errors())


# -- arguments -------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ocisidecar", description="Run containers with monitoring sidecars on OCI Container Instances."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        parents = [_cloud_options()] if command.talks_to_oci else []
        one = commands.add_parser(command.name, help=command.help, description=command.help, parents=parents)
        one.set_defaults(run=command.run)
        command.add_arguments(one)
    return parser


def _cloud_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("where", "Each can also come from OCISIDECAR_... and OCI_CLI_... variables.")
    group.add_argument("--config", metavar="FILE", help="OCI configuration file (~/.oci/config)")
    group.add_argument("--profile", help="section of the configuration file (DEFAULT)")
    group.add_argument("--auth", help="api_key, security_token, instance_principal or resource_principal")
    group.add_argument("--region", help="region name or short code")
    group.add_argument("--compartment-id", metavar="OCID", help="where the deployment lives")
    group.add_argument("--endpoint", metavar="URL", help="base URL of all services, e.g. an emulator's")
    group.add_argument("--image-prefix", metavar="PATH", help="registry path of the sidecars' own images")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--containers", choices=("simulated", "docker", "auto"), default="auto", help="what runs them (%(default)s)"
    )


def _emulator_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--config-dir", required=True, metavar="DIR", help="where an OCI configuration for it is written"
    )
    parser.add_argument(
        "--containers",
        choices=("simulated", "docker", "auto"),
        default="simulated",
        help="what runs containers (%(default)s)",
    )


def _spec_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", type=Path, help="spec file, YAML or JSON")


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    _spec_arguments(parser)
    parser.add_argument("--expect", metavar="DIGEST", help="apply only the plan that has this digest")


def _target_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="name of a deployment, or its spec file")


def _destroy_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--purge", action="store_true", help="also delete log groups and repositories with data")
    parser.add_argument(
        "--retain", action="append", default=[], metavar="KEY", help="keep this key or kind, e.g. log-group"
    )


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
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


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


@frozen
class _Command:
    name: str
    help: str
    run: Callable[[Options], int]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    talks_to_oci: bool = True


_COMMANDS: Final = (
    _Command(
        "demo", "See it all on the built-in emulator; no account.", _demo, _demo_arguments, talks_to_oci=False
    ),
    _Command(
        "emulator", "Run the emulator for other programs.", _emulator, _emulator_arguments, talks_to_oci=False
    ),
    _Command("plan", "Show what apply would do.", _plan, _spec_arguments),
    _Command("apply", "Bring about what a spec says.", _apply, _apply_arguments),
    _Command("verify", "Check a deployment.", _verify, _target_arguments),
    _Command("diagnose", "Say what is wrong with a deployment, and what to do.", _diagnose, _target_arguments),
    _Command("status", "Show a deployment.", _status, _target_arguments),
    _Command("logs", "Show what containers write.", _logs, _logs_arguments),
    _Command("destroy", "Remove a deployment.", _destroy, _destroy_arguments),
)
