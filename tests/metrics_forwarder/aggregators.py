"""An aggregator for tests: samples in, datapoints out."""

from __future__ import annotations

import json

from metrics_forwarder.aggregation import Aggregator, Rules
from metrics_forwarder.samples import Batch, Series, sorted_labels
from metrics_forwarder.selectors import parse
from metrics_forwarder.series import State

MINUTE = 60_000
START = 1_000 * MINUTE


def make(max_streams=100, quantiles=(), selector="{}", counts_since_ms=0):
    return Aggregator(
        Rules(
            selector=parse(selector),
            interval_seconds=60,
            delay_seconds=15,
            max_streams=max_streams,
            quantiles=quantiles,
            counts_since_ms=counts_since_ms,
        )
    )


def one(name, *points, kind=None, start_ms=0, **labels):
    """Return samples; times are seconds after START."""
    key = sorted_labels(tuple({"__name__": name, **labels}.items()))
    return Series(key, [(START + round(at * 1000), value) for at, value in points], kind, start_ms)


def add(aggregator, *series, now=0.0, types=None):
    return aggregator.add(Batch(series=list(series), types=types or {}), now)


def end(aggregator):
    """End all intervals, as at the end of the program, and return their datapoints by name."""
    ended = aggregator.open_intervals()
    points = aggregator.points_of(ended)
    aggregator.settle(ended, aggregator.changed(ended))
    return points


def restored(aggregator, **rules):
    """Return an aggregator that has what another one would store."""
    found = make(**rules)
    rows = json.loads(json.dumps([state.to_row(()) for state in aggregator.states.values()]))
    found.restore([State.from_row(row, 0.0) for row in rows], {}, 0.0)
    return found


def values(aggregator):
    """Return (seconds after START, value) of all datapoints."""
    return [((point.at_ms - START) / 1000, point.value) for point in end(aggregator)]
