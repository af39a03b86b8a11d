"""Calls, retries and refusals; the service is a function that returns results."""

from __future__ import annotations

import json
import threading

import pytest
from forwarding.adaptive_rate import AdaptiveRate
from forwarding.backoff import Backoff
from forwarding.client import PushResult
from forwarding.dead_letters import DeadLetterFile
from forwarding.principal import PrincipalError
from metrics_forwarder.aggregation import Aggregator, Rules
from metrics_forwarder.forwarder import Clock, Forwarder
from metrics_forwarder.metrics import Metrics
from metrics_forwarder.selectors import parse
from metrics_forwarder.sender import Destination, Sender
from metrics_forwarder.store import Store

from tests.metrics_forwarder.wire import series, version_1

NOW = 1_800_000_000
HOUR = 3600


class FakePrincipal:
    """A resource principal that counts its reloads."""

    reloads = 0
    is_missing = False

    def reload(self):
        self.reloads += 1
        if self.is_missing:
            raise PrincipalError("gone")


class FakeService:
    """Returns the given results, then refuses calls with a metric in `refused` and accepts all others."""

    def __init__(self):
        self.results = []
        self.refused = ()
        self.failing = {}
        self.failing_times = ()
        self.bodies = []

    def __call__(self, body):
        self.bodies.append(body)
        if self.results:
            return self.results.pop(0)
        metrics = json.loads(body)["metricData"]
        if any(one["name"] in self.refused for one in metrics):
            return PushResult(400, "InvalidParameter: no", service_time_seconds=NOW)
        failed = [one for one in metrics if one["name"] in self.failing or self._has_failing_time(one)]
        if len(failed) == len(metrics):
            return PushResult(400, "No valid metrics.", service_time_seconds=NOW)
        answer = {
            "failedMetricsCount": len(failed),
            "failedMetrics": [
                {"message": self.failing.get(one["name"], "time"), "metricData": one} for one in failed
            ],
        }
        return PushResult(200, content=json.dumps(answer).encode(), service_time_seconds=NOW)

    def _has_failing_time(self, metric):
        return any(one["timestamp"].endswith(self.failing_times) for one in metric["datapoints"])

    def names(self):
        """Return the names of the metrics of each call."""
        return [[one["name"] for one in json.loads(body)["metricData"]] for body in self.bodies]


class Waits(threading.Event):
    """An event that is never set and records the timeouts of its waits instead of waiting."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def forwarder(volume, metrics):
    rules = Rules(
        selector=parse("{}"),
        interval_seconds=60,
        delay_seconds=15,
        max_streams=1000,
        quantiles=(),
        counts_since_ms=0,
    )
    forwarder = Forwarder(
        Store(volume, 0),
        Aggregator(rules),
        clock=Clock(wall=lambda: NOW, monotonic=lambda: 0.0),
        metrics=metrics,
        extra={},
        max_points=10_000,
    )
    yield forwarder
    forwarder.close()


@pytest.fixture
def queue(forwarder):
    """Lets datapoints wait: of metrics with a value each, so many seconds ago."""

    def fill(*names, ago=60):
        given = [series(name, ((NOW - ago) * 1000, 1.0), job="web") for name in names]
        forwarder.accept("remote write 1", version_1(*given))
        forwarder.tick(is_last=True)

    return fill


@pytest.fixture
def service():
    return FakeService()


@pytest.fixture
def principal():
    return FakePrincipal()


@pytest.fixture
def stopping():
    return Waits()


@pytest.fixture
def sender(forwarder, service, principal, metrics, volume, stopping):
    return Sender(
        forwarder,
        service,
        destination=Destination(compartment_id="ocid1.compartment.oc1..a", namespace="web", resource_group="shop"),
        principal=principal,
        backoff=Backoff(first_seconds=1.0, max_seconds=8.0),
        rate=AdaptiveRate(5.0),
        dead_letters=DeadLetterFile(volume),
        metrics=metrics,
        stopping=stopping,
        aborted=Waits(),
    )


def send_all(sender):
    while sender.send_waiting():
        pass


def test_a_call_is_what_the_service_takes(sender, service, queue):
    """A datapoint becomes a metric with all that OCI requires, in NON_ATOMIC mode."""
    queue("up", ago=60)
    send_all(sender)
    assert json.loads(service.bodies[0]) == {
        "batchAtomicity": "NON_ATOMIC",
        "metricData": [
            {
                "namespace": "web",
                "compartmentId": "ocid1.compartment.oc1..a",
                "resourceGroup": "shop",
                "name": "up",
                "dimensions": {"job": "web"},
                "datapoints": [{"timestamp": "2027-01-15T07:59:00.000Z", "value": 1.0}],
            }
        ],
    }


def test_a_call_has_fifty_streams_and_their_backlog(sender, service, queue, metrics):
    """A call has at most 50 streams, each with what waits of it; the oldest datapoints go first."""
    names = [f"m{number:03}" for number in range(120)]
    for ago in (180, 120, 60):
        queue(*names[:50], ago=ago)
    queue(*names[50:], ago=30)
    send_all(sender)
    assert [len(one) for one in service.names()] == [50, 50, 20]
    assert all(len(one["datapoints"]) == 3 for one in json.loads(service.bodies[0])["metricData"])
    assert (metrics.get("sent_points_total"), metrics.get("calls_total")) == (220, 3)


@pytest.mark.parametrize("status", [0, 401, 403, 404, 409, 429, 500, 503])
def test_transient_failures_are_repeated_alike(sender, service, queue, metrics, status):
    """After no response, 401, 403, 404, 409, 429 and 5xx the same bytes are sent again."""
    queue("up")
    service.results = [PushResult(status)] * 3
    send_all(sender)
    assert len(service.bodies) == 4
    assert len(set(service.bodies)) == 1
    assert metrics.get("sent_points_total") == 1
    assert metrics.get("repeated_points_total") == (3 if status in {0, 500, 503} else 0)


def test_failures_are_told_sparsely_and_their_end_once(sender, service, queue, capsys):
    """Of five failures the 1st, 2nd and 4th are logged as `push failed`, and the end as `push accepted again`."""
    queue("up")
    service.results = [PushResult(404)] * 5
    send_all(sender)
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["failures"]) for line in logged] == [
        ("push failed", 1),
        ("push failed", 2),
        ("push failed", 4),
        ("push accepted again", 5),
    ]


def test_a_refused_metric_is_set_aside_alone(sender, service, queue, metrics, volume):
    """Of 50 metrics the two that the service refuses are in the dead-letter file, and all others arrive, once."""
    names = [f"m{number:02}" for number in range(50)]
    service.refused = ("m13", "m37")
    queue(*names)
    send_all(sender)
    lines = [json.loads(line) for line in (volume / "refused.jsonl").read_text().splitlines()]
    assert [one["call"]["metricData"][0]["name"] for one in lines] == ["m13", "m37"]
    assert lines[0]["reason"] == "400 InvalidParameter: no"
    accepted = [name for call in service.names() if not set(call) & set(service.refused) for name in call]
    assert sorted(accepted) == [name for name in names if name not in service.refused]
    assert (metrics.get("refused_points_total"), metrics.get("sent_points_total")) == (2, 48)


def test_nothing_is_repeated_for_ever_when_all_is_refused(sender, service, queue, metrics):
    """When the service refuses everything, the calls come to an end and every datapoint is counted."""
    names = [f"m{number:02}" for number in range(50)]
    service.refused = names
    queue(*names)
    send_all(sender)
    assert metrics.get("refused_points_total") == 50
    assert metrics.get("queued_points") == 0
    assert len(service.bodies) == 99


def test_metrics_that_fail_within_a_success_are_told(sender, service, queue, metrics, volume, capsys):
    """A metric that a 200 answer names as failed is told with the reason, counted, kept and not sent again."""
    service.failing = {"bad": "dimension value is not valid"}
    queue("good", "bad")
    send_all(sender)
    assert (metrics.get("refused_points_total"), metrics.get("sent_points_total")) == (1, 1)
    assert "dimension value is not valid" in capsys.readouterr().err
    assert "dimension value is not valid" in (volume / "refused.jsonl").read_text()
    assert len(service.bodies) == 1


def test_only_the_datapoint_that_is_wrong_is_lost(sender, service, queue, metrics):
    """Where one datapoint of a stream fails, the stream's others, and those that are younger, arrive."""
    queue("up", ago=2 * HOUR + 60)
    queue("up", ago=120)
    queue("up", "good", ago=60)
    service.failing_times = ("T06:00:00.000Z", "T05:59:00.000Z", "T07:58:00.000Z")
    send_all(sender)
    assert (metrics.get("expired_points_total"), metrics.get("refused_points_total")) == (1, 1)
    assert metrics.get("sent_points_total") == 2
    assert metrics.get("queued_points") == 0


def test_failures_that_the_answer_does_not_name_are_told(sender, service, queue, capsys):
    """A count of failures without names is told."""
    queue("up")
    service.results = [PushResult(200, content=b'{"failedMetricsCount": 1, "failedMetrics": []}')]
    send_all(sender)
    assert json.loads(capsys.readouterr().err)["metrics"] == 1


def test_what_is_too_old_by_the_services_clock_is_dropped_at_once(sender, service, queue, metrics, volume):
    """After a refusal what is older than two hours goes without further calls, and the rest arrives."""
    queue(*[f"old{number}" for number in range(20)], ago=2 * HOUR)
    queue("young", ago=2 * HOUR - 1)
    service.refused = [f"old{number}" for number in range(20)]
    send_all(sender)
    assert service.names()[1:] == [["young"]]
    assert (metrics.get("expired_points_total"), metrics.get("sent_points_total")) == (20, 1)
    assert not (volume / "refused.jsonl").exists()


def test_delays_follow_the_service(sender, service, queue, stopping):
    """The delay after a failure is what Retry-After asks for, unless the back-off asks for more."""
    queue("up")
    service.results = [PushResult(503, retry_after_seconds=7.0), PushResult(500)]
    send_all(sender)
    assert stopping.seconds[0] == 7.0
    assert 1.0 <= stopping.seconds[1] <= 2.0


def test_a_401_reloads_the_credentials(sender, service, queue, principal):
    """After each of three 401 answers the credentials are loaded again, also when that failed before."""
    principal.is_missing = True
    queue("up")
    service.results = [PushResult(401)] * 3
    send_all(sender)
    assert principal.reloads == 3


class TestAdaptiveRate:
    def test_it_spaces_calls(self):
        """Calls are spaced by the rate; a call after a pause need not wait."""
        rate = AdaptiveRate(4.0)
        assert [rate.reserve(now) for now in (0.0, 0.0, 0.25, 5.0)] == [0.0, 0.25, 0.25, 0.0]

    def test_a_refusal_halves_it_and_successes_restore_it(self):
        """Each 429 halves the rate down to its minimum, and accepted calls raise it again up to its maximum."""
        rate = AdaptiveRate(4.0, min_per_second=1.0)
        rate.record_refusal()
        assert rate.per_second == 2.0
        for _ in range(5):
            rate.record_refusal()
        assert rate.per_second == 1.0
        for _ in range(50):
            rate.record_success()
        assert rate.per_second == 4.0
