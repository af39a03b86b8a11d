"""The forwarder cut at every write to its volume: what senders repeat and what the service records stays right."""

from __future__ import annotations

import json

import pytest
from metrics_forwarder import store as store_module
from metrics_forwarder.aggregation import Aggregator, Rules
from metrics_forwarder.forwarder import Clock, Forwarder
from metrics_forwarder.metrics import Metrics
from metrics_forwarder.selectors import parse
from metrics_forwarder.store import Store

from tests.metrics_forwarder.wire import Native, native, series, version_1

MINUTE = 60_000
START = 1_700_000_040_000 // MINUTE * MINUTE
ROUNDS = 14


class PowerLoss(BaseException):
    """The process is gone."""


class Cut:
    """Ends the process at the write number `at`, before it is committed or after."""

    def __init__(self, monkeypatch, at, is_after):
        self.writes = 0
        leave = store_module._Transaction.__exit__

        def cut(transaction, *error):
            self.writes += 1
            if self.writes != at:
                return leave(transaction, *error)
            if is_after:
                leave(transaction, *error)
            raise PowerLoss

        monkeypatch.setattr(store_module._Transaction, "__exit__", cut)


class Service:
    """Records datapoints as OCI does if it keeps one per time."""

    def __init__(self):
        self.points = {}

    def take(self, queued):
        for one in queued:
            self.points.setdefault(json.loads(one.stream)["name"], {})[one.at_ms] = one.value


def start(volume):
    store = Store(volume, 0)
    rules = Rules(selector=parse("{}"), interval_seconds=60, delay_seconds=0, max_streams=10, quantiles=(0.5,))
    clock = Clock(wall=lambda: START / 1000 + 7200, monotonic=lambda: 0.0)
    forwarder = Forwarder(store, Aggregator(rules), clock=clock, metrics=Metrics(), extra={}, max_points=100)
    return forwarder, store


def steps():
    """Yield what happens: requests, ends of intervals, calls."""
    for index in range(ROUNDS):
        at = START + index * 20_000
        buckets = dict.fromkeys(range(index), index)
        sizes = native("size", Native(at, count=index**2, positive=buckets))
        orders, temperature = series("orders_total", (at, index * 5.0)), series("temperature", (at, 20.0 + index))
        yield "request", version_1(orders, temperature, sizes)
        if index % 3 == 2:
            yield "tick", None
            yield "call", None
    yield "end", None
    yield "call", None


def carry_out(forwarder, service, step):
    what, body = step
    if what == "request":
        forwarder.accept("remote write 1", body)
    elif what == "call":
        while points := forwarder.oldest_points(50, 3):
            service.take(points)
            forwarder.remove_points(points)
    else:
        forwarder.tick(is_last=what == "end")


def run(volume):
    """Carry out all steps; after a power loss start again and repeat the step, as senders do without an answer."""
    service, losses = Service(), 0
    forwarder, store = start(volume)
    for step in steps():
        while True:
            try:
                carry_out(forwarder, service, step)
                break
            except PowerLoss:
                losses += 1
                store._database.close()
                store._lock.release()
                forwarder, store = start(volume)
    forwarder.close()
    return service.points, losses


def count_writes(volume, monkeypatch):
    with monkeypatch.context() as patch:
        cut = Cut(patch, at=0, is_after=False)
        points, _ = run(volume)
    return points, cut.writes


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_cut_at_any_write_changes_nothing(tmp_path, monkeypatch, is_after):
    """Wherever the process ends, the datapoints that arrive are the same as without an end."""
    expected, writes = count_writes(tmp_path / "whole", monkeypatch)
    assert sum(expected["orders_total"].values()) == (ROUNDS - 1) * 5
    assert sum(expected["size_count"].values()) == (ROUNDS - 1) ** 2
    assert len(expected["temperature"]) == (ROUNDS + 2) // 3
    assert writes > 20
    for at in range(1, writes + 1):
        with monkeypatch.context() as patch:
            Cut(patch, at, is_after)
            assert run(tmp_path / f"{at}") == (expected, 1), f"cut at write {at} of {writes}"
