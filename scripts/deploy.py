#!/usr/bin/env python3
"""Deploy what a settings file describes, look at it, and remove it again.

    scripts/deploy.py plan --settings oci-monitoring.env           what deploy would do; reads only
    scripts/deploy.py deploy --settings oci-monitoring.env --yes   do it, and check that it works
    scripts/deploy.py deploy --local                               rehearse it in the built-in emulator

With --local each command has an emulator of its own, deploys there what it needs, and leaves nothing.  For several
commands on one deployment run `python -m ocisidecar emulator --config-dir DIR` beside them, and give each what it
prints: --config DIR/config --endpoint URL --compartment-id OCID.

DRY_RUN, AUTO_APPROVE, CLEANUP_ON_FAILURE and VERBOSE of the settings file, or of the environment, are honoured.
Exit codes: 0 done, 1 checks failed, 2 wrong input, 3 the service refused, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocisidecar.cli import common
from ocisidecar.cli.common import CHECKS_FAILED, OK, WRONG_INPUT
from ocisidecar.cli.scripts import METRIC_NAMESPACE, Job, add_arguments
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
    return common.ending(
        lambda: int(options.run(Job.read(options, needs_spec=options.needs_spec))), program="deploy.py"
    )


def _validate(job: Job) -> int:
    """Settings are wrong or right before any request: reading them has said it."""
    instance = job.spec.instances[0]
    sys.stdout.write(
        f"{job.options.settings} is valid: {job.spec.name}, {instance.replicas} x {instance.shape} with "
        f"{len(instance.containers)} containers: {', '.join(one.name for one in instance.containers)}\n"
    )
    return OK


def _plan(job: Job) -> int:
    with job.connect() as provisioner:
        plan = provisioner.plan(job.spec)
    common.show(plan, plan_page, as_json=job.options.json)
    return OK


def _deploy(job: Job) -> int:
    with job.connect() as provisioner, common.progress() as progress:
        plan = provisioner.plan(job.spec)
        common.print_page(common.errors(), plan_page(plan))
        if job.settings.values.dry_run:
            sys.stderr.write("DRY_RUN: nothing was changed\n")
            return OK
        if plan.changes and not _may(job, "change"):
            return common.complain("nothing was changed", WRONG_INPUT, program="deploy.py")
        is_first = not _exists(provisioner, job.spec.name)
        try:
            deployment = provisioner.apply(plan, expect=job.options.expect, on_event=progress)
        except ApplyFailed:
            _explain(provisioner, job, progress, is_first=is_first)
            raise
        common.show(deployment, deployment_page, as_json=job.options.json)
        report = deployment.verify(job.spec)
        common.print_page(common.errors(), report_page(report))
        if not report.ok:
            _explain(provisioner, job, progress, is_first=is_first)
        return OK if report.ok else CHECKS_FAILED


def _destroy(job: Job) -> int:
    with job.connect(needs_deployment=True) as provisioner, common.progress() as progress:
        plan = provisioner.plan_destroy(job.name, retain=job.options.retain, purge=job.options.purge)
        common.print_page(common.errors(), plan_page(plan))
        if job.settings.values.dry_run:
            sys.stderr.write("DRY_RUN: nothing was deleted\n")
            return OK
        if plan.changes and not _may(job, "delete"):
            return common.complain("nothing was deleted", WRONG_INPUT, program="deploy.py")
        kept = provisioner.destroy(plan, on_event=progress)
        common.show(kept, deployment_page, as_json=job.options.json)
    return OK


def _status(job: Job) -> int:
    with job.deployment() as deployment:
        common.show(deployment, status_page, as_json=job.options.json)
    return OK


def _logs(job: Job) -> int:
    with job.deployment() as deployment:
        common.print_log(deployment, job.options)
    return OK


def _metrics(job: Job) -> int:
    options = job.options
    with job.deployment() as deployment:
        rows = [
            row
            for query in options.query or _QUERIES
            for row in deployment.metrics(query, namespace=options.namespace, since=options.since or _LAST_HOUR)
        ]
    if options.json:
        sys.stdout.write(json.dumps([row.to_dict() for row in rows], indent=2, ensure_ascii=False) + "\n")
        return OK
    for row in rows:
        of = " ".join(f"{name}={value}" for name, value in sorted(row.dimensions.items()))
        sys.stdout.write(f"{row.time:%Y-%m-%dT%H:%M:%SZ}  {row.name} {row.value:g}  {of}\n")
    if not rows:
        sys.stderr.write("no datapoints: the first ones come minutes after the start\n")
    return OK


# -- what the commands share -----------------------------------------------------------------------------------


def _may(job: Job, what: str) -> bool:
    """Return whether it is approved: nothing is asked about an emulator that only this command sees."""
    if job.options.local or job.options.yes or job.settings.values.auto_approve:
        return True
    if what == "delete":
        return common.is_removal_confirmed(job.name)
    nobody = "deploy asks before it changes anything and nobody can answer here: add --yes or set AUTO_APPROVE"
    return common.is_answered("Go on? Type yes: ", "yes", otherwise=nobody)


def _exists(provisioner: Provisioner, name: str) -> bool:
    return _found(provisioner, name) is not None


def _found(provisioner: Provisioner, name: str) -> Deployment | None:
    try:
        return provisioner.get(name)
    except DeploymentNotFound:
        return None


def _explain(provisioner: Provisioner, job: Job, progress: Progress, *, is_first: bool) -> None:
    """Say what went wrong and why, and only then remove a first deployment, where that is wanted."""
    deployment = _found(provisioner, job.spec.name)
    if deployment is None:
        return
    common.print_page(common.errors(), findings_page(deployment.diagnose()))
    if is_first and job.settings.values.cleanup_on_failure:
        sys.stderr.write("CLEANUP_ON_FAILURE: removing what was made, except logs\n")
        provisioner.destroy(deployment, on_event=progress)


# -- arguments -------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.help)
        one.set_defaults(run=command.run, needs_spec=command.needs_spec)
        add_arguments(one)
        common.add_json_argument(one)
        command.add_arguments(one)
    return parser


def _nothing(_: argparse.ArgumentParser) -> None:
    pass


def _deploy_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_yes_argument(parser)
    parser.add_argument("--expect", metavar="DIGEST", help="only if the plan has this digest")


def _metrics_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--query", action="append", metavar="MQL", help="instead of CPU and memory; can be repeated"
    )
    parser.add_argument("--namespace", default=METRIC_NAMESPACE, help="of the metrics (%(default)s)")
    parser.add_argument("--since", type=common.moment, metavar="WHEN", help="e.g. 10m, 2h (1h)")


@frozen
class _Command:
    name: str
    help: str
    run: Callable[[Job], int]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    needs_spec: bool = False


_COMMANDS: Final = (
    _Command("validate", "Check the settings; makes no request.", _validate, _nothing, needs_spec=True),
    _Command("plan", "Show what deploy would do.", _plan, _nothing, needs_spec=True),
    _Command("deploy", "Bring it about, and check that it works.", _deploy, _deploy_arguments, needs_spec=True),
    _Command("status", "Show what exists.", _status, _nothing),
    _Command("logs", "Show what containers write.", _logs, common.add_log_arguments),
    _Command("metrics", "Show CPU and memory, or any other metric.", _metrics, _metrics_arguments),
    _Command("destroy", "Remove it.", _destroy, common.add_removal_arguments),
)

if __name__ == "__main__":
    sys.exit(main())
