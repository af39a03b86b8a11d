"""Metrics on their way: a datapoint of our own, what management agents sent, and what OCI measured itself.

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
from ocisidecar.spec.alarm import NATIVE_NAMESPACE
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.metric_samples import USAGE

_NAMESPACE = "ocisidecar"
"""Where the datapoint goes when no container sends metrics: the preset's default; not `oci_…` or `oracle_…`."""
_METRIC = "verify"
_SEND = Intent(is_write=True)  # the same datapoint twice is no other
_LATELY = timedelta(minutes=15)


def namespaces(instances: Sequence[Instance]) -> tuple[str, ...]:
    """Return where a datapoint is to be sent: to the agents' namespaces, or to our own."""
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
    """Return whether the datapoint with the nonce has arrived."""
    return bool(_rows(reader, namespace, f'{_METRIC}[1m]{{nonce = "{nonce}"}}.max()'))


def find_samples(reader: DeploymentReader, namespace: str, metric: str) -> tuple[MetricRow, ...]:
    """Return what the deployment's management agents sent lately of one of `SAMPLES`.

    Prometheus puts the labels `deployment` and `container_instance` on whatever leaves it, and the agent makes
    dimensions of them.
    """
    return _rows(reader, namespace, f'{metric}[1m]{{deployment = "{reader.site.identity.name}"}}.max()')


def find_usage(reader: DeploymentReader, instances: Sequence[Instance]) -> tuple[MetricRow, ...]:
    """Return what OCI measured lately of instances and their containers: the newest datapoint of each stream."""
    names = "|".join(sorted({one.display_name for one in instances}))
    matching = f'{{resourceDisplayName =~ "{names}"}}'
    newest = {
        (metric, *sorted(row.dimensions.items())): row
        for metric in USAGE
        for row in _rows(reader, NATIVE_NAMESPACE, f"{metric}[1m]{matching}.max()")
    }
    return tuple(newest.values())


def _rows(reader: DeploymentReader, namespace: str, query: str) -> tuple[MetricRow, ...]:
    since = now(reader.caller.clock) - _LATELY
    return read_metrics(reader, query, namespace=namespace, since=since)
