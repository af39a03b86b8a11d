"""Printing a deployment's metrics: as charts or JSON, or the names that can be asked for."""

from __future__ import annotations

import argparse
import json
from typing import Final

from ocisidecar.cli import arguments, common
from ocisidecar.cli.arguments import Options
from ocisidecar.deployment import Deployment
from ocisidecar.errors import ConfigError, SpecError

_USUAL: Final = ("cpu", "memory")


def add_metric_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select metrics."""
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that --list shows, e.g. ephemeral_storage or container_cpu, or a query in Monitoring's "
        f"language; repeatable (default: {' and '.join(_USUAL)})",
    )
    parser.add_argument("--list", action="store_true", help="list what can be asked for, and who sends it")
    parser.add_argument(
        "--since",
        type=arguments.parse_since,
        metavar="WHEN",
        default="1h",
        help="only datapoints since then, e.g. 10m, 2h, 7d or 2026-03-01T10:00:00Z (default: %(default)s)",
    )
    parser.add_argument("--resolution", metavar="STEP", help="distance between two datapoints, e.g. 1m, 5m or 1h")
    parser.add_argument(
        "--statistic", metavar="NAME", help="of each interval: mean, max, min, sum, count, rate, p95, …"
    )
    parser.add_argument(
        "--namespace", metavar="NAME", help="metric namespace, where it is not the service's or a sidecar's"
    )


def print_metrics(deployment: Deployment, options: Options) -> None:
    """Print what the options of `add_metric_arguments` select.

    Raises:
        ConfigError: there is no such metric, or an option does not fit it.
    """
    from ocisidecar.views import metric_names_page, metrics_page

    if options.list and options.metric:
        raise ConfigError("--list shows all metrics: leave out --metric")
    if options.list:
        names = deployment.metrics(namespace=options.namespace)
        common.show(names, metric_names_page, as_json=options.json)
        return
    try:
        found = [
            deployment.metrics(
                metric,
                namespace=options.namespace,
                since=options.since,
                statistic=options.statistic,
                resolution=options.resolution,
            )
            for metric in options.metric or _USUAL
        ]
    except SpecError as error:  # the arguments of `metrics` have the names of the flags
        words = [
            f"--{'metric' if problem.path == 'query' else problem.path}: {problem.message}"
            for problem in error.problems
        ]
        raise ConfigError("; ".join(words)) from error
    if options.json:
        common.print_text(json.dumps([one.to_dict() for one in found], indent=2, ensure_ascii=False))
        return
    for position, one in enumerate(found):
        if position:
            common.print_text("")
        common.print_page(common.output_console(), metrics_page(one))
