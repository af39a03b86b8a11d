"""Native histograms as Prometheus and OpenTelemetry send them.

Sources: prometheus/docs, docs/specs/native_histograms.md; prometheus/prometheus, prompb/types.proto and
prompb/io/prometheus/write/v2/types.proto; open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from metrics_forwarder.native_histograms import MAX_SCHEMA, MIN_SCHEMA, Buckets, NativeHistogram
from metrics_forwarder.samples import LE, NAME, STALE, Kind, Labels, Series, is_stale

_CUSTOM_BOUNDS: Final = -53
_RESET: Final = 1
_IS_GAUGE: Final = 3


def histogram_series(message: Any, labels: Labels, start_ms: int) -> list[Series]:
    """Return what a histogram of remote write becomes; ValueError says what is wrong with it.

    One with bounds of its own is a classic one in another form, and becomes the series that this would have.
    """
    (total,) = struct.unpack("<d", struct.pack("<Q", message.sum))
    at_ms, kind = message.timestamp, Kind.GAUGE if message.reset_hint == _IS_GAUGE else Kind.COUNTER
    if is_stale(total):
        return [Series(labels, [(at_ms, STALE)], kind)]
    if message.schema == _CUSTOM_BOUNDS:
        parts = _classic(message, total, kind, dict(labels)[NAME])
        pairs = [(tuple(sorted((dict(labels) | named).items())), value) for named, value in parts]
        return [Series(one, [(at_ms, value)], kind, start_ms) for one, value in pairs]
    _check_schema(message.schema, "schema")
    histogram = NativeHistogram(
        schema=message.schema,
        count=_checked(_either(message, "count")),
        sum=total if math.isfinite(total) else None,
        zero_threshold=_checked(message.zero_threshold),
        zero=_checked(_either(message, "zero_count")),
        positive=_buckets(message, "positive"),
        negative=_buckets(message, "negative"),
        is_first=message.reset_hint == _RESET,
    )
    return [Series(labels, [(at_ms, histogram.fitted())], kind, start_ms, is_native=True)]


def exponential_histogram(point: Any) -> NativeHistogram:
    """Return a data point of OpenTelemetry's; ValueError says what is wrong with it."""
    _check_schema(point.scale, "scale")
    return NativeHistogram(
        schema=point.scale,
        count=point.count,
        sum=point.sum if point.HasField("sum") and math.isfinite(point.sum) else None,
        zero_threshold=_checked(point.zero_threshold),
        zero=point.zero_count,
        positive=_offset_buckets(point.positive),
        negative=_offset_buckets(point.negative),
    ).fitted()


def _check_schema(schema: int, name: str) -> None:
    if not MIN_SCHEMA <= schema <= MAX_SCHEMA:
        raise ValueError(f"a histogram has the unknown {name} {schema}")


def _checked(value: float) -> float:
    if not 0 <= value < math.inf:
        raise ValueError(f"a histogram has {value} observations, or this as its zero threshold")
    return value


def _either(message: Any, name: str) -> float:
    """Return a count, which is an integer or a floating-point number."""
    found: float = getattr(message, f"{name}_float" if message.HasField(f"{name}_float") else f"{name}_int")
    return found


def _buckets(message: Any, sign: str) -> Buckets:
    """Return the buckets of remote write; ValueError where spans and counts do not fit."""
    deltas: Sequence[int] = getattr(message, f"{sign}_deltas")
    counts: Sequence[float] = getattr(message, f"{sign}_counts") or list(itertools.accumulate(deltas))
    spans = getattr(message, f"{sign}_spans")
    if sum(span.length for span in spans) != len(counts):
        raise ValueError("a histogram has other numbers of buckets in its spans and its counts")
    return {index: _checked(count) for index, count in zip(_indexes(spans), counts, strict=True) if count}


def _indexes(spans: Any) -> Iterator[int]:
    at = 0
    for span in spans:
        at += span.offset
        yield from range(at, at + span.length)
        at += span.length


def _offset_buckets(buckets: Any) -> Buckets:
    """Return OpenTelemetry's buckets, whose index is that of the lower bound."""
    return {buckets.offset + 1 + at: count for at, count in enumerate(buckets.bucket_counts) if count}


def _classic(message: Any, total: float, kind: Kind, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and values of the series of a classic histogram, with bounds as Prometheus 3 writes them."""
    of_gauge = "g" if kind is Kind.GAUGE else ""
    count = _checked(_either(message, "count"))
    yield {NAME: f"{name}_{of_gauge}count"}, count
    yield {NAME: f"{name}_{of_gauge}sum"}, total
    buckets, seen = _buckets(message, "positive"), 0.0
    for index, limit in enumerate(message.custom_values):
        seen += buckets.get(index, 0)
        yield {NAME: f"{name}_bucket", LE: repr(limit)}, seen
    yield {NAME: f"{name}_bucket", LE: "+Inf"}, count
