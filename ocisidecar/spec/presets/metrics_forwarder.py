"""Metrics forwarder: takes metrics from Prometheus and OpenTelemetry senders and posts them to OCI Monitoring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.scrape import BUDGET_VARIABLES, METRIC_NAMESPACE, RECEIVE_PORT_VARIABLE, ScrapeTarget
from ocisidecar.spec.security import SecurityContext, Statement
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.validate.selectors import selector_problem
from ocisidecar.spec.volume import VolumeSpec

RECEIVE_PORT = 9181
PORT = 9182
_USER = 10001
_STATE = "/var/lib/metrics-forwarder"
_QUANTILES = (0.5, 0.9, 0.99)
_MAX_QUANTILES = 10
_MAX_STREAMS = 5000
_BUCKETS = "buckets"
_NAMESPACE = re.compile(r"(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]{0,255}")
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9._$-]{0,255}")


def metrics_forwarder(
    *,
    image_url: str | None = None,
    metric_namespace: str = METRIC_NAMESPACE,
    resource_group: str | None = None,
    metrics: Sequence[str] = (),
    histograms: Sequence[float] | Literal["buckets"] = _QUANTILES,
    max_streams: int = 200,
    interval_in_seconds: int = 60,
    https_proxy: str | None = None,
) -> SidecarSpec:
    """Return the forwarder; a Prometheus beside it whose configuration is generated sends it every sample.

    Prometheus posts to http://127.0.0.1:9181/api/v1/write (remote write 1.0 and 2.0), OpenTelemetry SDKs to
    http://127.0.0.1:9181/v1/metrics (OTLP over HTTP); the port is not reachable from outside the instance.  The
    forwarder needs neither the management agent nor an install key, and runs on Arm too.

    Args:
        image_url: an image instead of our own, which is looked up below the provisioner's `image_prefix`.
        metric_namespace: where the metrics appear in OCI Monitoring: letters, digits and `_`, beginning with a
            letter, but not with `oci_` or `oracle_`.
        resource_group: of the metrics.
        metrics: selectors in PromQL's syntax, such as `http_requests_total{code=~"5.."}`: what matches one of them
            is sent.  By default what the app measures, without what runtimes and exporters say about themselves.
        histograms: the quantiles that are sent of a histogram; or `buckets`: what was added to each bucket.
        max_streams: the budget, 1 to 5000: further series are counted and not sent.
        interval_in_seconds: 1 to 3600; a stream has one datapoint in this time.  OCI's queries see minutes.
        https_proxy: the http URL of a proxy through which OCI is reached.
    """
    lines = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    settings = {
        "OCISIDECAR_METRIC_NAMESPACE": metric_namespace,
        "OCISIDECAR_METRICS": "\n".join(map(str, lines)),
        "OCISIDECAR_HISTOGRAMS": _histograms(histograms),
        "OCISIDECAR_RESOURCE_GROUP": resource_group or "",
        "HTTPS_PROXY": https_proxy or "",
        RECEIVE_PORT_VARIABLE: str(RECEIVE_PORT),
        **dict(zip(BUDGET_VARIABLES, (str(max_streams), str(interval_in_seconds)), strict=True)),
    }
    return SidecarSpec(
        "metrics-forwarder",
        image_url=image_url or own_image("metrics-forwarder"),
        environment_variables={name: value for name, value in settings.items() if value},
        mounts={_STATE: VolumeSpec.empty_dir("metrics-forwarder-data")},
        # It is unhealthy while its datapoints are rejected, which a restart does not fix.
        health_checks=(HealthCheck.http(PORT, path="/healthy", failure_action="NONE"),),
        scrape=ScrapeTarget(PORT),
        statements=(_statement(metric_namespace),),
        vcpus_limit=0.25,
        memory_limit_in_gbs=0.25,
        ephemeral_storage_in_gbs=1,
        security_context=SecurityContext.restricted(run_as_user=_USER),
        problems=(
            *_name_problems(metric_namespace, resource_group),
            *_problems(metrics, histograms, max_streams, interval_in_seconds),
        ),
    )


def _statement(metric_namespace: str) -> Statement:
    return Statement(
        "use",
        "metrics",
        where=f"target.metrics.namespace='{metric_namespace}'",
        reason="metrics-forwarder posts metrics with PostMetricData",
    )


def _histograms(histograms: Sequence[float] | str) -> str:
    if isinstance(histograms, str):
        return histograms
    return "" if tuple(histograms) == _QUANTILES else ",".join(map(str, histograms))


def _name_problems(metric_namespace: str, resource_group: str | None) -> Iterator[str]:
    if not _NAMESPACE.fullmatch(metric_namespace):
        yield (
            "metric_namespace must be letters, digits and '_', the first a letter, and must not begin with oci_ or "
            f"oracle_, got {metric_namespace!r}"
        )
    if resource_group is not None and not _GROUP.fullmatch(resource_group):
        yield (
            "resource_group must be letters, digits, '.', '_', '-' and '$', the first a letter, got "
            f"{resource_group!r}"
        )


def _problems(
    metrics: Sequence[str], histograms: Sequence[float] | str, max_streams: int, interval_in_seconds: int
) -> Iterator[str]:
    if isinstance(metrics, str) or not all(isinstance(one, str) and one.strip() for one in metrics):
        yield f"metrics must be a list of selectors, got {metrics!r}"
    else:
        for number, text in enumerate(metrics):
            if problem := selector_problem(text):
                yield f"metrics[{number}] {problem}"
    if histograms != _BUCKETS and not _are_quantiles(histograms):
        yield f"histograms must be {_BUCKETS} or up to 10 quantiles between 0 and 1, got {histograms!r}"
    if not 1 <= max_streams <= _MAX_STREAMS:
        yield f"max_streams must be from 1 to {_MAX_STREAMS}, got {max_streams!r}"
    if not 1 <= interval_in_seconds <= 3600:  # noqa: PLR2004 - an hour
        yield f"interval_in_seconds must be from 1 to 3600, got {interval_in_seconds!r}"


def _are_quantiles(histograms: Sequence[float] | str) -> bool:
    if isinstance(histograms, str) or not 1 <= len(histograms) <= _MAX_QUANTILES:
        return False
    return all(isinstance(one, (int, float)) and 0 < one < 1 for one in histograms)
