"""How far apart datapoints are: what OCI Monitoring and Prometheus offer for a time, and people can look at.  Pure.

Source: the OCI command line's help of `monitoring metric-data summarize-metrics-data`, for ranges and the limits of
an answer; oci.monitoring.models.SummarizeMetricsDataDetails.resolution, for the values; Prometheus, "exceeded
maximum resolution of 11,000 points per timeseries".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ocisidecar.errors import SpecError, SpecProblem

MAX_STREAMS: Final = 2000
MAX_POINTS: Final = 100_000
_KEPT: Final = timedelta(days=90)
_FINEST: Final = ((timedelta(days=7), 60), (timedelta(days=30), 300), (_KEPT, 3600))
"""A range of time → the finest resolution in seconds that it is answered with."""
_STEPS: Final = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
_PROMETHEUS_STEPS: Final = {"15s": 15, **_STEPS}
_MAX_PROMETHEUS_POINTS: Final = 11_000
_FORM: Final = re.compile(r"([1-9]\d?)([smhd])")
_UNITS: Final = {"s": (1, 60), "m": (60, 60), "h": (3600, 24), "d": (86400, 1)}
"""Unit → its seconds, and the largest number of it."""
_ENOUGH: Final = 360
"""Datapoints of a stream that a chart can show."""


def resolution_for(since: datetime, until: datetime, wanted: str | None, *, streams: int = 1) -> str:
    """Return the resolution that is wanted if OCI answers with it, else the finest that a chart can show.

    Args:
        since: the beginning of what is asked for.
        until: its end.
        wanted: such as `5m`.
        streams: how many are asked for.

    Raises:
        SpecError: OCI would refuse or cut the answer; names every reason and what to ask instead.
    """
    problems = [*_problems(since, until, wanted, streams)]
    if problems:
        raise SpecError(problems)
    if wanted is not None:
        return wanted
    span = until - since
    finest = _finest(span)
    fitting = [word for word, step in _STEPS.items() if step >= finest and _is_answered(span, step, streams)]
    shown = [word for word in fitting if span.total_seconds() <= _ENOUGH * _STEPS[word]]
    return (shown or fitting[-1:] or ["1d"])[0]


def prometheus_step(since: datetime, until: datetime, wanted: str | None) -> str:
    """Return the step that is wanted if Prometheus answers with it, else the finest that a chart can show.

    Raises:
        SpecError: the time is empty, or the step is none or gives more than 11,000 datapoints.
    """
    span = (until - since).total_seconds()
    problem = None
    if span <= 0:
        problem = SpecProblem("since", f"must be before now, got {since.isoformat()}")
    elif wanted is not None and not seconds_of(wanted):
        problem = SpecProblem("resolution", f"must be 1s to 60s, 1m to 60m, 1h to 24h or 1d, got {wanted!r}")
    elif wanted is not None and span / seconds_of(wanted) > _MAX_PROMETHEUS_POINTS:
        words = f"gives more than the {_MAX_PROMETHEUS_POINTS:,} datapoints that Prometheus answers with"
        problem = SpecProblem("resolution", f"{wanted} {words}: ask for a coarser one or a shorter time")
    if problem is not None:
        raise SpecError([problem])
    shown = (word for word, seconds in _PROMETHEUS_STEPS.items() if span <= _ENOUGH * seconds)
    return wanted or next(shown, "1d")


def seconds_of(resolution: str) -> int:
    """Return the seconds of a resolution, 0 if it is none."""
    found = _FORM.fullmatch(resolution)
    if found is None:
        return 0
    number, (seconds, most) = int(found[1]), _UNITS[found[2]]
    return number * seconds if number <= most else 0


def _problems(since: datetime, until: datetime, wanted: str | None, streams: int) -> Iterator[SpecProblem]:
    span = until - since
    if span <= timedelta(0):
        yield SpecProblem("since", f"must be before now, got {since.isoformat()}")
    elif span > _KEPT:
        yield SpecProblem("since", f"OCI keeps datapoints for {_KEPT.days} days, got {since.isoformat()}")
    elif wanted is not None and (not seconds_of(wanted) or wanted.endswith("s")):
        yield SpecProblem("resolution", f"must be 1m to 60m, 1h to 24h or 1d, got {wanted!r}")
    elif wanted is not None and seconds_of(wanted) < _finest(span):
        finest = next(word for word, seconds in _STEPS.items() if seconds >= _finest(span))
        yield SpecProblem("resolution", f"must be {finest} or more for {span.days} days, got {wanted!r}")
    elif streams > MAX_STREAMS:
        words = f"its {streams:,} streams are more than the {MAX_STREAMS:,} that OCI answers with"
        yield SpecProblem("query", f"{words}: write a query with groupBy()")
    elif wanted is not None and not _is_answered(span, seconds_of(wanted), streams):
        words = f"{wanted} gives more than the {MAX_POINTS:,} datapoints that OCI answers with"
        yield SpecProblem("resolution", f"{words}: ask for a coarser one or a shorter time")


def _finest(span: timedelta) -> int:
    return next((seconds for longest, seconds in _FINEST if span <= longest), 3600)


def _is_answered(span: timedelta, seconds: int, streams: int) -> bool:
    return streams * span.total_seconds() / seconds <= MAX_POINTS
