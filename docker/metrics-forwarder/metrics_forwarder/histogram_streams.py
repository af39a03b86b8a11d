"""The streams of histograms: their names and labels, and what an interval has of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from metrics_forwarder.native_histograms import Layout, NativeHistogram
from metrics_forwarder.samples import LE, NAME, Kind, Labels, bound_text

_QUANTILE: Final = "quantile"
_BUCKET: Final = "_bucket"


def without_bound(labels: Labels) -> Labels:
    """Return what the buckets of a histogram have in common."""
    return tuple(pair for pair in labels if pair[0] != LE)


def quantile_labels(labels: Labels, q: float) -> Labels:
    """Return the labels of a histogram's quantile, named as a summary's."""
    named = {**dict(without_bound(labels)), _QUANTILE: f"{q:g}"}
    named[NAME] = named[NAME].removesuffix(_BUCKET)
    return tuple(sorted(named.items()))


def chosen_names(labels: Labels, kind: Kind) -> dict[str, tuple[Labels, ...]]:
    """Return the parts of a native histogram: suffix → the labels by which a selector chooses it.

    Its buckets have its own name, as Prometheus shows it, or that of a classic histogram's buckets.
    """
    suffixes = (_count_suffix(kind), _sum_suffix(kind))
    return {
        "": (labels, _suffixed(labels, _BUCKET)),
        **{suffix: (_suffixed(labels, suffix),) for suffix in suffixes},
    }


def native_streams(
    labels: Labels, suffixes: tuple[str, ...], quantiles: tuple[float, ...], layout: Layout | None
) -> set[Labels]:
    """Return the streams of a native histogram.

    Args:
        labels: its own.
        suffixes: of the parts that are sent, see `chosen_names`.
        quantiles: that are sent; empty for buckets.
        layout: the bounds of the buckets.
    """
    streams = {_suffixed(labels, suffix) for suffix in suffixes if suffix}
    if "" in suffixes and quantiles:
        streams |= {quantile_labels(labels, one) for one in quantiles}
    elif "" in suffixes:
        bounds = [*(layout.bounds() if layout else ()), math.inf]
        streams |= {_bucket_labels(labels, one) for one in bounds}
    return streams


def native_values(
    labels: Labels, kind: Kind, histogram: NativeHistogram, quantiles: tuple[float, ...], layout: Layout | None
) -> Iterator[tuple[Labels, float]]:
    """Yield the streams of a native histogram, of all its parts, and their values."""
    yield _suffixed(labels, _count_suffix(kind)), histogram.count
    if histogram.sum is not None:
        yield _suffixed(labels, _sum_suffix(kind)), histogram.sum
    for one in quantiles:
        value = histogram.quantile(one)
        if value is not None:
            yield quantile_labels(labels, one), value
    if not quantiles:
        for limit, count in layout.counts(histogram) if layout else ():
            yield _bucket_labels(labels, limit), count
        yield _bucket_labels(labels, math.inf), histogram.count


def _count_suffix(kind: Kind) -> str:
    """Return the suffix of a count's name, which OpenMetrics tells apart for histograms that are gauges."""
    return "_gcount" if kind is Kind.GAUGE else "_count"


def _sum_suffix(kind: Kind) -> str:
    return "_gsum" if kind is Kind.GAUGE else "_sum"


def _suffixed(labels: Labels, suffix: str) -> Labels:
    return tuple((name, value + suffix if name == NAME else value) for name, value in labels)


def _bucket_labels(labels: Labels, limit: float) -> Labels:
    return tuple(sorted((*_suffixed(labels, _BUCKET), (LE, bound_text(limit)))))
