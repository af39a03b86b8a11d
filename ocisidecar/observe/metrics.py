"""Metric datapoints of a deployment's compartment, as rows and as one value with its chart.

Source: oci.monitoring.MonitoringClient.summarize_metrics_data and oci.monitoring.models.MetricData.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, overload

from attrs import asdict, field, frozen

from ocisidecar.errors import ConfigError
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.wire import Json, number, objects, tags_of, text

CLIENT = "monitoring.MonitoringClient"
_NO_PANDAS = "to_pandas() needs pandas, which is not installed here: pip install pandas; without it use rows"


@frozen(kw_only=True)
class MetricRow:
    """One aggregated datapoint.

    Attributes:
        time: of the datapoint.
        namespace: of the metric.
        resource_group: of the metric; empty when it has none.
        name: of the metric, e.g. `CpuUtilization`.
        dimensions: of its metric stream, e.g. `resourceDisplayName`.
        value: in the unit of the `Metrics` that it belongs to.
    """

    time: datetime
    namespace: str
    resource_group: str
    name: str
    dimensions: Mapping[str, str] = field(hash=False)
    value: float

    @property
    def instance(self) -> str:
        """The instance that it is about, e.g. `web-0`; empty if no dimension names one."""
        return self.dimensions.get("container_instance") or self.dimensions.get("resourceDisplayName", "")

    @property
    def container(self) -> str:
        """The container that it is about; empty if no dimension names one."""
        return self.dimensions.get("container") or self.dimensions.get("containerDisplayName", "")

    def to_dict(self) -> dict[str, object]:
        """Return the row as plain data, its time in RFC 3339."""
        return {**asdict(self), "time": self.time.isoformat()}


@frozen(kw_only=True)
class Metrics(Sequence[MetricRow]):
    """The datapoints of one metric: a sequence of rows, which prints as a chart and is one in a notebook.

    Attributes:
        name: what was asked for: a name, or a query.
        unit: of the values, e.g. `%`; empty if it is not known.
        statistic: of each interval, e.g. `mean`; empty if the query says it.
        resolution: distance between two datapoints, e.g. `1m`; empty if the query says it.
        since, until: the time in which datapoints were looked for, in UTC.
        rows: in the order of streams and time.
        note: why something is missing; may be empty.
    """

    name: str
    unit: str = ""
    statistic: str = ""
    resolution: str = ""
    since: datetime
    until: datetime
    rows: tuple[MetricRow, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> MetricRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[MetricRow, ...]: ...
    def __getitem__(self, index: int | slice) -> MetricRow | tuple[MetricRow, ...]:
        return self.rows[index]

    @property
    def series(self) -> tuple[tuple[MetricRow, ...], ...]:
        """The rows of each metric stream, in the order of instances, containers and other dimensions."""
        found: dict[tuple[object, ...], list[MetricRow]] = {}
        for row in self.rows:
            key = (row.instance, row.container, row.namespace, row.name, *sorted(row.dimensions.items()))
            found.setdefault(key, []).append(row)
        return tuple(tuple(found[key]) for key in sorted(found, key=_natural_order))

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain data, times in RFC 3339."""
        return {
            **{name: getattr(self, name) for name in ("name", "unit", "statistic", "resolution", "note")},
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "rows": [{**row.to_dict(), "instance": row.instance, "container": row.container} for row in self.rows],
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a line for each row, sorted as they are.

        Its columns are `time` (UTC), `instance`, `container`, `value`, and one for each other dimension.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise ConfigError(_NO_PANDAS) from error
        return pandas.DataFrame(
            [
                {
                    **row.dimensions,
                    "time": row.time,
                    "instance": row.instance,
                    "container": row.container,
                    "value": row.value,
                }
                for row in self.rows
            ]
        )

    def __str__(self) -> str:
        from ocisidecar.views import metrics_text

        return metrics_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import metrics_html

        return metrics_html(self)


@frozen(kw_only=True)
class MetricName:
    """A metric that a deployment can be asked for.

    Attributes:
        name: what `Deployment.metrics` takes.
        metric: its name in OCI Monitoring.
        namespace: its namespace there.
        unit: of the values; empty if it is not known.
        statistic: of each interval, unless another one is asked for.
        sent_by: the service, or the containers, that send it.
        streams: how many metric streams OCI lists; of what the service sends, those of one instance.
    """

    name: str
    metric: str
    namespace: str
    unit: str = ""
    statistic: str = "mean"
    sent_by: str
    streams: int = 0

    @property
    def has_data(self) -> bool:
        """Whether OCI lists datapoints of it."""
        return self.streams > 0

    def to_dict(self) -> dict[str, object]:
        """Return the name as plain data."""
        return {**asdict(self), "has_data": self.has_data}


@frozen
class MetricNames(Sequence[MetricName]):
    """The metrics that a deployment can be asked for.

    Attributes:
        deployment: its name.
        names: those of the service first.
    """

    deployment: str
    names: tuple[MetricName, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> MetricName: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[MetricName, ...]: ...
    def __getitem__(self, index: int | slice) -> MetricName | tuple[MetricName, ...]:
        return self.names[index]

    def to_dict(self) -> dict[str, object]:
        """Return the names as plain data."""
        return {"deployment": self.deployment, "names": [one.to_dict() for one in self.names]}

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import metric_names_text

        return metric_names_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import metric_names_html

        return metric_names_html(self)


def _natural_order(key: tuple[object, ...]) -> list[tuple[int, str]]:
    """Return what sorts `web-2` before `web-10`."""
    parts = re.split(r"([0-9]+)", str(key))
    return [(int(part), "") if position % 2 else (-1, part) for position, part in enumerate(parts)]


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
    answer = reader.caller.call(CLIENT, "summarize_metrics_data", compartment_id, body)
    return tuple(row for stream in objects(answer.data) for row in _rows(stream))


def _rows(stream: Mapping[str, Json]) -> Iterator[MetricRow]:
    for point in objects(stream.get("aggregatedDatapoints")):
        value = number(point.get("value"))
        if value is not None:
            yield MetricRow(
                time=datetime.fromisoformat(text(point, "timestamp")),
                namespace=text(stream, "namespace"),
                resource_group=text(stream, "resourceGroup"),
                name=text(stream, "name"),
                dimensions=tags_of(stream.get("dimensions")),
                value=value,
            )
