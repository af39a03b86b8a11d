"""OpenTelemetry metrics over HTTP, as protobuf or JSON.

Resources become the labels `job` and `instance`, and histograms and summaries become the series that Prometheus
would have.  Source: opentelemetry.io, "OTLP Specification", "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError as ProtobufError

from metrics_forwarder.messages import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from metrics_forwarder.native_histograms import NativeHistogram
from metrics_forwarder.native_messages import exponential_histogram
from metrics_forwarder.samples import (
    LE,
    NAME,
    STALE,
    Batch,
    DecodeError,
    Kind,
    Series,
    Value,
    bound_text,
    sorted_labels,
)

_DELTA: Final = 1
_NO_RECORDED_VALUE: Final = 1
_NANOS_PER_MS: Final = 1_000_000
_VALUES: Final = ("string_value", "bool_value", "int_value", "double_value")


def gunzipped(body: bytes, max_bytes: int) -> bytes:
    """Return the content of a gzip body; DecodeError when it is none, or longer than allowed."""
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = decompressor.decompress(body, max_bytes + 1)
    except (zlib.error, gzip.BadGzipFile) as exc:
        raise DecodeError("the body is not gzip") from exc
    if len(content) > max_bytes:
        raise DecodeError(f"the request has more than {max_bytes} bytes uncompressed")
    return content


def decode_protobuf(content: bytes) -> Batch:
    """Return the content of an ExportMetricsServiceRequest."""
    try:
        return _batch(ExportMetricsServiceRequest.FromString(content))
    except ProtobufError as exc:
        raise DecodeError("the body is not an ExportMetricsServiceRequest") from exc


def decode_json(content: bytes) -> Batch:
    """Return the content of an ExportMetricsServiceRequest in OTLP's JSON encoding."""
    try:
        message = json_format.Parse(content, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as exc:
        raise DecodeError(f"the body is not an ExportMetricsServiceRequest: {exc}") from exc
    return _batch(message)


def response(rejected: int, message: str, *, is_json: bool) -> bytes:
    """Return an ExportMetricsServiceResponse: a partial success when something was rejected."""
    answer = ExportMetricsServiceResponse()
    if rejected or message:
        answer.partial_success.rejected_data_points = rejected
        answer.partial_success.error_message = message
    content: bytes = json_format.MessageToJson(answer).encode() if is_json else answer.SerializeToString()
    return content


def _batch(request: Any) -> Batch:
    batch = Batch()
    for resource in request.resource_metrics:
        target = _target(resource.resource.attributes)
        for scope in resource.scope_metrics:
            common = {**target, "otel_scope_name": scope.scope.name}
            for metric in scope.metrics:
                for series in _series(metric, common, batch):
                    batch.series.append(series)
    return batch


def _target(attributes: Iterable[Any]) -> dict[str, str]:
    """Return the labels `job` and `instance` of a resource."""
    values = {one.key: _text(one.value) for one in attributes}
    names = (values.get("service.namespace"), values.get("service.name"))
    return {"job": "/".join(filter(None, names)), "instance": values.get("service.instance.id", "")}


def _series(metric: Any, common: dict[str, str], batch: Batch) -> Iterator[Series]:
    for point, parts in _points(metric):
        labels = {**common, **{one.key: _text(one.value) for one in point.attributes}}
        at, start = point.time_unix_nano // _NANOS_PER_MS, point.start_time_unix_nano // _NANOS_PER_MS
        is_absent = bool(point.flags & _NO_RECORDED_VALUE)
        try:
            for suffix, extra, value, kind in parts:
                key = sorted_labels(tuple({**labels, **extra, NAME: metric.name + suffix}.items()))
                is_native = isinstance(value, NativeHistogram) and not is_absent
                yield Series(key, [(at, STALE if is_absent else value)], kind, start, is_native)
        except ValueError as exc:
            batch.invalid.append(str(exc))


_Part = tuple[str, dict[str, str], Value, Kind]
"""Suffix of the name, further labels, value and kind of one of the series that a data point becomes."""


def _points(metric: Any) -> Iterator[tuple[Any, Iterable[_Part]]]:
    for point in metric.gauge.data_points:
        yield point, [("", {}, _number(point), Kind.GAUGE)]
    for point in metric.sum.data_points:
        yield point, [("", {}, _number(point), _sum_kind(metric.sum))]
    for point in metric.histogram.data_points:
        yield point, _histogram_parts(point, _histogram_kind(metric.histogram))
    for point in metric.exponential_histogram.data_points:
        yield point, _exponential_parts(point, _histogram_kind(metric.exponential_histogram))
    for point in metric.summary.data_points:
        yield point, _summary_parts(point)


def _sum_kind(total: Any) -> Kind:
    if total.aggregation_temporality == _DELTA:
        return Kind.DELTA
    return Kind.COUNTER if total.is_monotonic else Kind.GAUGE


def _histogram_kind(histogram: Any) -> Kind:
    return Kind.DELTA if histogram.aggregation_temporality == _DELTA else Kind.COUNTER


def _exponential_parts(point: Any, kind: Kind) -> Iterator[_Part]:
    yield "", {}, exponential_histogram(point), kind


def _histogram_parts(point: Any, kind: Kind) -> Iterator[_Part]:
    yield "_count", {}, point.count, kind
    if point.HasField("sum"):
        yield "_sum", {}, point.sum, kind
    count = 0
    for bound, in_bucket in zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=False):
        count += in_bucket
        yield "_bucket", {LE: bound_text(bound)}, count, kind


def _summary_parts(point: Any) -> Iterator[_Part]:
    yield "_count", {}, point.count, Kind.COUNTER
    yield "_sum", {}, point.sum, Kind.COUNTER
    for one in point.quantile_values:
        yield "", {"quantile": bound_text(one.quantile)}, one.value, Kind.GAUGE


def _number(point: Any) -> float:
    return float(point.as_int) if point.HasField("as_int") else float(point.as_double)


def _text(value: Any) -> str:
    for name in _VALUES:
        if value.HasField(name):
            found = getattr(value, name)
            return found if isinstance(found, str) else json.dumps(found)
    return json.dumps([_text(one) for one in value.array_value.values]) if value.HasField("array_value") else ""
