"""Probe OCI Monitoring: send a datapoint and find it, read the agents' samples and OCI's own measurements.

Source: oci.monitoring.MonitoringClient; Oracle documentation, "Container Instance Metrics".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ocisidecar.client.retry import Intent
from ocisidecar.client.session import METRIC_INGESTION
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.metrics import MetricRow, read_metrics
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec.name_pattern import name_pattern
from ocisidecar.spec.ready_alarms import NATIVE_NAMESPACE
from ocisidecar.state.observed import Live
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.alarm_checks import data_query
from ocisidecar.verify.metric_samples import USAGE
from ocisidecar.wire import text

_NAMESPACE = "ocisidecar"
"""The namespace for the datapoint if no container sends metrics; `oci_…` and `oracle_…` are reserved."""
_METRIC = "verify"
_SEND = Intent(is_write=True)  # sent twice, the same datapoint is stored once
_WINDOW = timedelta(minutes=15)
_HOUR = timedelta(hours=1)


def namespaces(instances: Sequence[Instance]) -> tuple[str, ...]:
    """Return the metric namespaces of the management agents; without agents, the one of our own."""
    used = [one.telemetry_role.metric_namespace for instance in instances for one in instance.containers]
    return tuple(dict.fromkeys(one for one in used if one)) or (_NAMESPACE,)


def send_datapoint(reader: DeploymentReader, namespace: str, nonce: str) -> None:
    """Send one datapoint with the nonce as a dimension.

    Raises:
        ServiceCallError: the service refused.
    """
    identity, clock = reader.site.identity, reader.caller.clock
    metric = {
        "namespace": namespace,
        "compartmentId": identity.compartment_id,
        "name": _METRIC,
        "dimensions": {"deployment": identity.name, "nonce": nonce},
        "datapoints": [{"timestamp": rfc3339(now(clock)), "value": 1.0}],
    }
    reader.caller.call(METRIC_INGESTION, "post_metric_data", {"metricData": [metric]}, intent=_SEND)


def find_datapoint(reader: DeploymentReader, namespace: str, nonce: str) -> bool:
    """Return whether the datapoint with the nonce can be queried."""
    return bool(_rows(reader, namespace, f'{_METRIC}[1m]{{nonce = "{nonce}"}}.max()'))


def find_samples(reader: DeploymentReader, namespace: str, metric: str) -> tuple[MetricRow, ...]:
    """Return the datapoints of one of `SAMPLES` that the management agents sent in the last 15 minutes.

    Prometheus adds the labels `deployment` and `container_instance` to what it exports, and the agent turns labels
    into dimensions.
    """
    return _rows(reader, namespace, f'{metric}[1m]{{deployment = "{reader.site.identity.name}"}}.max()')


def find_usage(reader: DeploymentReader, instances: Sequence[Instance]) -> tuple[MetricRow, ...]:
    """Return OCI's newest measurement of each metric of the instances and their containers."""
    names = name_pattern(one.display_name for one in instances)
    matching = f'{{resourceDisplayName =~ "{names}"}}'
    newest = {
        (metric, *sorted(row.dimensions.items())): row
        for metric in USAGE
        for row in _rows(reader, NATIVE_NAMESPACE, f"{metric}[1m]{matching}.max()")
    }
    return tuple(newest.values())


def find_alarm_data(reader: DeploymentReader, alarm: Live) -> tuple[MetricRow, ...]:
    """Return the datapoints of the last hour that an alarm judges."""
    return read_metrics(
        reader,
        data_query(text(alarm.body, "query")),
        namespace=text(alarm.body, "namespace"),
        since=now(reader.caller.clock) - _HOUR,
        resource_group=text(alarm.body, "resourceGroup") or None,
    )


def _rows(reader: DeploymentReader, namespace: str, query: str) -> tuple[MetricRow, ...]:
    since = now(reader.caller.clock) - _WINDOW
    return read_metrics(reader, query, namespace=namespace, since=since)
