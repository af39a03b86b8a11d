"""Monitoring: datapoints are posted, listed and summarized.  API: monitoring/20180401.

OCI has a separate host for posting, hence a separate prefix here.

Source: oci.monitoring.MonitoringClient.post_metric_data, summarize_metrics_data and list_metrics, and the members
of their models; the texts for timestamps, for missing dimensions and for a call without any valid metric are
recorded from the real service.  UNCONFIRMED: the other texts, and the 404 for a missing compartment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator
from typing import Final

from ocisidecar.emulator import mql
from ocisidecar.emulator.agent_metrics import NAMESPACE as AGENT_NAMESPACE
from ocisidecar.emulator.agent_metrics import post_agent_metrics
from ocisidecar.emulator.declarations import AccessTarget, Call, Permission, Result, Service
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import moment, timestamp
from ocisidecar.emulator.metric_store import StreamKey
from ocisidecar.emulator.mql_evaluation import evaluate
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, body, many
from ocisidecar.emulator.state import Cloud
from ocisidecar.emulator.syntax import QueryError

MAX_STREAMS: Final = 50
MAX_DIMENSIONS: Final = 20
MAX_AGE_SECONDS: Final = 2 * 3600
MAX_LEAD_SECONDS: Final = 10 * 60
DEFAULT_RANGE_SECONDS: Final = 3 * 3600

MONITORING: Final = Service(
    name="monitoring",
    prefixes=("telemetry",),
    version="/20180401",
    client="monitoring.MonitoringClient",
    writes_nulls=True,
)
METRIC_INGESTION: Final = Service(
    name="metric_ingestion",
    prefixes=("telemetry-ingestion",),
    version="/20180401",
    client="monitoring.MonitoringClient",
    writes_nulls=True,
)

_METRIC = body(
    "namespace resourceGroup compartmentId name dimensions:map metadata:map datapoints",
    datapoints=many(body("timestamp:time value:number count:int")),
)
_NAMESPACE = re.compile(r"(?!oci_|oracle_)[A-Za-z]\w*", re.ASCII)
_NAME = re.compile(r"[A-Za-z][\w.$-]*", re.ASCII)
_DIMENSION_KEY = re.compile(r"[!-~]{1,256}")
_DIMENSION_VALUE = re.compile(r".{1,512}", re.DOTALL)
_METADATA = re.compile(r".{0,256}", re.DOTALL)


def _targets(call: Call) -> list[AccessTarget]:
    """Return a target for each metric: each compartment and namespace needs the permission."""
    return [
        AccessTarget(metric["compartmentId"], {"target.metrics.namespace": metric["namespace"]})
        for metric in call.body["metricData"]
        if "compartmentId" in metric and "namespace" in metric
    ]


@METRIC_INGESTION.operation(
    "POST",
    "/metrics",
    "post_metric_data",
    details=body("metricData! batchAtomicity=ATOMIC|NON_ATOMIC", metricData=many(_METRIC)),
    permission=Permission(verb="use", resource_type="metrics", targets=_targets),
)
def post_metric_data(call: Call) -> Result:
    """Store the valid metrics and respond with the invalid ones; ATOMIC stores all or none."""
    metrics = call.body["metricData"]
    errors = [(metric, _metric_error(metric, call.now)) for metric in metrics]
    failed = [(metric, error) for metric, error in errors if error is not None]
    valid = [metric for metric, error in errors if error is None]
    if failed and (not valid or call.body.get("batchAtomicity") == "ATOMIC"):
        raise invalid(f"No valid metrics. All metrics failed input validation. First failure: {failed[0][1]}")
    if len({_key(call, metric) for metric in valid}) > MAX_STREAMS:
        raise invalid(f"A call must not exceed {MAX_STREAMS} unique metric streams")
    for compartment_id in {metric["compartmentId"] for metric in valid}:
        call.compartment(compartment_id)
    for metric in valid:
        points = [
            mql.Datapoint(moment(point["timestamp"]), point["value"], point.get("count", 1))
            for point in metric["datapoints"]
        ]
        call.cloud.metrics.add(_key(call, metric), points, metric.get("metadata"))
    return Result(
        body={
            "failedMetricsCount": len(failed),
            "failedMetrics": [{"message": error, "metricData": _metric_view(metric)} for metric, error in failed],
        }
    )


def _key(call: Call, metric: JsonObject) -> StreamKey:
    return StreamKey(
        region=call.region,
        compartment_id=metric["compartmentId"],
        namespace=metric["namespace"],
        resource_group=metric.get("resourceGroup"),
        name=metric["name"],
        dimensions=tuple(sorted(metric["dimensions"].items())),
    )


def _metric_error(metric: JsonObject, now: float) -> str | None:
    """Return why a metric is invalid; None when it is valid."""
    for member in ("namespace", "compartmentId", "name", "dimensions", "datapoints"):
        if not metric.get(member):
            return f"{member} can not be null or empty"
    checks: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
        ("namespace", _NAMESPACE, [metric["namespace"]]),
        ("resourceGroup", _NAME, [metric["resourceGroup"]] if "resourceGroup" in metric else []),
        ("name", _NAME, [metric["name"]]),
        ("dimension key", _DIMENSION_KEY, list(metric["dimensions"])),
        ("dimension value", _DIMENSION_VALUE, list(metric["dimensions"].values())),
        ("metadata", _METADATA, [text for pair in metric.get("metadata", {}).items() for text in pair]),
    )
    for what, pattern, texts in checks:
        for text in texts:
            if not pattern.fullmatch(text):
                return f"{what} is not valid: {text}"
    if len(metric["dimensions"]) > MAX_DIMENSIONS:
        return f"dimensions must not exceed {MAX_DIMENSIONS}"
    return next((error for point in metric["datapoints"] if (error := _datapoint_error(point, now))), None)


def _datapoint_error(point: JsonObject, now: float) -> str | None:
    if "timestamp" not in point or "value" not in point:
        return "datapoint timestamp and value can not be null"
    if not now - MAX_AGE_SECONDS < moment(point["timestamp"]) < now + MAX_LEAD_SECONDS:
        return "The datapoint timestamps must be between 2 hours ago and 10 minutes from now."
    if not math.isfinite(point["value"]):
        return "The datapoint value must be a finite number."
    if point.get("count", 1) <= 0:
        return "The datapoint count must be greater than zero."
    return None


def _metric_view(metric: JsonObject) -> JsonObject:
    shown = {member: metric.get(member) for member in _METRIC.fields}
    shown["datapoints"] = [
        {
            "count": point.get("count"),
            "timestamp": timestamp(moment(point["timestamp"])) if "timestamp" in point else None,
            "value": point.get("value"),
        }
        for point in metric.get("datapoints", ())
    ]
    return shown


@MONITORING.operation(
    "POST",
    "/metrics/actions/summarizeMetricsData",
    "summarize_metrics_data",
    details=body("namespace! resourceGroup query! startTime:time endTime:time resolution"),
    query=("compartmentId",),
    listing="array",
    is_write=False,
)
def summarize_metrics_data(call: Call) -> Result:
    """Evaluate a query over the datapoints in [startTime, endTime)."""
    request = call.body
    query = parse_query(call.cloud, request["query"])
    end = moment(request["endTime"]) if "endTime" in request else call.now
    start = moment(request["startTime"]) if "startTime" in request else end - DEFAULT_RANGE_SECONDS
    if start >= end:
        raise invalid("startTime must be before endTime")
    resolution = min(_resolution(request.get("resolution", "1m")), query.selections[0].interval_seconds)
    found = evaluate(
        query,
        _indexed(
            call,
            streams_of(
                call.cloud, call.region, compartments_of(call), request["namespace"], request.get("resourceGroup")
            ),
        ),
        start=start,
        end=end,
        resolution_seconds=resolution,
    )
    shared = {
        "namespace": request["namespace"],
        "resourceGroup": request.get("resourceGroup"),
        "compartmentId": call.query["compartmentId"],
        "name": query.selections[0].metric,
        "resolution": None,
    }
    return Result(
        body=[
            {
                **shared,
                "dimensions": series.dimensions,
                "metadata": series.metadata or {},
                "aggregatedDatapoints": [
                    {"timestamp": timestamp(at), "value": value} for at, value in series.points
                ],
            }
            for series in found
        ]
    )


def _indexed(call: Call, streams: Callable[[str], Iterator[mql.Stream]]) -> Callable[[str], Iterator[mql.Stream]]:
    """Return the same function, without the datapoints that queries do not find yet."""
    if not call.cloud.latencies.metric_indexing:
        return streams

    def find(name: str) -> Iterator[mql.Stream]:
        for stream in streams(name):
            key = f"{call.cloud.seed}/{sorted(stream.dimensions.items())}"
            lag = call.cloud.latencies.draw("metric_indexing", key)
            points = [point for point in stream.datapoints if point.time + lag <= call.now]
            yield mql.Stream(stream.dimensions, points, stream.metadata)

    return find


def parse_query(cloud: Cloud, text: str) -> mql.Query:
    """Return the parsed query; ServiceError 400 when the text is too long or not a query."""
    longest = cloud.assumptions.max_query_characters
    if len(text) > longest:
        raise invalid(f"A query must not exceed {longest} characters, got {len(text)}")
    try:
        return mql.parse(text)
    except QueryError as exc:
        raise invalid(f"Invalid query: {exc}") from exc


def streams_of(
    cloud: Cloud, region: str, compartment_ids: frozenset[str], namespace: str, resource_group: str | None
) -> Callable[[str], Iterator[mql.Stream]]:
    """Return a function from a metric's name to its streams; None selects the streams without a resource group."""
    if namespace == AGENT_NAMESPACE:
        post_agent_metrics(cloud, cloud.clock.time())

    def find(name: str) -> Iterator[mql.Stream]:
        for key in cloud.metrics.keys(region, compartment_ids):
            if (key.namespace, key.resource_group, key.name) == (namespace, resource_group, name):
                yield cloud.metrics.stream(key)

    return find


def compartments_of(call: Call) -> frozenset[str]:
    """Return the compartments that the query parameters name; only the tenancy may include its subtree."""
    compartment_id = call.query["compartmentId"]
    call.compartment(compartment_id)
    if call.query.get("compartmentIdInSubtree", "false") != "true":
        return frozenset({compartment_id})
    if compartment_id != call.cloud.tenancy_id:
        raise invalid("compartmentIdInSubtree can be true for the tenancy only")
    return frozenset(record.id for record in call.cloud.store.all("compartment", call.now))


def _resolution(text: str) -> float:
    try:
        return mql.parse_duration(text)
    except QueryError as exc:
        raise invalid(f"Invalid resolution: {exc}") from exc


@MONITORING.operation(
    "POST",
    "/metrics/actions/listMetrics",
    "list_metrics",
    details=body(
        "name namespace resourceGroup dimensionFilters:map groupBy:strings"
        " sortBy=NAMESPACE|NAME|RESOURCEGROUP sortOrder=ASC|DESC"
    ),
    query=("compartmentId",),
    listing="array",
    is_write=False,
)
def list_metrics(call: Call) -> Result:
    """Respond with a page of the metrics that were posted."""
    request = call.body
    group_by = request.get("groupBy", [])
    if not set(group_by) <= set(_SORT_MEMBERS.values()):
        raise invalid("groupBy knows namespace, name and resourceGroup only")
    shown = {*group_by, "compartmentId"} if group_by else {*_SORT_MEMBERS.values(), "compartmentId", "dimensions"}
    wanted = {name: request[name] for name in _SORT_MEMBERS.values() if name in request}
    dimensions = {} if group_by else request.get("dimensionFilters", {})
    rows: dict[Hashable, JsonObject] = {}
    post_agent_metrics(call.cloud, call.now)
    for key in call.cloud.metrics.keys(call.region, compartments_of(call)):
        metric = _listed_metric(key)
        if wanted.items() <= metric.items() and dimensions.items() <= metric["dimensions"].items():
            row = {name: metric[name] if name in shown else None for name in metric}
            rows.setdefault(tuple(row.values()) if group_by else key, row)
    by = _SORT_MEMBERS[request.get("sortBy", "NAMESPACE")]
    ordered = sorted(rows.values(), key=lambda row: row[by] or "", reverse=request.get("sortOrder") == "DESC")
    return page_of_items(call, ordered)


_SORT_MEMBERS: Final = {"NAMESPACE": "namespace", "NAME": "name", "RESOURCEGROUP": "resourceGroup"}


def _listed_metric(key: StreamKey) -> JsonObject:
    return {
        "name": key.name,
        "namespace": key.namespace,
        "resourceGroup": key.resource_group,
        "compartmentId": key.compartment_id,
        "dimensions": dict(key.dimensions),
    }
