#!/usr/bin/env python3
"""Check the deployment that a settings file describes: resources, containers, metrics and log lines.

    scripts/verify_deployment.py --settings oci-monitoring.env --json report.json --junit report.xml
    scripts/verify_deployment.py --local                    deploy in the built-in emulator, and check it

A check that was skipped does not count as failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ocisidecar.cli import arguments, common
from ocisidecar.cli.exit_codes import HELP, ExitCode
from ocisidecar.cli.scripts import ScriptContext, add_arguments
from ocisidecar.views import report_page
from ocisidecar.views.junit import report_junit


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print and write the report; return the exit code."""
    options = _parser().parse_args(arguments)
    return common.run_command(lambda: _verify(ScriptContext.read(options)), program="verify_deployment.py")


def _verify(context: ScriptContext) -> int:
    options = context.options
    with context.deployment() as deployment:
        report = common.run_checks(deployment, context.spec, options)
    common.print_page(common.output_console(), report_page(report))
    for path, text in ((options.json, report.to_json()), (options.junit, report_junit(report))):
        if path is not None:
            path.write_text(text, encoding="utf-8")
    return ExitCode.OK if report.ok else ExitCode.CHECKS_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify_deployment.py",
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the report as JSON")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the report as JUnit XML")
    arguments.add_check_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
