"""From samples to datapoints, without clock and storage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_forwarder.aggregation import FORGET_SECONDS, Point
from metrics_forwarder.samples import STALE, Kind, Type, sorted_labels

from tests.metrics_forwarder.aggregators import MINUTE, START, add, end, make, one, restored, values


def test_a_gauge_is_its_last_value():
    """A gauge has one datapoint per minute, its last value."""
    aggregator = make()
    add(aggregator, one("temperature", (0, 1.0), (59, 2.0), (60, 3.0)))
    assert values(aggregator) == [(59, 2.0), (60, 3.0)]


def test_a_counter_is_what_was_added():
    """A counter has per minute what was added since the sample before; the first sample of all adds nothing."""
    aggregator = make()
    add(aggregator, one("orders_total", (0, 100.0), (30, 110.0), (61, 111.0)))
    assert values(aggregator) == [(30, 10.0), (61, 1.0)]
    add(aggregator, one("orders_total", (70, 111.0)))
    assert values(aggregator) == [(70, 0.0)]


def test_a_counter_that_begins_anew_counts_from_zero():
    """A value below the one before is one of a process that was restarted."""
    aggregator = make()
    add(aggregator, one("orders_total", (0, 100.0), (15, 103.0), (30, 4.0), (45, 6.0)))
    assert values(aggregator) == [(45, 3.0 + 4.0 + 2.0)]


def test_a_restart_that_the_value_hides_is_told_by_the_start():
    """With another start a value above the one before counts in full, too."""
    aggregator = make()
    add(aggregator, one("orders_total", (0, 100.0), kind=Kind.COUNTER, start_ms=START - 5000))
    end(aggregator)
    add(aggregator, one("orders_total", (30, 120.0), kind=Kind.COUNTER, start_ms=START + 20_000))
    assert values(aggregator) == [(30, 120.0)]


def test_the_first_value_counts_if_its_start_is_known():
    """The first value of a counter counts if it tells its start, and that is after the loss of an earlier state."""
    aggregator = make(counts_since_ms=START)
    add(aggregator, one("new_total", (30, 7.0), kind=Kind.COUNTER, start_ms=START + 1000))
    add(aggregator, one("old_total", (30, 9.0), kind=Kind.COUNTER, start_ms=START - 1000))
    assert [point.value for point in end(aggregator)] == [7.0]


def test_deltas_are_added_up():
    """Values of delta temporality are added up per minute."""
    aggregator = make()
    add(aggregator, one("orders", (10, 3.0), (20, 4.0), (70, 5.0), kind=Kind.DELTA))
    assert values(aggregator) == [(20, 7.0), (70, 5.0)]


def test_deltas_of_several_processes_are_added_up():
    """Deltas of several processes, whose times are not in order, count once each, also when one is sent again."""
    aggregator = make()
    for at, start in ((10, 0), (9.5, -0.5), (20, 10), (19.5, 9.5), (19.5, 9.5), (20, 10)):
        add(aggregator, one("orders", (at, 1.0), kind=Kind.DELTA, start_ms=START + round(start * 1000)))
    assert values(aggregator) == [(20, 4.0)]


@pytest.mark.parametrize("kind", [Kind.COUNTER, Kind.GAUGE, Kind.DELTA])
def test_what_is_sent_again_counts_once(kind):
    """A request that is sent again changes nothing, and its samples are counted as repeated."""
    aggregator = make()
    series = one("orders", (0, 1.0), (10, 2.0), (20, 5.0), kind=kind)
    add(aggregator, series)
    counts = add(aggregator, series)
    assert (counts.taken, counts.repeated) == (0, 3)
    expected = {Kind.COUNTER: 4.0, Kind.GAUGE: 5.0, Kind.DELTA: 8.0}
    assert values(aggregator) == [(20, expected[kind])]


def test_a_counter_that_began_anew_is_sent_again():
    """A request that is sent again changes nothing either if the app was restarted between its samples."""
    aggregator = make()
    series = one("orders_total", (0, 100.0), (15, 103.0), (30, 4.0), (45, 6.0))
    add(aggregator, series)
    counts = add(restored(aggregator), series)
    assert (counts.taken, counts.repeated) == (0, 4)
    assert (add(aggregator, series).repeated, values(aggregator)) == (4, [(45, 9.0)])


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_a_clock_that_jumps_loses_no_increment(jump):
    """When the sender's clock jumps, forwards or backwards, a counter's increments are all there, once."""
    aggregator = make()
    add(aggregator, one("orders_total", (0, 10.0), (15, 20.0)))
    add(aggregator, one("orders_total", (jump + 30, 25.0), (jump + 45, 31.0)))
    assert sum(value for _, value in values(aggregator)) == 21.0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=60), st.data())
def test_increments_add_up_whatever_is_repeated_and_wherever_it_is_cut(steps, data):
    """The datapoints of a counter add up to its increase, however requests are cut, repeated and stored between.

    The app is restarted where its value falls.
    """
    aggregator = make()
    total, value, points = 0, 0, [(0.0, 0.0)]
    for index, (step, may_restart) in enumerate(steps):
        is_restarted = may_restart and step < value
        value = step if is_restarted else value + step
        total += step
        points.append(((index + 1) * 15.0, float(value)))
    found = []
    while points:
        size = data.draw(st.integers(1, len(points)))
        for _ in range(data.draw(st.integers(1, 2))):
            add(aggregator, one("orders_total", *points[:size]))
        points = points[size:]
        if data.draw(st.booleans()):
            found += end(aggregator)
        if data.draw(st.booleans()):
            aggregator = restored(aggregator)
    found += end(aggregator)
    assert sum(point.value for point in found) == total
    assert len({point.at_ms for point in found}) == len(found)


def test_a_stale_marker_ends_a_series_and_frees_its_stream():
    """A stale marker makes no datapoint, and its stream's part of the budget is given to another series."""
    aggregator = make(max_streams=1)
    add(aggregator, one("up", (0, 1.0), (10, STALE), job="a"))
    assert add(aggregator, one("up", (0, 1.0), job="b")).over_budget == 1
    assert values(aggregator) == [(0, 1.0)]
    aggregator.forget(0.0)
    assert add(aggregator, one("up", (20, 1.0), job="b")).taken == 1


def test_a_series_that_comes_back_continues():
    """After a stale marker a counter that comes back continues from its last value."""
    aggregator = make()
    add(aggregator, one("orders_total", (0, 10.0), (15, STALE), (30, 14.0)))
    assert values(aggregator) == [(30, 4.0)]


def test_nan_and_infinity_are_counted_and_not_sent():
    """NaN and infinite values make no datapoint and hinder no other."""
    aggregator = make()
    counts = add(aggregator, one("ratio", (0, math.nan), (1, math.inf), (2, 0.5)))
    assert (counts.not_numbers, counts.taken) == (2, 1)
    assert values(aggregator) == [(2, 0.5)]


def test_the_budget_keeps_the_first_series():
    """Beyond the budget new series are dropped and counted, also after a restart; those that came first stay."""
    aggregator = make(max_streams=2)
    for second in (0, 15):
        series = [one("up", (second, 1.0), job=job) for job in "abc"]
        assert add(aggregator, *series).over_budget == 1
    again = restored(aggregator, max_streams=2)
    assert add(again, one("up", (30, 1.0), job="c"), one("up", (30, 1.0), job="b")).over_budget == 1
    assert again.stream_count == 2


def test_the_budget_has_room_for_up():
    """Other series leave a twentieth of the budget to `up`, which comes last in a scrape and says what is down."""
    aggregator = make(max_streams=40)
    counts = add(aggregator, *(one("size", (0, 1.0), part=str(part)) for part in range(50)))
    assert (counts.taken, counts.over_budget) == (38, 12)
    counts = add(aggregator, *(one("up", (0, 1.0), job=job) for job in "abc"))
    assert (counts.taken, counts.over_budget) == (2, 1)


def test_a_series_without_samples_is_forgotten_after_an_hour():
    """A series without samples for an hour is forgotten, however the wall clock jumps, and its stream is free."""
    aggregator = make(max_streams=1)
    add(aggregator, one("up", (0, 1.0), job="a"), now=0.0)
    end(aggregator)
    aggregator.forget(FORGET_SECONDS)
    assert len(aggregator.states) == 1
    aggregator.forget(FORGET_SECONDS + 1)
    assert (aggregator.states, aggregator.stream_count) == ({}, 0)


def test_only_what_is_selected_is_kept():
    """Series that no selector chooses are counted, and nothing is kept of them."""
    aggregator = make(selector='{job="web"}')
    counts = add(aggregator, one("up", (0, 1.0), job="db"), one("up", (0, 1.0), job="web"))
    assert (counts.unselected, counts.taken) == (1, 1)
    assert len(aggregator.states) == 1


class TestTypes:
    def test_the_name_decides_without_a_type(self):
        """Without a type _total, _bucket, _count and _sum are counters, and the rest are gauges."""
        aggregator = make()
        names = ("a_total", "a_bucket", "a_count", "a_sum", "a")
        add(aggregator, *[one(name, (0, 1.0)) for name in names])
        kinds = [state.kind for state in aggregator.states.values()]
        assert kinds == [Kind.COUNTER] * 4 + [Kind.GAUGE]

    def test_the_type_decides_where_it_is_known(self):
        """A type that comes from metadata wins over the name, also when it comes late."""
        aggregator = make()
        add(aggregator, one("queue_count", (0, 5.0)), one("jobs", (0, 5.0)))
        types = {"queue_count": Type.GAUGE, "jobs": Type.COUNTER}
        add(aggregator, one("queue_count", (15, 7.0)), one("jobs", (15, 6.0)), one("jobs", (30, 9.0)), types=types)
        found = {dict(point.labels)["__name__"]: point.value for point in end(aggregator)}
        assert found == {"queue_count": 7.0, "jobs": 3.0}
        assert aggregator.states[sorted_labels((("__name__", "jobs"),))].kind is Kind.COUNTER

    def test_a_gauge_of_another_name_decides_nothing(self):
        """The gauge `queue` does not make a gauge of the counter `queue_total`."""
        aggregator = make()
        add(aggregator, one("queue_total", (0, 5.0), (1, 6.0)), types={"queue": Type.GAUGE})
        assert values(aggregator) == [(1, 1.0)]


BUCKETS = {"0.1": (0.0, 10.0), "0.5": (0.0, 90.0), "+Inf": (0.0, 100.0)}


class TestHistograms:
    def series(self):
        return [
            one("latency_seconds_bucket", (0, before), (30, after), le=le, path="/")
            for le, (before, after) in BUCKETS.items()
        ]

    def test_quantiles(self):
        """Buckets become a stream per quantile, interpolated as Prometheus does, named as those of a summary."""
        aggregator = make(quantiles=(0.5, 0.99))
        add(aggregator, *self.series())
        assert aggregator.stream_count == 2
        labels = {"__name__": "latency_seconds", "path": "/"}
        assert end(aggregator) == [
            Point(sorted_labels(tuple({**labels, "quantile": "0.5"}.items())), START + 30_000, pytest.approx(0.3)),
            Point(sorted_labels(tuple({**labels, "quantile": "0.99"}.items())), START + 30_000, 0.5),
        ]

    def test_buckets(self):
        """Without quantiles each bucket is a stream of its own, with what was added to it."""
        aggregator = make()
        add(aggregator, *self.series())
        found = {dict(point.labels)["le"]: point.value for point in end(aggregator)}
        assert found == {"0.1": 10.0, "0.5": 90.0, "+Inf": 100.0}

    def test_a_minute_without_an_observation_has_no_quantile(self):
        """A histogram that did not grow has no quantile in that minute."""
        aggregator = make(quantiles=(0.5,))
        add(aggregator, *[one("latency_seconds_bucket", (0, 5.0), (30, 5.0), le=le) for le in BUCKETS])
        assert end(aggregator) == []


class TestIntervals:
    """When an interval ends; START is a full minute."""

    WALL = START / 1000

    def test_it_ends_after_its_time_and_a_while_without_samples(self):
        """An interval ends when its minute is over and 15 s have passed without a sample of it."""
        aggregator = make()
        add(aggregator, one("up", (50, 1.0)), now=50.0)
        assert aggregator.ended(self.WALL + 59, 66.0) == []
        assert aggregator.ended(self.WALL + 60, 64.9) == []
        assert aggregator.ended(self.WALL + 66, 66.0) == [START // MINUTE]

    def test_a_backlog_ends_when_newer_samples_have_come(self):
        """Minutes that a sender repeats after an outage end 15 s after their last sample, oldest first."""
        aggregator = make()
        add(aggregator, one("up", (0, 1.0), (60, 1.0)), now=0.0)
        add(aggregator, one("up", (120, 1.0)), now=10.0)
        first = START // MINUTE
        assert aggregator.ended(self.WALL + 3600, 15.0) == [first, first + 1]

    def test_a_clock_that_is_put_back_does_not_hold_it(self):
        """An interval ends after its length without a sample when the wall clock says that it is in the future."""
        aggregator = make()
        add(aggregator, one("up", (0, 1.0)), now=0.0)
        assert aggregator.ended(self.WALL - 7200, 74.9) == []
        assert aggregator.ended(self.WALL - 7200, 75.0) == [START // MINUTE]
