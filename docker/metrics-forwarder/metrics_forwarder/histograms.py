"""Quantiles of a histogram, as Prometheus' `histogram_quantile` estimates them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """Return a quantile, interpolated in its bucket; None without an observation or a bucket up to infinity.

    Args:
        q: from 0 to 1.
        buckets: upper bound → number of observations up to it.
    """
    bounds = sorted(buckets)
    if not bounds or not math.isinf(bounds[-1]) or buckets[bounds[-1]] <= 0:
        return None
    rank = q * buckets[bounds[-1]]
    at = next(index for index, bound in enumerate(bounds) if buckets[bound] >= rank or math.isinf(bound))
    if at == len(bounds) - 1:
        return bounds[-2] if len(bounds) > 1 else None
    upper = bounds[at]
    if at == 0 and upper <= 0:
        return upper
    lower = bounds[at - 1] if at else 0.0
    before = buckets[bounds[at - 1]] if at else 0.0
    in_bucket = buckets[upper] - before
    return lower + (upper - lower) * (rank - before) / in_bucket if in_bucket > 0 else upper
