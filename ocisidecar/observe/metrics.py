"""Query metric datapoints of a deployment's compartment.

Source: oci.monitoring.MonitoringClient.summarize_metrics_data and oci.monitoring.models.MetricData.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from attrs import asdict, field, frozen

from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.wire import Json, objects, tags_of, text

_CLIENT = "monitoring.MonitoringClient"


@frozen(kw_only=True)
class MetricRow:
    """One aggregated datapoint.

    Attributes:
        time: of the datapoint.
        namespace: of the metric.
        resource_group: of the metric; empty when it has none.
        name: of the metric, e.g. `CpuUtilization`.
        dimensions: of its metric stream, e.g. `resourceDisplayName`.
        value: in the metric's unit.
    """

    time: datetime
    namespace: str
    resource_group: str
    name: str
    dimensions: Mapping[str, str] = field(hash=False)
    value: float

    def to_dict(self) -> dict[str, object]:
        """Return the row as plain data, its time in RFC 3339."""
        return {**asdict(self), "time": self.time.isoformat()}


def read_metrics(
    reader: DeploymentReader,
    query: str,
    *,
    namespace: str,
    since: datetime,
    resource_group: str | None = None,
    resolution: str | None = None,
) -> tuple[MetricRow, ...]:
    """Return the query's datapoints from `since` until now, in the order of streams and time."""
    details = {
        "namespace": namespace,
        "resourceGroup": resource_group,
        "query": query,
        "startTime": rfc3339(since),
        "endTime": rfc3339(now(reader.caller.clock)),
        "resolution": resolution,
    }
    body = {name: value for name, value in details.items() if value is not None}
    compartment_id = reader.site.identity.compartment_id
    answer = reader.caller.call(_CLIENT, "summarize_metrics_data", compartment_id, body)
    return tuple(row for stream in objects(answer.data) for row in _rows(stream))


def _rows(stream: Mapping[str, Json]) -> Iterator[MetricRow]:
    for point in objects(stream.get("aggregatedDatapoints")):
        value = point.get("value")
        if isinstance(value, int | float):
            yield MetricRow(
                time=datetime.fromisoformat(text(point, "timestamp")),
                namespace=text(stream, "namespace"),
                resource_group=text(stream, "resourceGroup"),
                name=text(stream, "name"),
                dimensions=tags_of(stream.get("dimensions")),
                value=float(value),
            )
