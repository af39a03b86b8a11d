"""The metrics forwarder as a program: what a sender posts arrives in OCI Monitoring."""

from __future__ import annotations

import time

import pytest

from tests.forwarder_process import wait_until
from tests.metrics_forwarder.conftest import Process
from tests.metrics_forwarder.wire import VERSION_2, post, series, version_1, version_2, write_headers

MINUTE = 60_000


@pytest.fixture
def start_ms():
    """The beginning of the minute half an hour ago, in milliseconds."""
    return int(time.time() // 60 - 30) * MINUTE


def test_samples_arrive(tenancy, start_forwarder, start_ms):
    """A gauge arrives as its last value of a minute, a counter as what was added, at the last sample's time."""
    forwarder = start_forwarder()
    times = [start_ms + offset for offset in (1_000, 16_000, 61_000)]
    answer = post(
        forwarder.port,
        version_1(
            series("temperature", *zip(times, (20.0, 21.5, 19.0), strict=True), room="hall"),
            series("http_requests_total", *zip(times, (100.0, 107.0, 110.0), strict=True), code="200"),
        ),
    )
    assert answer.status == 204
    assert forwarder.stop() == 0
    assert tenancy.streams() == {
        ("temperature", (("room", "hall"),)): [(times[1], 21.5), (times[2], 19.0)],
        ("http_requests_total", (("code", "200"),)): [(times[1], 7.0), (times[2], 3.0)],
    }


def test_minutes_that_are_over_are_sent_without_an_end(tenancy, start_forwarder, start_ms):
    """What belongs to a minute that is over arrives while the forwarder runs, which counts it and is healthy."""
    forwarder = start_forwarder()
    post(forwarder.port, version_1(series("up", (start_ms, 1.0), job="web")))
    wait_until(lambda: tenancy.points("up") == [(start_ms, 1.0)], "the datapoint arrives")
    wait_until(lambda: forwarder.metric("queued_points") == 0, "it is not sent again")
    assert forwarder.metric("sent_points_total") == 1
    assert forwarder.ask("/healthy") == (200, "ok\n")


def test_version_2_answers_what_was_written(tenancy, start_forwarder, start_ms):
    """Remote write 2.0 is answered with 204 and the number of samples, and the type comes with the series."""
    forwarder = start_forwarder()
    body = version_2(
        series("jobs", (start_ms, 3.0), (start_ms + 1000, 5.0), type=1, queue="mail"),
        series("jobs_total", (start_ms, 7.0), type=2),
    )
    answer = post(forwarder.port, body, headers=write_headers(VERSION_2).items())
    assert answer.status == 204
    written = [
        answer.headers[f"x-prometheus-remote-write-{one}-written"] for one in ("samples", "histograms", "exemplars")
    ]
    assert written == ["3", "0", "0"]
    assert forwarder.stop() == 0
    assert tenancy.points("jobs") == [(start_ms + 1000, 2.0)]
    assert tenancy.points("jobs_total") == [(start_ms, 7.0)]


@pytest.mark.parametrize(
    ("content_type", "encoding", "status"),
    [
        ("application/x-protobuf", "snappy", 204),
        ("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", 204),
        ("application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", 415),
        ("application/json", "snappy", 415),
        ("application/x-protobuf", "gzip", 415),
        ("application/x-protobuf", "", 415),
    ],
)
def test_an_unknown_format_is_refused(start_forwarder, start_ms, content_type, encoding, status):
    """A Content-Type or Content-Encoding that the forwarder does not know gets 415, so that senders fall back."""
    headers = {"content-type": content_type, "content-encoding": encoding}
    assert (
        post(start_forwarder().port, version_1(series("up", (start_ms, 1.0))), headers=headers.items()).status
        == status
    )


def test_bodies_that_are_not_what_they_say_are_refused_for_good(start_forwarder, start_ms):
    """A body that is no Snappy block or no message gets 400, so that the sender does not repeat it."""
    forwarder = start_forwarder()
    assert post(forwarder.port, b"\xff\xff\xff").status == 400
    assert post(forwarder.port, b"\xff\xff\xff\xff\x7f123").status == 400
    assert post(forwarder.port, b"\x03\x08abc").status == 400
    assert post(forwarder.port, b"", path="/elsewhere").status == 404
    assert forwarder.metric("refused_requests_total") == 4
    nameless = post(forwarder.port, version_1(series("up", (start_ms, 1.0)), series("", (start_ms, 1.0), a="b")))
    assert (nameless.status, nameless.headers["x-prometheus-remote-write-samples-written"]) == (400, "1")


def test_bodies_come_in_chunks_and_are_bounded(tenancy, start_forwarder, start_ms):
    """A body in chunks is taken; one that is too long is refused for good, whole or in chunks."""
    forwarder = start_forwarder()
    body = version_1(series("up", (start_ms, 1.0)))
    assert post(forwarder.port, iter([body[:5], body[5:]])).status == 204
    too_long = bytes(4_000_001)
    assert post(forwarder.port, too_long).status == 413
    assert post(forwarder.port, iter([too_long])).status == 413
    assert forwarder.stop() == 0
    assert tenancy.points("up") == [(start_ms, 1.0)]


@pytest.mark.parametrize("keeps_repeated", [False])
def test_a_killed_forwarder_has_lost_nothing_that_it_answered(tenancy, start_forwarder, start_ms):
    """After a SIGKILL the next start continues with counters, minutes and datapoints as they were."""
    forwarder = start_forwarder()
    for index in range(5):
        body = version_1(series("orders_total", (start_ms + index * 1000, 10.0 * index)))
        assert post(forwarder.port, body).status == 204
        forwarder.kill()
        forwarder.start()
        assert post(forwarder.port, body).status == 204  # a sender that got no answer repeats
    assert forwarder.stop() == 0
    assert sum(value for _, value in tenancy.points("orders_total")) == 40


def test_what_is_too_old_comes_to_an_end(tenancy, start_forwarder, start_ms):
    """Samples of three hours ago, as after a long outage, are counted as expired, and younger ones arrive."""
    forwarder = start_forwarder()
    old = [(start_ms - 180 * MINUTE + index * MINUTE, 1.0) for index in range(20)]
    post(forwarder.port, version_1(series("up", *old, (start_ms, 1.0), job="web")))
    wait_until(lambda: forwarder.metric("queued_points") == 0 and tenancy.points("up"), "nothing waits")
    assert tenancy.points("up") == [(start_ms, 1.0)]
    assert forwarder.metric("expired_points_total") == 20
    assert forwarder.metric("refused_points_total") == 0


def test_wrong_settings_are_all_told(tenancy, volume, tmp_path):
    """With wrong settings it exits with 2, and its log has every fault."""
    given = {
        "OCISIDECAR_METRIC_NAMESPACE": "oci_web",
        "OCISIDECAR_METRICS": 'up{job=~"("}\nhttp {',
        "OCISIDECAR_HISTOGRAMS": "2",
        "OCISIDECAR_MAX_STREAMS": "0",
    }
    process = Process("metrics-forwarder", {**tenancy.environment(volume), **given}, tmp_path / "log.jsonl")
    assert process.run() == 2
    reasons = " ".join(one["reason"] for one in process.events())
    for variable in given:
        assert variable in reasons
