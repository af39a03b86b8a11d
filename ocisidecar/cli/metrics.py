"""Printing a deployment's metrics: as charts or JSON, or the names that can be asked for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ocisidecar.cli import arguments, common
from ocisidecar.cli.arguments import Options
from ocisidecar.deployment import Deployment
from ocisidecar.errors import ConfigError, SpecError

if TYPE_CHECKING:
    from ocisidecar.observe.metrics import Metrics
    from ocisidecar.spec import DeploymentSpec

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
    parser.add_argument(
        "--promql",
        metavar="QUERY",
        action="append",
        default=[],
        help="ask the Prometheus of each instance, where it can be reached from here; repeatable",
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


def print_metrics(deployment: Deployment, spec: DeploymentSpec | None, options: Options) -> None:
    """Print what the options of `add_metric_arguments` select.

    Raises:
        ConfigError: there is no such metric, or an option does not fit it.
    """
    from ocisidecar.views import metric_names_page, metrics_page

    if options.list and (options.metric or options.promql):
        raise ConfigError("--list shows all metrics: leave out --metric and --promql")
    if options.list:
        names = deployment.metrics(namespace=options.namespace)
        common.show(names, metric_names_page, as_json=options.json)
        return
    found = [*_found(deployment, spec, options)]
    if options.json:
        common.print_text(json.dumps([one.to_dict() for one in found], indent=2, ensure_ascii=False))
        return
    for position, one in enumerate(found):
        if position:
            common.print_text("")
        common.print_page(common.output_console(), metrics_page(one))


def _found(deployment: Deployment, spec: DeploymentSpec | None, options: Options) -> Iterator[Metrics]:
    """Yield the metrics by name, then the answers of Prometheus."""
    flag = "metric"
    try:
        for metric in options.metric or (() if options.promql else _USUAL):
            yield deployment.metrics(
                metric,
                namespace=options.namespace,
                since=options.since,
                statistic=options.statistic,
                resolution=options.resolution,
            )
        flag = "promql"
        for query in options.promql:
            yield deployment.promql(query, since=options.since, resolution=options.resolution, spec=spec)
    except SpecError as error:  # the other arguments of both have the names of the flags
        words = [
            f"--{flag if problem.path == 'query' else problem.path}: {problem.message}"
            for problem in error.problems
        ]
        raise ConfigError("; ".join(words)) from error
