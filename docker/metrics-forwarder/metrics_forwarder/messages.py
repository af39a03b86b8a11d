"""The protobuf messages that are received, as far as they are read; unknown fields are ignored.

They are declared here and built when the program starts, so that no generated code is needed, which would depend on
the version of protobuf.

Sources: prometheus/prometheus, prompb/remote.proto, prompb/types.proto, prompb/io/prometheus/write/v2/types.proto;
open-telemetry/opentelemetry-proto, collector/metrics/v1/metrics_service.proto, metrics/v1/metrics.proto,
common/v1/common.proto.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "received"

_MESSAGES: Final = {
    "WriteRequest": "1 timeseries *TimeSeries; 3 metadata *MetricMetadata",
    "TimeSeries": "1 labels *Label; 2 samples *Sample; 4 histograms *NativeHistogram",
    "Label": "1 name string; 2 value string",
    # `value` is a double, read as its bits: a stale marker is a NaN among others, which not every implementation
    # of protobuf tells apart.
    "Sample": "1 value fixed64; 2 timestamp int64; 3 start_timestamp int64",
    "MetricMetadata": "1 type int32; 2 metric_family_name string",
    # `sum` is a double, read as its bits for the same reason.
    "NativeHistogram": (
        "1 count_int ?uint64; 2 count_float ?double; 3 sum fixed64; 4 schema sint32; 5 zero_threshold double;"
        " 6 zero_count_int ?uint64; 7 zero_count_float ?double; 8 negative_spans *BucketSpan;"
        " 9 negative_deltas *sint64; 10 negative_counts *double; 11 positive_spans *BucketSpan;"
        " 12 positive_deltas *sint64; 13 positive_counts *double; 14 reset_hint int32; 15 timestamp int64;"
        " 16 custom_values *double; 17 start_timestamp int64"
    ),
    "BucketSpan": "1 offset sint32; 2 length uint32",
    "Request": "4 symbols *string; 5 timeseries *TimeSeries2",
    "TimeSeries2": (
        "1 labels_refs *uint32; 2 samples *Sample; 3 histograms *NativeHistogram; 5 metadata Metadata;"
        " 6 created_timestamp int64"
    ),
    "Metadata": "1 type int32",
    "ExportMetricsServiceRequest": "1 resource_metrics *ResourceMetrics",
    "ExportMetricsServiceResponse": "1 partial_success ExportMetricsPartialSuccess",
    "ExportMetricsPartialSuccess": "1 rejected_data_points int64; 2 error_message string",
    "ResourceMetrics": "1 resource Resource; 2 scope_metrics *ScopeMetrics",
    "Resource": "1 attributes *KeyValue",
    "ScopeMetrics": "1 scope Scope; 2 metrics *Metric",
    "Scope": "1 name string",
    "KeyValue": "1 key string; 2 value AnyValue",
    "AnyValue": (
        "1 string_value ?string; 2 bool_value ?bool; 3 int_value ?int64; 4 double_value ?double;"
        " 5 array_value ?ArrayValue"
    ),
    "ArrayValue": "1 values *AnyValue",
    "Metric": (
        "1 name string; 3 unit string; 5 gauge ?Gauge; 7 sum ?Sum; 9 histogram ?Histogram;"
        " 10 exponential_histogram ?ExponentialHistogram; 11 summary ?Summary"
    ),
    "Gauge": "1 data_points *NumberDataPoint",
    "Sum": "1 data_points *NumberDataPoint; 2 aggregation_temporality int32; 3 is_monotonic bool",
    "Histogram": "1 data_points *HistogramDataPoint; 2 aggregation_temporality int32",
    "ExponentialHistogram": "1 data_points *ExponentialHistogramDataPoint; 2 aggregation_temporality int32",
    "Summary": "1 data_points *SummaryDataPoint",
    "NumberDataPoint": (
        "7 attributes *KeyValue; 2 start_time_unix_nano fixed64; 3 time_unix_nano fixed64; 4 as_double ?double;"
        " 6 as_int ?sfixed64; 8 flags uint32"
    ),
    "HistogramDataPoint": (
        "9 attributes *KeyValue; 2 start_time_unix_nano fixed64; 3 time_unix_nano fixed64; 4 count fixed64;"
        " 5 sum ?double; 6 bucket_counts *fixed64; 7 explicit_bounds *double; 10 flags uint32"
    ),
    "ExponentialHistogramDataPoint": (
        "1 attributes *KeyValue; 2 start_time_unix_nano fixed64; 3 time_unix_nano fixed64; 4 count fixed64;"
        " 5 sum ?double; 6 scale sint32; 7 zero_count fixed64; 8 positive Buckets; 9 negative Buckets;"
        " 10 flags uint32; 14 zero_threshold double"
    ),
    "Buckets": "1 offset sint32; 2 bucket_counts *uint64",
    "SummaryDataPoint": (
        "7 attributes *KeyValue; 2 start_time_unix_nano fixed64; 3 time_unix_nano fixed64; 4 count fixed64;"
        " 5 sum double; 6 quantile_values *ValueAtQuantile; 8 flags uint32"
    ),
    "ValueAtQuantile": "1 quantile double; 2 value double",
}
"""Message → its fields as `number name type`; `*` before the type is a list, `?` a field whose absence is known."""

_Field = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="received.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for text in filter(None, fields.split(";")):
            _add_field(declared, *text.split())
    return file


def _add_field(declared: Any, number: str, name: str, kind: str) -> None:
    field = declared.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
    type_name = kind.lstrip("*?")
    if type_name in _MESSAGES:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{type_name}"
        return
    field.type = _Field.Type.Value(f"TYPE_{type_name.upper()}")
    if kind.startswith("?"):
        field.proto3_optional = True
        field.oneof_index = len(declared.oneof_decl)
        declared.oneof_decl.add(name=f"_{name}")


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file().SerializeToString())
    descriptors = [pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in _MESSAGES]
    if hasattr(message_factory, "GetMessageClass"):
        classes = [message_factory.GetMessageClass(one) for one in descriptors]
    else:  # protobuf 3.21, which Debian 12 and 13 have
        factory: Any = message_factory.MessageFactory(pool)
        classes = [factory.GetPrototype(one) for one in descriptors]
    return dict(zip(_MESSAGES, classes, strict=True))


_CLASSES: Final = _classes()
WriteRequest: Final = _CLASSES["WriteRequest"]
Request: Final = _CLASSES["Request"]
ExportMetricsServiceRequest: Final = _CLASSES["ExportMetricsServiceRequest"]
ExportMetricsServiceResponse: Final = _CLASSES["ExportMetricsServiceResponse"]
