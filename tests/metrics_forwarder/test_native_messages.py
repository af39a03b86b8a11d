"""Native histograms from a sender's request to datapoints, in both versions of remote write."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_forwarder import remote_write
from metrics_forwarder.native_histograms import NativeHistogram
from metrics_forwarder.samples import Kind

from tests.metrics_forwarder.aggregators import START, add, end, make, one, restored
from tests.metrics_forwarder.wire import (
    STALE,
    VERSION_1,
    VERSION_2,
    Native,
    double,
    native,
    number,
    post,
    series,
    text,
    version_1,
    version_2,
    write_headers,
)

DECODERS = {
    version_1: lambda body: remote_write.decode_1(remote_write.uncompressed(body, 4_000_000)),
    version_2: lambda body: remote_write.decode_2(remote_write.uncompressed(body, 4_000_000)),
}
CUSTOM = -53
RESET, IS_GAUGE = 1, 3

each_version = pytest.mark.parametrize("version", DECODERS)
buckets = st.dictionaries(st.integers(-200, 200), st.integers(1, 10**12), max_size=20)


def at(seconds, **given):
    """Return a histogram at some seconds after START, whose count is that of its buckets."""
    count = given.get("zero", 0) + sum([*given.get("positive", {}).values(), *given.get("negative", {}).values()])
    return Native(START + round(seconds * 1000), **{"count": count, **given})


def taken(aggregator, *given, version=version_1):
    """Decode a request, add it, and return what became of its samples."""
    return aggregator.add(DECODERS[version](version(*given)), 0.0)


def ended(aggregator):
    """End all intervals; returns the name and the last label's value → values."""
    found = {}
    for point in end(aggregator):
        labels = dict(point.labels)
        key = (labels.pop("__name__"), *labels.values())
        found.setdefault(key, []).append(point.value)
    return found


@each_version
@given(st.integers(-4, 8), buckets, buckets, st.integers(0, 1000), st.booleans())
def test_what_is_sent_is_what_is_read(version, schema, positive, negative, zero, is_float):
    """Schema, spans, deltas or counts, zero bucket, count and sum are read as they were written."""
    sent = at(5, schema=schema, positive=positive, negative=negative, zero=zero, sum=-2.5, is_float=is_float)
    batch = DECODERS[version](version(native("latency", sent, path="/")))
    ((at_ms, read),) = batch.series[0].points
    assert (at_ms, batch.series[0].kind, batch.histograms, batch.samples) == (START + 5000, Kind.COUNTER, 1, 0)
    assert read == NativeHistogram(
        schema=schema,
        count=sent.count,
        sum=-2.5,
        zero_threshold=2.0**-128,
        zero=zero,
        positive=positive,
        negative=negative,
    )


@each_version
def test_quantiles_count_and_sum_of_what_was_added(version):
    """A native histogram becomes its quantiles of what was observed in the minute, and its count and sum."""
    aggregator = make(quantiles=(0.5, 0.99))
    first = at(0, schema=0, positive={1: 100}, sum=150.0)
    second = at(30, schema=0, positive={1: 100, 5: 8, 6: 2}, sum=400.0)
    taken(aggregator, native("latency", first, second, path="/"), version=version)
    assert aggregator.stream_count == 4
    assert ended(aggregator) == {
        ("latency", "/", "0.5"): [pytest.approx(16 * 2 ** (5 / 8))],
        ("latency", "/", "0.99"): [pytest.approx(32 * 2**0.95)],
        ("latency_count", "/"): [10],
        ("latency_sum", "/"): [250.0],
    }


def test_buckets():
    """Without quantiles it becomes streams by powers of two, with what was added up to each."""
    aggregator = make()
    histograms = (at(0, schema=1, positive={4: 1}), at(30, schema=1, positive={2: 1, 4: 1, 9: 3}, zero=2))
    taken(aggregator, native("size", *histograms))
    assert ended(aggregator) == {
        ("size_count",): [6],
        ("size_sum",): [0.0],
        **{("size_bucket", limit): [3] for limit in ("2", "4", "8", "16")},
        **{("size_bucket", limit): [6] for limit in ("32", "+Inf")},
    }


def test_a_minute_without_an_observation():
    """A histogram that did not grow has the count 0 and no quantile."""
    aggregator = make(quantiles=(0.5,))
    taken(aggregator, native("size", at(0, positive={1: 3}), at(30, positive={1: 3})))
    assert ended(aggregator) == {("size_count",): [0], ("size_sum",): [0.0]}


@pytest.mark.parametrize(
    ("later", "added"),
    [
        (at(30, positive={1: 7}, hint=RESET), 7),
        (at(30, positive={1: 3, 2: 4}, hint=RESET), 7),
        (at(30, positive={1: 3, 2: 4}), 4),
        (at(30, positive={1: 1, 2: 6}), 7),
        (at(30, positive={2: 1}), 1),
        (at(30, positive={1: 7}, schema=1), 7),
    ],
    ids=["told", "told though it grew", "none", "a bucket fell", "the count fell", "finer"],
)
def test_restarts_of_the_app(later, added):
    """After a restart, which the sender tells or the buckets show, what the app has counted since is added."""
    aggregator = make(quantiles=(0.5,))
    taken(aggregator, native("size", at(0, positive={1: 3}), later))
    assert ended(aggregator)["size_count",] == [added]


def test_the_first_counts_if_its_start_is_known():
    """The first histogram counts in full if remote write 2.0 tells since when it has counted."""
    aggregator = make(quantiles=(0.5,), counts_since_ms=START)
    taken(aggregator, native("size", at(10, positive={1: 3}), created_ms=START + 1), version=version_2)
    taken(aggregator, native("age", at(10, positive={1: 3}), created_ms=START - 1), version=version_2)
    assert {name for name, *_ in ended(aggregator)} == {"size", "size_count", "size_sum"}


def test_a_histogram_that_is_a_gauge():
    """A gauge histogram arrives as it is at its last sample, with OpenMetrics' names of count and sum."""
    aggregator = make(quantiles=(0.5,))
    histograms = [at(second, positive={index: 4}, sum=9.0, hint=IS_GAUGE) for second, index in ((0, 1), (30, 3))]
    taken(aggregator, native("size", *histograms))
    assert ended(aggregator) == {
        ("size", "0.5"): [pytest.approx(4 * 2**0.5)],
        ("size_gcount",): [4],
        ("size_gsum",): [9.0],
    }


def test_a_stale_marker_ends_it():
    """A marker in the sum makes no datapoint, frees the budget, and does not start the counting anew."""
    aggregator = make(max_streams=3, quantiles=(0.5,))
    taken(aggregator, native("size", at(0, positive={1: 3}), at(10, positive={1: 4})))
    assert taken(aggregator, native("size", at(20, sum=STALE))).stale_markers == 1
    aggregator.forget(0.0)
    assert aggregator.stream_count == 0
    taken(aggregator, native("size", at(30, positive={1: 6})))
    assert ended(aggregator)["size_count",] == [3]


def test_bounds_of_its_own_make_it_a_classic_one():
    """A histogram with custom bounds becomes the series that Prometheus would have of the classic one."""
    bounds = {"schema": CUSTOM, "bounds": (0.5, 1.0, 10.0)}
    sent = native("size", at(5, positive={0: 2, 2: 3, 3: 1}, sum=60.0, **bounds), path="/")
    batch = DECODERS[version_2](version_2(sent))
    found = {(*(value for _, value in sorted(one.labels)),): (one.points, one.kind) for one in batch.series}
    expected = {
        ("size_count", "/"): 6,
        ("size_sum", "/"): 60.0,
        **{
            ("size_bucket", limit, "/"): count
            for limit, count in {"0.5": 2, "1.0": 2, "10.0": 5, "+Inf": 6}.items()
        },
    }
    assert found == {key: ([(START + 5000, value)], Kind.COUNTER) for key, value in expected.items()}
    assert batch.histograms == 1


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("size", {"size"}),
        ("size_bucket", {"size"}),
        ("size_count", {"size_count"}),
        ('{__name__=~"size.*",path="/"}', {"size", "size_count", "size_sum"}),
        ("other", set()),
    ],
)
def test_its_parts_are_selected_by_their_names(form, expected):
    """Quantiles are selected by the histogram's own name or as buckets, count and sum by theirs."""
    aggregator = make(quantiles=(0.5,), selector=form)
    counts = taken(aggregator, native("size", at(0), at(30, positive={1: 3}), path="/"))
    assert {name for name, *_ in ended(aggregator)} == expected
    assert (counts.unselected, counts.taken) == ((0, 2) if expected else (2, 0))
    assert aggregator.stream_count == len(expected)


def test_the_budget_takes_a_histogram_whole_and_bounds_while_there_is_room():
    """A histogram that does not fit is not sent at all; one that does gets no further bounds beyond the budget."""
    aggregator = make(max_streams=2)
    assert taken(aggregator, native("size", at(0))).over_budget == 1
    assert (aggregator.stream_count, aggregator.states) == (0, {})
    aggregator = make(max_streams=5)
    taken(aggregator, native("size", at(0), at(10, positive={1: 1, 2: 1})))
    assert taken(aggregator, native("size", at(20, positive={1: 1, 2: 1, 3: 1}))).over_budget == 1
    assert aggregator.stream_count == 5
    assert ended(aggregator) == {
        ("size_count",): [3],
        ("size_sum",): [0.0],
        ("size_bucket", "2"): [1],
        ("size_bucket", "4"): [2],
        ("size_bucket", "+Inf"): [3],
    }


def test_both_forms_of_a_histogram_are_one():
    """A sender that has a histogram in both forms makes one datapoint per stream, of the finer form."""
    aggregator = make(quantiles=(0.5,))
    classic = [
        one(f"size_{suffix}", (0, 0.0), (30, 4.0), **labels)
        for suffix, labels in (("count", {}), ("bucket", {"le": "100"}), ("bucket", {"le": "+Inf"}))
    ]
    taken(aggregator, native("size", at(0), at(30, positive={1: 4}, sum=6.0)))
    add(aggregator, *classic)
    assert ended(aggregator) == {
        ("size_count",): [4],
        ("size_sum",): [6.0],
        ("size", "0.5"): [pytest.approx(2**0.5)],
    }


def test_a_series_that_becomes_a_histogram_begins_anew():
    """A series of numbers that becomes one of histograms, and back, is neither an error nor an increment."""
    aggregator = make(quantiles=(0.5,))
    add(aggregator, one("size", (0, 3.0), kind=Kind.COUNTER))
    taken(aggregator, native("size", at(10, positive={1: 4}), at(20, positive={1: 5})))
    assert ended(aggregator)["size_count",] == [1]
    add(aggregator, one("size", (30, 7.0), (40, 9.0), kind=Kind.COUNTER))
    assert ended(aggregator) == {("size",): [2.0]}


@given(st.lists(st.tuples(st.lists(st.integers(-6, 12), max_size=5), st.booleans()), max_size=25), st.data())
def test_observations_add_up_whatever_is_repeated_and_wherever_it_is_cut(rounds, data):
    """Count and buckets add up to all observations, however requests are cut, repeated and stored between.

    The app is restarted at some moments, and then counts at another resolution.
    """
    aggregator = make()
    seen, now, schema, sent = Counter(), Counter(), 2, [at(0, schema=2)]
    for index, (powers, is_restarted) in enumerate(rounds):
        if is_restarted:
            now, schema = Counter(), data.draw(st.integers(0, 3))
        seen.update(powers)
        now.update(power << schema for power in powers)
        hint = RESET if is_restarted else 0
        sent.append(at((index + 1) * 15, schema=schema, positive=dict(now), hint=hint))
    totals = Counter()
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        for _ in range(data.draw(st.integers(1, 2))):
            taken(aggregator, native("size", *sent[:size]))
        sent = sent[size:]
        if data.draw(st.booleans()):
            totals.update({key: sum(found) for key, found in ended(aggregator).items()})
        if data.draw(st.booleans()):
            aggregator = restored(aggregator)
    totals.update({key: sum(found) for key, found in ended(aggregator).items()})
    assert totals["size_count",] == totals["size_bucket", "+Inf"] == seen.total()
    for (_, *limits), count in totals.items():
        for limit in limits:
            assert count <= sum(amount for power, amount in seen.items() if 2.0**power <= float(limit))


class TestTheProgram:
    @pytest.mark.parametrize(("version", "content_type"), [(version_1, VERSION_1), (version_2, VERSION_2)])
    def test_what_was_written_is_told(self, start_forwarder, version, content_type):
        """The answer has the numbers of samples and histograms, and both are there after a SIGKILL."""
        forwarder = start_forwarder(HISTOGRAMS="0.5")
        body = version(native("size", at(0), at(30, positive={1: 4}, sum=6.0)), series("up", (START, 1.0)))
        answer = post(forwarder.port, body, headers=write_headers(content_type).items())
        told = {name: value for name, value in answer.headers.items() if name.endswith("written")}
        assert (answer.status, sorted(told.values())) == (204, ["0", "1", "2"])
        assert told["x-prometheus-remote-write-histograms-written"] == "2"
        forwarder.kill()
        assert forwarder.start().metric("series") == 2

    def test_an_invalid_one_is_told_and_the_others_are_taken(self, start_forwarder):
        """Spans that do not fit, counts below zero and unknown schemas get 400 with reasons; the rest is taken."""
        forwarder = start_forwarder()
        spans = number(15, START) + text(11, number(1, 0) + number(2, (1 << 32) - 1)) + text(12, b"\x02")
        falling = number(15, START) + text(11, number(1, 0) + number(2, 2)) + text(12, b"\x02\x03")
        infinite = number(15, START) + double(2, math.inf)
        given = [Raw(spans), Raw(falling), Raw(infinite), at(0, schema=53), at(0, positive={1: 4})]
        answer = post(forwarder.port, version_1(*[native("size", each) for each in given]))
        assert answer.status == 400
        assert answer.headers["x-prometheus-remote-write-histograms-written"] == "1"
        for text_of in ("numbers of buckets", "-1 observations", "inf observations", "unknown schema 53"):
            assert text_of in answer.body.decode()


class Raw(bytes):
    """A histogram that no sender should send."""

    def encode(self):
        return bytes(self)
