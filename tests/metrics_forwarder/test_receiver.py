"""The receiver's answers when the volume takes nothing, when it is busy and when it ends."""

from __future__ import annotations

import json

import pytest
from metrics_forwarder.aggregation import Aggregator, Rules
from metrics_forwarder.forwarder import Clock, Forwarder
from metrics_forwarder.metrics import Metrics
from metrics_forwarder.receiver import Receiver
from metrics_forwarder.selectors import parse
from metrics_forwarder.store import Store

from tests.metrics_forwarder.wire import post, series, version_1

START_MS = 1_800_000_000_000


@pytest.fixture
def store(volume):
    return Store(volume, 0)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def forwarder(store, metrics):
    rules = Rules(selector=parse("{}"), interval_seconds=60, delay_seconds=0, max_streams=5, quantiles=())
    forwarder = Forwarder(
        store,
        Aggregator(rules),
        clock=Clock(wall=lambda: START_MS / 1000, monotonic=lambda: 0.0),
        metrics=metrics,
        extra={},
        max_points=10,
    )
    yield forwarder
    forwarder.close()


@pytest.fixture
def receiver(forwarder, metrics):
    with Receiver(0, forwarder, metrics) as receiver:
        yield receiver
        receiver.shutdown()


def send(receiver, *given):
    return post(receiver.server_address[1], version_1(*given))


def test_a_full_volume_is_told_and_nothing_is_taken(receiver, store, metrics):
    """While the volume is full a request is answered with 503 and Retry-After; later the same request is taken."""
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    given = [series(f"m{number}", (START_MS, 1.0), text="".join(map(chr, range(200, 900)))) for number in range(50)]
    answer = send(receiver, *given)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert b"full" in answer.body
    assert (metrics.get("samples_total"), metrics.get("save_failures_total")) == (0, 1)
    store._database.execute("PRAGMA max_page_count = 1000000")
    assert send(receiver, *given).status == 204
    assert (metrics.get("samples_total"), metrics.get("over_budget_samples_total")) == (5, 45)


def test_the_budget_is_told_once(receiver, metrics, capsys):
    """What is beyond the budget is counted each time and told once, and the sender gets no error."""
    given = [series(f"m{number}", (START_MS, 1.0)) for number in range(7)]
    assert [send(receiver, *given).status for _ in range(3)] == [204] * 3
    assert metrics.get("over_budget_samples_total") == 6
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["budget used up: further series are not sent"]


def test_a_full_queue_loses_the_oldest_and_says_so(receiver, forwarder, metrics, capsys):
    """When more datapoints wait than may, the oldest go, counted and told, and the newest stay."""
    for minute in range(4):
        at = START_MS + minute * 60_000
        send(receiver, *[series(f"m{number}", (at, float(minute))) for number in range(5)])
        forwarder.tick(is_last=True)
    assert metrics.get("dropped_points_total") == 10
    assert [one.value for one in forwarder.oldest_points(50, 100)] == [2.0] * 5 + [3.0] * 5
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["level"], one["points"]) for one in told] == [("ERROR", 5), ("ERROR", 5)]


def test_a_receiver_that_ends_sends_its_senders_away(receiver):
    """A request while the forwarder ends is answered with 503, so that the sender repeats it later."""
    receiver.is_closing = True
    assert send(receiver, series("up", (START_MS, 1.0))).status == 503


def test_it_is_reachable_from_the_instance_only(receiver):
    """The receiver listens on 127.0.0.1."""
    assert receiver.server_address[0] == "127.0.0.1"
