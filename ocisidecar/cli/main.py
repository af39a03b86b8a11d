"""The command line: `ocisidecar`, the same as `python -m ocisidecar`.

Each command is a few lines over the library.  Exit codes are in `exit_codes.py`.
"""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocisidecar import __version__
from ocisidecar.cli import arguments, common, connection
from ocisidecar.cli.arguments import Options
from ocisidecar.cli.exit_codes import HELP, ExitCode
from ocisidecar.errors import ApplyFailed, ConfigError
from ocisidecar.spec.files import load_spec

if TYPE_CHECKING:
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.settings import Settings
    from ocisidecar.spec import DeploymentSpec

_PORT_ERRORS: Final = frozenset({errno.EADDRINUSE, errno.EACCES})
"""The port is in use, or only the superuser may open it."""
_SPEC_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Raises:
        SystemExit: the arguments are wrong (2), or `--help` or `--version` was given (0).
    """
    options = _parser().parse_args(arguments)
    return common.run_command(lambda: int(options.run(options)), program="ocisidecar")


def _demo(options: Options) -> int:
    from ocisidecar.cli.demo import run

    run(
        common.output_console(), containers=options.containers, images=dict(options.image), bases=dict(options.base)
    )
    return ExitCode.OK


def _emulator(options: Options) -> int:
    from ocisidecar.emulator import Latencies, serve

    latencies = Latencies.realistic(options.seed) if options.latencies == "realistic" else Latencies()
    try:
        serve(
            options.port,
            options.config_dir,
            containers=options.containers,
            latencies=latencies,
            seed=options.seed,
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.filename is not None:
            raise ConfigError(f"--config-dir {options.config_dir}: {reason}") from error
        if error.errno not in _PORT_ERRORS:
            raise
        raise ConfigError(f"--port {options.port}: {reason}; choose another port, or 0 for a free one") from error
    return ExitCode.OK


def _doctor(options: Options) -> int:
    from ocisidecar.views import preflight_page

    file = None if options.spec is None else _DeploymentFile.read(options.spec, options)
    with connection.connect(options, file.settings if file else None) as provisioner:
        report = provisioner.preflight(file.spec if file else None)
    common.show(report, preflight_page, as_json=options.json)
    return ExitCode.OK if report.ok else ExitCode.CHECKS_FAILED


def _plan(options: Options) -> int:
    from ocisidecar.views import plan_page

    file = _DeploymentFile.read(options.spec, options)
    with file.connect(options) as provisioner:
        plan = provisioner.plan(file.spec)
    common.show(plan, plan_page, as_json=options.json)
    return ExitCode.OK


def _cost(options: Options) -> int:
    from ocisidecar.cli.cost import prices_of, print_cost

    prices = prices_of(options)
    file = _DeploymentFile.read(options.spec, options)
    with file.connect(options) as provisioner:
        print_cost(provisioner.plan(file.spec), prices, options)
    return ExitCode.OK


def _apply(options: Options) -> int:
    from ocisidecar.views import findings_page, outputs_page, plan_page

    file = _DeploymentFile.read(options.spec, options)
    with file.connect(options) as provisioner, common.progress() as progress:
        plan = provisioner.plan(file.spec)
        common.print_page(common.error_console(), plan_page(plan))
        try:
            deployment = provisioner.apply(plan, expect=options.expect, wait=options.wait, on_event=progress)
        except ApplyFailed as error:
            if error.diagnosis is not None and error.diagnosis.findings:
                common.print_page(common.error_console(), findings_page(error.diagnosis))
            raise
        common.show(deployment, outputs_page, as_json=options.json)
    return ExitCode.OK


def _destroy(options: Options) -> int:
    from ocisidecar.views import deployment_page, plan_page

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner, common.progress() as progress:
        plan = provisioner.plan_destroy(target.name, retain=options.retain, purge=options.purge, on_event=progress)
        common.print_page(common.error_console(), plan_page(plan))
        if plan.changes and not (options.yes or common.confirm_destroy(target.name)):
            return common.print_error("nothing was deleted", ExitCode.WRONG_INPUT)
        kept = provisioner.destroy(plan, on_event=progress if plan.changes else None)
        common.show(kept, deployment_page, as_json=options.json)
    return ExitCode.OK


def _verify(options: Options) -> int:
    from ocisidecar.views import report_page

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        report = common.run_checks(provisioner.get(target.name), target.spec, options)
    common.show(report, report_page, as_json=options.json)
    return ExitCode.OK if report.ok else ExitCode.CHECKS_FAILED


def _diagnose(options: Options) -> int:
    from ocisidecar.views import findings_page

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        diagnosis = provisioner.get(target.name).diagnose()
    common.show(diagnosis, findings_page, as_json=options.json)
    return ExitCode.CHECKS_FAILED if diagnosis.findings else ExitCode.OK


def _status(options: Options) -> int:
    from ocisidecar.views import status_page

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        common.show(provisioner.get(target.name), status_page, as_json=options.json)
    return ExitCode.OK


def _output(options: Options) -> int:
    from ocisidecar.cli.outputs import print_outputs

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        print_outputs(provisioner.get(target.name), options)
    return ExitCode.OK


def _logs(options: Options) -> int:
    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        common.print_log(provisioner.get(target.name), options)
    return ExitCode.OK


def _metrics(options: Options) -> int:
    from ocisidecar.cli.metrics import print_metrics

    target = _Target.read(options.target, options)
    with target.connect(options) as provisioner:
        print_metrics(provisioner.get(target.name), target.spec, options)
    return ExitCode.OK


@frozen
class _DeploymentFile:
    """The deployment that a spec file or a settings file describes; a settings file also says how to connect."""

    spec: DeploymentSpec
    settings: Settings | None

    @classmethod
    def read(cls, path: str | Path, options: Options) -> _DeploymentFile:
        if not Path(path).exists():
            raise ConfigError(f"{path} does not exist: name a spec file (YAML or JSON) or a settings file (.env)")
        if not connection.is_settings_file(path):
            return cls(load_spec(path), None)
        settings = connection.read_settings(path, options)
        return cls(settings.deployment_spec(), settings)

    def connect(self, options: Options) -> Provisioner:
        return connection.connect(options, self.settings)


@frozen
class _Target:
    """A deployment, given by its name or by a file that describes it."""

    name: str
    file: _DeploymentFile | None

    @classmethod
    def read(cls, word: str, options: Options) -> _Target:
        if Path(word).suffix not in _SPEC_SUFFIXES and not connection.is_settings_file(word):
            return cls(word, None)
        file = _DeploymentFile.read(word, options)
        return cls(file.spec.name, file)

    @property
    def spec(self) -> DeploymentSpec | None:
        return self.file.spec if self.file else None

    def connect(self, options: Options) -> Provisioner:
        return connection.connect(options, self.file.settings if self.file else None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ocisidecar",
        description="Run containers with monitoring sidecars on OCI Container Instances.",
        epilog=HELP,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.help, epilog=HELP)
        one.set_defaults(run=command.run)
        if command.talks_to_oci:
            arguments.add_connection_arguments(one)
            arguments.add_json_argument(one)
        command.add_arguments(one)
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_containers_argument(parser, default="auto")
    for option, meaning in (
        ("--image", "with Docker: run the local image OTHER in place of the spec's IMAGE"),
        ("--base", "with Docker: build this project's image IMAGE on the base image OTHER"),
    ):
        parser.add_argument(
            option,
            type=arguments.parse_pair,
            action="append",
            default=[],
            metavar="IMAGE=OTHER",
            help=f"{meaning}; repeatable",
        )


def _emulator_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=arguments.parse_port,
        default=0,
        metavar="N",
        help="port on 127.0.0.1 (default: 0, a free one)",
    )
    parser.add_argument(
        "--config-dir", required=True, metavar="DIR", help="directory to write an OCI configuration for it to"
    )
    arguments.add_containers_argument(parser, default="simulated")
    arguments.add_behaviour_arguments(parser)


def _spec_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", type=Path, help="spec file (YAML or JSON) or settings file (.env)")


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "spec", metavar="SPEC", type=Path, nargs="?", help="spec file (YAML or JSON) or settings file (.env)"
    )


def _cost_arguments(parser: argparse.ArgumentParser) -> None:
    from ocisidecar.cli.cost import add_cost_arguments

    _spec_arguments(parser)
    add_cost_arguments(parser)


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    _spec_arguments(parser)
    parser.add_argument("--expect", metavar="DIGEST", help="apply only if the plan has this digest")
    parser.add_argument(
        "--wait",
        choices=("healthy", "ready"),
        default="healthy",
        help="return when new containers work, or when OCI shows the instances as ACTIVE (healthy)",
    )


def _target_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="a deployment's name, or its spec or settings file")


def _output_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    parser.add_argument(
        "key",
        metavar="KEY",
        nargs="?",
        help="print only this value: an output by its name or a part that no other has, e.g. web-0.url.80 or url; "
        "or the OCID of a resource by its key, e.g. vcn/main",
    )


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    arguments.add_check_arguments(parser)


def _destroy_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    arguments.add_destroy_arguments(parser)


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    arguments.add_log_arguments(parser)


def _metrics_arguments(parser: argparse.ArgumentParser) -> None:
    from ocisidecar.cli.metrics import add_metric_arguments

    _target_arguments(parser)
    add_metric_arguments(parser)


@frozen
class _Command:
    name: str
    help: str
    run: Callable[[Options], int]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    talks_to_oci: bool = True


_COMMANDS: Final = (
    _Command(
        "demo",
        "Show everything on the built-in emulator; needs no account.",
        _demo,
        _demo_arguments,
        talks_to_oci=False,
    ),
    _Command(
        "emulator", "Run the emulator for other programs.", _emulator, _emulator_arguments, talks_to_oci=False
    ),
    _Command("doctor", "Check what an apply needs, without changing anything.", _doctor, _doctor_arguments),
    _Command("plan", "Show what apply would do.", _plan, _spec_arguments),
    _Command("cost", "Show what a deployment costs, before and after an apply.", _cost, _cost_arguments),
    _Command("apply", "Create or update what a spec describes.", _apply, _apply_arguments),
    _Command("verify", "Check that a deployment works.", _verify, _verify_arguments),
    _Command(
        "diagnose", "Find out what is wrong with a deployment, and how to fix it.", _diagnose, _target_arguments
    ),
    _Command("status", "Show the state of a deployment's instances and containers.", _status, _target_arguments),
    _Command(
        "output",
        "Print addresses and URLs of a deployment, or one of them for scripts.",
        _output,
        _output_arguments,
    ),
    _Command("logs", "Show container logs.", _logs, _logs_arguments),
    _Command("metrics", "Show charts of CPU and memory, or of any other metric.", _metrics, _metrics_arguments),
    _Command("destroy", "Delete a deployment.", _destroy, _destroy_arguments),
)
