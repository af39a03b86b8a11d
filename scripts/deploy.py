#!/usr/bin/env python3
"""Deploy what a settings file describes, inspect it, and delete it.

    scripts/deploy.py plan --settings oci-monitoring.env           show what deploy would do; reads only
    scripts/deploy.py deploy --settings oci-monitoring.env --yes   deploy, and check that it works
    scripts/deploy.py deploy --local                               rehearse in the built-in emulator

With --local each command starts its own emulator, deploys there what it needs, and leaves nothing behind.  For
several commands on one deployment run `ocisidecar emulator --config-dir DIR` beside them, and pass each what it
prints: --config DIR/config --endpoint URL --compartment-id OCID.

DRY_RUN, AUTO_APPROVE, CLEANUP_ON_FAILURE and VERBOSE of the settings file, or of the environment, are read too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocisidecar.cli import arguments, common
from ocisidecar.cli.exit_codes import HELP, ExitCode
from ocisidecar.cli.scripts import METRIC_NAMESPACE, ScriptContext, add_arguments
from ocisidecar.errors import ApplyFailed, DeploymentNotFound
from ocisidecar.views import deployment_page, findings_page, plan_page, report_page, status_page

if TYPE_CHECKING:
    from ocisidecar import Deployment, Progress, Provisioner

_LAST_HOUR: Final = timedelta(hours=1)
_QUERIES: Final = tuple(
    f'{metric}[1m]{{resourceDisplayName =~ "$instances"}}.mean()'
    for metric in ("CpuUtilization", "MemoryUtilization")
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    return common.run_command(
        lambda: int(options.run(ScriptContext.read(options, needs_spec=options.needs_spec))), program="deploy.py"
    )


def _validate(context: ScriptContext) -> int:
    """Print a summary of the settings; reading them has validated them."""
    instance = context.spec.instances[0]
    common.print_text(
        f"{context.options.settings} is valid: {context.spec.name}, {instance.replicas} x {instance.shape} with "
        f"{len(instance.containers)} containers: {', '.join(one.name for one in instance.containers)}"
    )
    return ExitCode.OK


def _plan(context: ScriptContext) -> int:
    with context.connect() as provisioner:
        plan = provisioner.plan(context.spec)
    common.show(plan, plan_page, as_json=context.options.json)
    return ExitCode.OK


def _deploy(context: ScriptContext) -> int:
    with context.connect() as provisioner, common.progress() as progress:
        plan = provisioner.plan(context.spec)
        common.print_page(common.error_console(), plan_page(plan))
        if context.settings.values.dry_run:
            common.say("DRY_RUN: nothing was changed")
            return ExitCode.OK
        if plan.changes and not _is_approved(context, "change"):
            return common.print_error("nothing was changed", ExitCode.WRONG_INPUT, program="deploy.py")
        is_first = not _exists(provisioner, context.spec.name)
        try:
            deployment = provisioner.apply(plan, expect=context.options.expect, on_event=progress)
        except ApplyFailed:
            _explain(provisioner, context, progress, is_first=is_first)
            raise
        common.show(deployment, deployment_page, as_json=context.options.json)
        report = deployment.verify(context.spec)
        common.print_page(common.error_console(), report_page(report))
        if not report.ok:
            _explain(provisioner, context, progress, is_first=is_first)
        return ExitCode.OK if report.ok else ExitCode.CHECKS_FAILED


def _destroy(context: ScriptContext) -> int:
    with context.connect(needs_deployment=True) as provisioner, common.progress() as progress:
        options = context.options
        plan = provisioner.plan_destroy(context.name, retain=options.retain, purge=options.purge, on_event=progress)
        common.print_page(common.error_console(), plan_page(plan))
        if context.settings.values.dry_run:
            common.say("DRY_RUN: nothing was deleted")
            return ExitCode.OK
        if plan.changes and not _is_approved(context, "delete"):
            return common.print_error("nothing was deleted", ExitCode.WRONG_INPUT, program="deploy.py")
        kept = provisioner.destroy(plan, on_event=progress)
        common.show(kept, deployment_page, as_json=context.options.json)
    return ExitCode.OK


def _status(context: ScriptContext) -> int:
    with context.deployment() as deployment:
        common.show(deployment, status_page, as_json=context.options.json)
    return ExitCode.OK


def _logs(context: ScriptContext) -> int:
    with context.deployment() as deployment:
        common.print_log(deployment, context.options)
    return ExitCode.OK


def _metrics(context: ScriptContext) -> int:
    options = context.options
    with context.deployment() as deployment:
        rows = [
            row
            for query in options.query or _QUERIES
            for row in deployment.metrics(query, namespace=options.namespace, since=options.since or _LAST_HOUR)
        ]
    if options.json:
        common.print_text(json.dumps([row.to_dict() for row in rows], indent=2, ensure_ascii=False))
        return ExitCode.OK
    for row in rows:
        of = " ".join(f"{name}={value}" for name, value in sorted(row.dimensions.items()))
        common.print_text(f"{row.time:%Y-%m-%dT%H:%M:%SZ}  {row.name} {row.value:g}  {of}")
    if not rows:
        common.say("no datapoints yet: the first ones arrive minutes after the start")
    return ExitCode.OK


def _is_approved(context: ScriptContext, what: str) -> bool:
    """Return whether the change is approved; the emulator of `--local` needs no approval."""
    if context.options.local or context.options.yes or context.settings.values.auto_approve:
        return True
    if what == "delete":
        return common.confirm_destroy(context.name)
    hint = "deploy needs confirmation, and there is no terminal to ask on: add --yes or set AUTO_APPROVE"
    return common.confirm("Continue? Type yes: ", "yes", hint=hint)


def _exists(provisioner: Provisioner, name: str) -> bool:
    return _find(provisioner, name) is not None


def _find(provisioner: Provisioner, name: str) -> Deployment | None:
    try:
        return provisioner.get(name)
    except DeploymentNotFound:
        return None


def _explain(provisioner: Provisioner, context: ScriptContext, progress: Progress, *, is_first: bool) -> None:
    """Print a diagnosis, and then delete a first deployment if CLEANUP_ON_FAILURE is set."""
    deployment = _find(provisioner, context.spec.name)
    if deployment is None:
        return
    common.print_page(common.error_console(), findings_page(deployment.diagnose()))
    if is_first and context.settings.values.cleanup_on_failure:
        common.say("CLEANUP_ON_FAILURE: deleting what was created, except logs")
        provisioner.destroy(deployment, on_event=progress)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy.py", description=__doc__, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.help, epilog=HELP)
        one.set_defaults(run=command.run, needs_spec=command.needs_spec)
        add_arguments(one)
        arguments.add_json_argument(one)
        command.add_arguments(one)
    return parser


def _no_arguments(_: argparse.ArgumentParser) -> None:
    pass


def _deploy_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_yes_argument(parser)
    parser.add_argument("--expect", metavar="DIGEST", help="deploy only if the plan has this digest")


def _metrics_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--query", action="append", metavar="MQL", help="query in place of CPU and memory; repeatable"
    )
    parser.add_argument("--namespace", default=METRIC_NAMESPACE, help="metric namespace (default: %(default)s)")
    parser.add_argument(
        "--since",
        type=arguments.parse_since,
        metavar="WHEN",
        help="only datapoints since then, e.g. 10m, 2h (default: 1h)",
    )


@frozen
class _Command:
    name: str
    help: str
    run: Callable[[ScriptContext], int]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    needs_spec: bool = False


_COMMANDS: Final = (
    _Command("validate", "Validate the settings; makes no request.", _validate, _no_arguments, needs_spec=True),
    _Command("plan", "Show what deploy would do.", _plan, _no_arguments, needs_spec=True),
    _Command(
        "deploy",
        "Create or update the deployment, and check that it works.",
        _deploy,
        _deploy_arguments,
        needs_spec=True,
    ),
    _Command("status", "Show the state of its instances and containers.", _status, _no_arguments),
    _Command("logs", "Show container logs.", _logs, arguments.add_log_arguments),
    _Command("metrics", "Show CPU and memory, or any other metric.", _metrics, _metrics_arguments),
    _Command("destroy", "Delete the deployment.", _destroy, arguments.add_destroy_arguments),
)

if __name__ == "__main__":
    sys.exit(main())
