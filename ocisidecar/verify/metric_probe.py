"""Probe OCI Monitoring: send a datapoint and find it, read what sidecars sent and OCI's own measurements.

Source: oci.monitoring.MonitoringClient; Oracle documentation, "Container Instance Metrics".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from attrs import frozen

from ocisidecar.client.retry import Intent
from ocisidecar.client.session import METRIC_INGESTION
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.metrics import CLIENT, MetricRow, read_metrics
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec.name_pattern import name_pattern
from ocisidecar.spec.ready_alarms import NATIVE_NAMESPACE
from ocisidecar.state.observed import Live
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.alarm_checks import data_query
from ocisidecar.verify.metric_samples import USAGE
from ocisidecar.wire import Json, tags_of, text

_NAMESPACE = "ocisidecar"
"""The namespace for the datapoint if no container sends metrics; `oci_…` and `oracle_…` are reserved."""
_METRIC = "verify"
_SEND = Intent(is_write=True)  # sent twice, the same datapoint is stored once
_WINDOW = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_SAMPLED_METRICS = 3
_OF_SIDECARS = re.compile(r"(up$|scrape_|metrics_forwarder_|log_forwarder_|prometheus_|node_|verify$)")


@frozen(kw_only=True)
class MetricDestination:
    """Where in OCI Monitoring metrics go: a namespace and, if any, a resource group."""

    namespace: str
    resource_group: str = ""

    @classmethod
    def of(cls, container: Container) -> MetricDestination:
        """Return where a container sends metrics."""
        role = container.telemetry_role
        return cls(namespace=role.metric_namespace, resource_group=role.resource_group)


def namespaces(instances: Sequence[Instance]) -> tuple[str, ...]:
    """Return the metric namespaces that containers send to; where none does, the one of our own."""
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


def find_samples(reader: DeploymentReader, destination: MetricDestination, metric: str) -> tuple[MetricRow, ...]:
    """Return the datapoints of one metric that a deployment's containers sent in the last 15 minutes.

    Prometheus adds the labels `deployment` and `container_instance` to what it exports, and labels become
    dimensions; the metrics forwarder adds them to what apps push.
    """
    query = f'{metric}[1m]{{deployment = "{reader.site.identity.name}"}}.max()'
    return _rows(reader, destination.namespace, query, destination.resource_group)


def find_sent(reader: DeploymentReader, destination: MetricDestination) -> tuple[MetricRow, ...]:
    """Return what a deployment's containers sent in the last 15 minutes, of a few metrics of each instance.

    Which metrics there are is in no spec, so OCI is asked for a list; those that the app measures come first.
    """
    details: dict[str, Json] = {
        "namespace": destination.namespace,
        "dimensionFilters": {"deployment": reader.site.identity.name},
    }
    if destination.resource_group:
        details["resourceGroup"] = destination.resource_group
    names: dict[str, set[str]] = {}
    for entry in reader.caller.pages(CLIENT, "list_metrics", reader.site.identity.compartment_id, details):
        if text(entry, "resourceGroup") == destination.resource_group:
            instance = tags_of(entry.get("dimensions")).get("container_instance", "")
            names.setdefault(instance, set()).add(text(entry, "name"))
    chosen = {name for found in names.values() for name in sorted(found, key=_by_interest)[:_SAMPLED_METRICS]}
    return tuple(row for name in sorted(chosen) for row in find_samples(reader, destination, name))


def _by_interest(name: str) -> tuple[bool, bool, str]:
    return not re.fullmatch(r"\w+", name), _OF_SIDECARS.match(name) is not None, name


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


def _rows(reader: DeploymentReader, namespace: str, query: str, resource_group: str = "") -> tuple[MetricRow, ...]:
    since = now(reader.caller.clock) - _WINDOW
    return read_metrics(reader, query, namespace=namespace, since=since, resource_group=resource_group or None)
