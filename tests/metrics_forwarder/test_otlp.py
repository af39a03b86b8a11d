"""OpenTelemetry's own SDK as sender, and requests that it does not make."""

from __future__ import annotations

import gzip
import json
import time

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource

from ocisidecar.emulator import Fault
from tests.metrics_forwarder.wire import post

JSON = {"content-type": "application/json"}


EXPLICIT = ExplicitBucketHistogramAggregation((1, 2, 4))


class Sdk:
    """A meter of an app that exports when told to."""

    def __init__(
        self,
        port,
        temporality=AggregationTemporality.CUMULATIVE,
        compression=Compression.NoCompression,
        histograms=EXPLICIT,
    ):
        self.exporter = OTLPMetricExporter(
            endpoint=f"http://127.0.0.1:{port}/v1/metrics",
            compression=compression,
            preferred_temporality={Counter: temporality, Histogram: temporality},
        )
        self.results = []
        export = self.exporter.export
        self.exporter.export = lambda *given, **named: (
            self.results.append(export(*given, **named)) or self.results[-1]
        )
        self.provider = MeterProvider(
            [PeriodicExportingMetricReader(self.exporter, export_interval_millis=float("inf"))],
            Resource({"service.name": "shop", "service.namespace": "acme", "service.instance.id": "1"}),
            views=[View(instrument_type=Histogram, aggregation=histograms)],
        )
        self.meter = self.provider.get_meter("shop")


@pytest.mark.parametrize("keeps_repeated", [False])
@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdk_loses_and_doubles_nothing(tenancy, start_forwarder, temporality, compression):
    """Counters of the SDK add up, from the first, with either temporality, through kills and failed calls."""
    forwarder = start_forwarder(HISTOGRAMS="buckets", INTERVAL_SECONDS=1)
    tenancy.emulator.inject(Fault.error("post_metric_data", "InternalServerError", times=None, probability=0.3))
    sdk = Sdk(forwarder.port, temporality, compression)
    orders, sizes = sdk.meter.create_counter("orders"), sdk.meter.create_histogram("order.size")
    for index in range(4):
        orders.add(index + 1, {"kind": "book"})
        sizes.record(index)
        assert sdk.provider.force_flush()
        forwarder.kill()
        forwarder.environment["OCISIDECAR_RECEIVE_PORT"] = str(forwarder.port)
        forwarder.start()
    sdk.provider.shutdown()
    assert forwarder.stop() == 0
    assert sdk.results
    assert set(sdk.results) == {MetricExportResult.SUCCESS}
    streams = tenancy.streams()
    common = (("instance", "1"), ("job", "acme/shop"), ("otel_scope_name", "shop"))
    totals = {key: sum(value for _, value in points) for key, points in streams.items()}
    assert totals["orders", tuple(sorted((*common, ("kind", "book"))))] == 10
    assert totals["order.size_count", common] == 4
    assert totals["order.size_sum", common] == 6
    buckets = {dict(dimensions)["le"]: total for (name, dimensions), total in totals.items() if "_bucket" in name}
    assert buckets == {"1": 2, "2": 3, "4": 4, "+Inf": 4}


@pytest.mark.parametrize("keeps_repeated", [False])
@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
@pytest.mark.parametrize("form", ["buckets", "0.5"])
def test_exponential_histograms_of_the_sdk(tenancy, start_forwarder, temporality, form):
    """Exponential histograms arrive as buckets or quantiles, with count and sum, through kills.

    The SDK makes them coarser while they grow: to buckets by powers of 16 at last.
    """
    forwarder = start_forwarder(HISTOGRAMS=form)
    sdk = Sdk(forwarder.port, temporality, histograms=ExponentialBucketHistogramAggregation(max_size=10))
    sizes = sdk.meter.create_histogram("order.size")
    for index in range(4):
        for value in (0, 0.75, 100**index):
            sizes.record(value)
        assert sdk.provider.force_flush()
        forwarder.kill()
        forwarder.environment["OCISIDECAR_RECEIVE_PORT"] = str(forwarder.port)
        forwarder.start()
    sdk.provider.shutdown()
    assert forwarder.stop() == 0
    points = {
        (name, dict(dimensions).get("le") or dict(dimensions).get("quantile")): [value for _, value in found]
        for (name, dimensions), found in tenancy.streams().items()
    }
    assert sum(points.pop(("order.size_count", None))) == 12
    assert sum(points.pop(("order.size_sum", None))) == 1010104
    if form == "0.5":
        assert [*points] == [("order.size", "0.5")]
        assert all(1 / 16 <= value <= 1 for value in points["order.size", "0.5"])
    else:
        assert sum(points.pop(("order.size_bucket", "+Inf"))) == 12
        for (_, limit), found in points.items():
            exact = sum(value <= float(limit) for index in range(4) for value in (0, 0.75, 100**index))
            assert sum(found) == exact, limit


def test_gauges_and_sums_that_may_fall_are_values(tenancy, start_forwarder):
    """A gauge, and an up-down counter, arrive as their last value."""
    forwarder = start_forwarder()
    sdk = Sdk(forwarder.port)
    sdk.meter.create_observable_gauge("temperature", [lambda _: [Observation(21.5)]])
    queue = sdk.meter.create_up_down_counter("queue")
    queue.add(5)
    sdk.provider.force_flush()
    queue.add(-2)
    sdk.provider.force_flush()
    sdk.provider.shutdown()
    assert forwarder.stop() == 0
    assert tenancy.points("queue")[-1][1] == 3
    assert tenancy.points("temperature")[-1][1] == 21.5


def document(*metrics):
    """Return a request in OTLP's JSON encoding."""
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": list(metrics)}]}]}).encode()


def gauge(name, **point):
    at = {"timeUnixNano": str(time.time_ns())}
    return {"name": name, "gauge": {"dataPoints": [{**at, **point}]}}


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_json_is_taken(tenancy, start_forwarder, compress):
    """OTLP's JSON encoding is taken, plain and in gzip, with attributes of all types, and answered in JSON."""
    forwarder = start_forwarder()
    attributes = [
        {"key": "flag", "value": {"boolValue": True}},
        {"key": "size", "value": {"intValue": "3"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
    ]
    headers = {**JSON, "content-encoding": "gzip"} if compress is gzip.compress else JSON
    body = compress(document(gauge("temperature", asDouble=21.5, attributes=attributes)))
    answer = post(forwarder.port, body, "/v1/metrics", headers.items())
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", b"{}")
    assert forwarder.stop() == 0
    dimensions = (("flag", "true"), ("list", '["a"]'), ("size", "3"))
    assert [value for _, value in tenancy.streams()["temperature", dimensions]] == [21.5]


def test_what_is_not_taken_is_told(tenancy, start_forwarder):
    """Points that are invalid are answered with a partial success, and the others of the request arrive."""
    forwarder = start_forwarder()
    exponential = {"name": "latency", "exponentialHistogram": {"dataPoints": [{"scale": 53}, {"scale": -11}]}}
    answer = post(forwarder.port, document(exponential, gauge("queue", asInt="4")), "/v1/metrics", JSON.items())
    told = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, told["rejectedDataPoints"]) == (200, "2")
    assert "unknown scale 53" in told["errorMessage"]
    assert forwarder.stop() == 0
    assert [value for _, value in tenancy.points("queue")] == [4.0]


def test_other_bodies_are_refused_for_good(start_forwarder):
    """A body that is no request gets 400, one of another type or encoding 415."""
    forwarder = start_forwarder()
    given = [
        (b"{", JSON, 400),
        (b"\xff\xff", {"content-type": "application/x-protobuf"}, 400),
        (b"no", {**JSON, "content-encoding": "gzip"}, 400),
        (b"{}", {**JSON, "content-encoding": "br"}, 415),
        (b"{}", {"content-type": "text/plain"}, 415),
    ]
    assert [post(forwarder.port, body, "/v1/metrics", headers.items()).status for body, headers, _ in given] == [
        status for *_, status in given
    ]
