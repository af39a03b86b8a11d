"""Histograms whose bounds are powers of a base: Prometheus' native and OpenTelemetry's exponential ones.

The bucket with index i counts what is above base**(i - 1) and up to base**i, where base = 2**(2**-schema); negative
values have such buckets, too, and what is nearly zero has one of its own.  A schema lower by one merges two buckets
each.  Sources: prometheus/docs, docs/specs/native_histograms.md; prometheus/prometheus, model/histogram;
opentelemetry.io, "Metrics Data Model", ExponentialHistogram.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

MIN_SCHEMA: Final = -10
MAX_SCHEMA: Final = 52
"""The schemas that Prometheus takes or reserves, and OpenTelemetry's scales."""

_MAX_BUCKETS: Final = 160
"""Of either sign, as in OpenTelemetry's SDKs; a histogram with more becomes coarser."""

_MAX_BOUNDS: Final = 20
_MAX_EXPONENT: Final = 1024
_MIN_EXPONENT: Final = -1074

Buckets = Mapping[int, float]
"""Index → number of observations; those without one are absent."""


def bound(position: float, schema: int) -> float:
    """Return base**position, at most the highest finite number."""
    exponent = math.ldexp(position, -schema)
    if exponent >= _MAX_EXPONENT:
        return sys.float_info.max
    return 2.0**exponent if exponent >= _MIN_EXPONENT else 0.0


def _merged(buckets: Buckets, steps: int) -> Buckets:
    """Return buckets at a schema that is lower by some steps."""
    if not steps:
        return buckets
    merged: dict[int, float] = {}
    for index, count in buckets.items():
        wider = -(-index >> steps)
        merged[wider] = merged.get(wider, 0) + count
    return merged


def _added(buckets: Buckets, others: Buckets, sign: int = 1) -> Buckets:
    total = dict(buckets)
    for index, count in others.items():
        total[index] = total.get(index, 0) + sign * count
    return {index: count for index, count in total.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeHistogram:
    """Observations by bucket.

    Args:
        schema: MIN_SCHEMA to MAX_SCHEMA; OpenTelemetry's scale.
        count: of all observations, also of those that are not a number and so are in no bucket.
        sum: of the observations; None if it is unknown, or not a number.
        zero_threshold: the zero bucket goes from minus this to this.
        zero: observations in the zero bucket.
        positive: the buckets of what is above it.
        negative: the buckets of what is below it, by the index of their absolute values.
        is_first: whether the sender tells that it has begun anew.
    """

    schema: int
    count: float
    sum: float | None = None
    zero_threshold: float = 0.0
    zero: float = 0.0
    positive: Buckets = field(default_factory=dict)
    negative: Buckets = field(default_factory=dict)
    is_first: bool = False

    def fitted(self) -> NativeHistogram:
        """Return it with so few buckets that it can be kept."""
        found = self
        while max(len(found.positive), len(found.negative)) > _MAX_BUCKETS:
            found = found.at_schema(found.schema - 1)
        return found

    def at_schema(self, schema: int) -> NativeHistogram:
        """Return it with fewer buckets; a schema that is not lower changes nothing."""
        steps = max(0, self.schema - schema)
        return replace(
            self,
            schema=self.schema - steps,
            positive=_merged(self.positive, steps),
            negative=_merged(self.negative, steps),
        )

    def at_zero_threshold(self, threshold: float) -> NativeHistogram:
        """Return it with a zero bucket that is not smaller, and has what was in the buckets that begin in it."""
        if threshold <= self.zero_threshold:
            return self
        inside = [
            {index: count for index, count in buckets.items() if bound(index - 1, self.schema) < threshold}
            for buckets in (self.positive, self.negative)
        ]
        return replace(
            self,
            zero_threshold=threshold,
            zero=self.zero + sum(sum(one.values()) for one in inside),
            positive=_added(self.positive, inside[0], -1),
            negative=_added(self.negative, inside[1], -1),
        )

    def __add__(self, other: NativeHistogram) -> NativeHistogram:
        """Return the observations of both, at the lower of their resolutions."""
        schema = min(self.schema, other.schema)
        threshold = max(self.zero_threshold, other.zero_threshold)
        one, another = (each.at_schema(schema).at_zero_threshold(threshold) for each in (self, other))
        return NativeHistogram(
            schema=schema,
            count=one.count + another.count,
            sum=None if one.sum is None or another.sum is None else _finite(one.sum + another.sum),
            zero_threshold=threshold,
            zero=one.zero + another.zero,
            positive=_added(one.positive, another.positive),
            negative=_added(one.negative, another.negative),
        ).fitted()

    def __sub__(self, before: NativeHistogram) -> NativeHistogram:
        """Return the observations since `before`, of the same counting."""
        old = before.at_schema(self.schema).at_zero_threshold(self.zero_threshold)
        return replace(
            self,
            count=self.count - old.count,
            sum=None if self.sum is None or old.sum is None else _finite(self.sum - old.sum),
            zero=self.zero - old.zero,
            positive=_added(self.positive, old.positive, -1),
            negative=_added(self.negative, old.negative, -1),
            is_first=False,
        )

    def has_begun_anew(self, before: NativeHistogram) -> bool:
        """Return whether it does not continue what `before` has counted.

        A count that falls says so, and a finer resolution or a smaller zero bucket, which what was counted before
        cannot have become.  The sum says nothing: negative observations make it fall.
        """
        if self.is_first or self.count < before.count:
            return True
        if self.schema > before.schema or self.zero_threshold < before.zero_threshold:
            return True
        old = before.at_schema(self.schema)
        if self.zero_threshold > before.zero_threshold and any(
            bound(index - 1, old.schema) < self.zero_threshold < bound(index, old.schema)
            for index in (*old.positive, *old.negative)
        ):
            return True
        old = old.at_zero_threshold(self.zero_threshold)
        return self.zero < old.zero or any(
            mine.get(index, 0) < count
            for mine, his in ((self.positive, old.positive), (self.negative, old.negative))
            for index, count in his.items()
        )

    def quantile(self, q: float) -> float | None:
        """Return a quantile, interpolated in its bucket as Prometheus does; None without an observation.

        Args:
            q: from 0 to 1.
        """
        parts = [part for part in self._parts() if part[1] > 0]
        rank = q * sum(count for _, count, _ in parts)
        seen = 0.0
        for index, count, sign in parts:
            seen += count
            if seen >= rank or (index, count, sign) == parts[-1]:  # rounding may leave it short of the rank
                fraction = min(1.0, max(0.0, 1 - (seen - rank) / count))
                return self._interpolated(index, sign, fraction)
        return None

    def _parts(self) -> Iterator[tuple[int, float, int]]:
        """Yield index, count and sign of the buckets, the lowest first; the zero bucket has the sign 0."""
        for index in sorted(self.negative, reverse=True):
            yield index, self.negative[index], -1
        yield 0, self.zero, 0
        for index in sorted(self.positive):
            yield index, self.positive[index], 1

    def _interpolated(self, index: int, sign: int, fraction: float) -> float:
        if sign > 0:
            return bound(index - 1 + fraction, self.schema)
        if sign < 0:
            return -bound(index - fraction, self.schema)
        lower = -self.zero_threshold if self.negative or not self.positive else 0.0
        upper = self.zero_threshold if self.positive or not self.negative else 0.0
        return lower + (upper - lower) * fraction

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema": self.schema,
            "count": self.count,
            "sum": self.sum,
            "zero_threshold": self.zero_threshold,
            "zero": self.zero,
            "positive": list(self.positive.items()),
            "negative": list(self.negative.items()),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` returned."""
        return cls(**{**values, "positive": dict(values["positive"]), "negative": dict(values["negative"])})


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The bounds that are sent of a histogram: all powers of two from the lowest to the highest, or fewer.

    They are told apart from the histogram's own, because a bound must stay once it is a stream.

    Args:
        schema: 0 or less.
        low: index of the lowest bound.
        high: index of the highest one.
    """

    schema: int
    low: int
    high: int

    @classmethod
    def covering(cls, histogram: NativeHistogram, before: Layout | None) -> Layout | None:
        """Return what also has bounds for a histogram; None where there is nothing above zero."""
        schema = min(0, histogram.schema, before.schema if before else 0)
        indexes = list(histogram.at_schema(schema).positive)
        if before:
            indexes += [-(-index >> before.schema - schema) for index in (before.low, before.high)]
        if not indexes:
            return None
        low, high = min(indexes), max(indexes)
        while high - low >= _MAX_BOUNDS:
            schema, low, high = schema - 1, -(-low >> 1), -(-high >> 1)
        return cls(schema, low, high)

    def bounds(self) -> list[float]:
        """Return the bounds, the lowest first."""
        return [bound(index, self.schema) for index in range(self.low, self.high + 1)]

    def counts(self, histogram: NativeHistogram) -> Iterator[tuple[float, float]]:
        """Yield each bound and the number of observations up to it."""
        buckets = histogram.at_schema(self.schema)
        below = buckets.zero + sum(buckets.negative.values())
        upper = [(bound(index, buckets.schema), count) for index, count in buckets.positive.items()]
        for limit in self.bounds():
            yield limit, below + sum(count for one, count in upper if one <= limit)
