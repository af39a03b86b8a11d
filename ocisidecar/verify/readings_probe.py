"""Ask the programs of an instance about their own work: its Prometheus, or else its metrics forwarder.

Source: Prometheus documentation, "HTTP API", Instant queries; "Querying basics", Subquery; "Exposition formats".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from ocisidecar.observe.http_get import fetch
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.verify.http_probe import UrlResolver, instance_url, probe_prometheus, prometheus_url
from ocisidecar.verify.metric_samples import WRITTEN
from ocisidecar.verify.prometheus_access import PrometheusAccess
from ocisidecar.verify.prometheus_query import matrix_rows, parsed
from ocisidecar.verify.readings import (
    FORWARDER,
    PROMETHEUS,
    REMOTE_WRITE,
    TEXT_FILE,
    WINDOW_SECONDS,
    Readings,
)
from ocisidecar.wire import text

_STEP_SECONDS: Final = 10
_NAMES: Final = "|".join((f"{FORWARDER}.+", f"{REMOTE_WRITE}.+", PROMETHEUS, TEXT_FILE, WRITTEN))
_HISTOGRAM: Final = f"{REMOTE_WRITE}.+_(bucket|sum|count)"
_QUERY: Final = f'{{__name__=~"{_NAMES}", __name__!~"{_HISTOGRAM}"}}[{WINDOW_SECONDS}s:{_STEP_SECONDS}s]'
_LINE: Final = re.compile(rf"({FORWARDER}\w+) ([0-9.eE+-]+)")


def read_readings(
    instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int], access: PrometheusAccess
) -> Readings:
    """Return what the programs of an instance say of themselves, as far as they can be reached from here."""
    found = _ask_prometheus(instance, resolve_url, open_ports, access)
    asked = _ask_forwarder(instance, resolve_url, open_ports) if found.reason else found
    return found if asked.reason and instance.prometheus is not None else asked


def _ask_prometheus(
    instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int], access: PrometheusAccess
) -> Readings:
    reason = probe_prometheus(instance, resolve_url, open_ports, access).reason
    if reason:
        return Readings(reason=reason)
    base, _ = prometheus_url(instance, resolve_url, open_ports, access)
    path = f"/api/v1/query?{urlencode({'query': _QUERY})}"
    response = fetch(base, path, headers=access.headers, tls=access.tls)
    body = parsed(response)
    if text(body, "status") != "success":
        detail = text(body, "error") or response.error or f"status {response.status}"
        return Readings(reason=f"its Prometheus does not answer a query: {detail}")
    return Readings(rows=matrix_rows(instance, body))


def _ask_forwarder(instance: Instance, resolve_url: UrlResolver, open_ports: Collection[int]) -> Readings:
    """Return what the metrics forwarder serves at its own port, where that is open."""
    ports = (one.telemetry_role.status_port for one in instance.metric_senders)
    port = next((one for one in ports if one is not None), None)
    if port is None:
        return Readings(reason="the instance has no metrics forwarder")
    base, reason = instance_url(instance, port, resolve_url, open_ports)
    if not base:
        return Readings(reason=reason)
    response = fetch(base, "/metrics")
    lines = response.body.decode(errors="replace").splitlines() if response.is_success else []
    time = datetime.fromtimestamp(response.received_at, UTC)
    rows = tuple(
        MetricRow(
            time=time,
            namespace="",
            resource_group="",
            name=found[1],
            dimensions={"container_instance": instance.name},
            value=float(found[2]),
        )
        for found in map(_LINE.fullmatch, lines)
        if found is not None
    )
    reason = "" if rows else response.error or f"status {response.status} and no metrics of a metrics forwarder"
    return Readings(rows=rows, is_history=False, reason=reason)
