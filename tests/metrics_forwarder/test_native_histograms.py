"""Native histograms: arithmetic, quantiles, bounds."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from metrics_forwarder.native_histograms import Layout, NativeHistogram, bound

THRESHOLD = 1e-6

values = st.one_of(
    st.floats(1e-9, 1e9, allow_nan=False),
    st.floats(-1e9, -1e-9, allow_nan=False),
    st.just(0.0),
    st.sampled_from([2.0**power for power in range(-10, 10)]),
)
observations = st.lists(values, min_size=1, max_size=80)
schemas = st.integers(-4, 8)


def index_of(value: float, schema: int) -> int:
    """Return the bucket of a positive value, looked for by the definition of its bounds."""
    index = math.floor(math.log2(value) * 2.0**schema) - 2
    while bound(index, schema) < value:
        index += 1
    return index


def observed(found, schema, threshold=THRESHOLD):
    """Return the histogram of observations, each put into its bucket here."""
    zero, positive, negative = 0, {}, {}
    for value in found:
        if abs(value) <= threshold:
            zero += 1
            continue
        index = index_of(abs(value), schema)
        buckets = positive if value > 0 else negative
        buckets[index] = buckets.get(index, 0) + 1
    return NativeHistogram(
        schema=schema,
        count=len(found),
        sum=math.fsum(found),
        zero_threshold=threshold,
        zero=zero,
        positive=positive,
        negative=negative,
    )


def same(one, other):
    """Return whether two histograms are the same but for rounding of their sums."""
    fields = ("schema", "count", "zero_threshold", "zero", "positive", "negative")
    return all(getattr(one, name) == getattr(other, name) for name in fields) and one.sum == pytest.approx(
        other.sum, rel=1e-9, abs=1e-3
    )


@given(observations, schemas, st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_the_exact_one(found, schema, q):
    """An estimated quantile is as far from the exact one as its bucket is wide, at most."""
    exact = sorted(found)[max(0, math.ceil(q * len(found) - 1e-9) - 1)]
    estimate = observed(found, schema).quantile(q)
    if abs(exact) <= THRESHOLD:
        assert abs(estimate) <= THRESHOLD
    else:
        base = 2.0**2.0**-schema
        assert estimate / exact == pytest.approx(1.0, rel=(base - 1) * (1 + 1e-9) + 1e-9)


@given(observations, observations, schemas, schemas)
def test_two_together_are_the_histogram_of_all(found, others, schema, another):
    """The sum of two histograms is that of all observations, at the lower of their resolutions."""
    total = observed(found, schema) + observed(others, another)
    assert same(total, observed([*found, *others], min(schema, another)))


@example(found=[-1e-5], since=[0.0], schema=0, steps=2, is_wider=False)
@given(observations, observations, schemas, st.integers(0, 4), st.booleans())
def test_the_difference_is_what_was_observed_since(found, since, schema, steps, is_wider):
    """What a histogram has more than an earlier one is what was observed since, also after it became coarser."""
    later_schema = max(-4, schema - steps)
    threshold = bound(index_of(THRESHOLD, later_schema) + 3, later_schema) if is_wider else THRESHOLD
    before, now = observed(found, schema), observed([*found, *since], later_schema, threshold)
    assume(not is_wider or not any(THRESHOLD < abs(one) <= threshold for one in found))
    assert not now.has_begun_anew(before)
    assert same(now - before, observed(since, later_schema, threshold))


@given(observations, observations, schemas)
def test_one_that_lacks_something_has_begun_anew(found, others, schema):
    """A histogram continues another one exactly if it lacks none of its observations."""
    before, now = observed(found, schema), observed(others, schema)
    lacks = any(
        mine.get(index, 0) < count
        for mine, his in ((now.positive, before.positive), (now.negative, before.negative))
        for index, count in his.items()
    )
    assert now.has_begun_anew(before) == (lacks or now.zero < before.zero or now.count < before.count)


@pytest.mark.parametrize(
    "change",
    [{"schema": 3}, {"zero_threshold": 1e-9}, {"count": 2}, {"is_first": True}, {"zero_threshold": 0.9}],
    ids=lambda change: next(iter(change)),
)
def test_what_says_that_it_has_begun_anew(change):
    """It is a finer resolution, a zero bucket that is smaller or ends within a bucket, a lower count, or told."""
    given = {"schema": 2, "count": 3, "zero_threshold": 1e-6, "positive": {0: 3}}
    before = NativeHistogram(**given)
    assert not NativeHistogram(**given).has_begun_anew(before)
    assert NativeHistogram(**{**given, **change}).has_begun_anew(before)


def test_a_sum_that_is_not_known_stays_unknown():
    """Where one of two sums is unknown or the result is infinite, so is the sum; counts go on."""
    known, unknown = NativeHistogram(schema=0, count=1, sum=1.0), NativeHistogram(schema=0, count=2)
    assert [(one.sum, one.count) for one in (known + unknown, unknown - known)] == [(None, 3), (None, 1)]
    huge = NativeHistogram(schema=0, count=1, sum=sys.float_info.max)
    assert (huge + huge).sum is None


def test_many_buckets_become_fewer():
    """A histogram with more buckets than are kept gets coarser, and has all its observations."""
    histogram = NativeHistogram(schema=8, count=1000, positive=dict.fromkeys(range(1000), 1)).fitted()
    assert (histogram.schema, len(histogram.positive), sum(histogram.positive.values())) == (5, 126, 1000)


def test_the_ends_of_the_numbers():
    """Bounds beyond the numbers are the highest number or zero, and the quantiles are numbers, which JSON has."""
    histogram = NativeHistogram(schema=0, count=4, positive={1025: 2, -2000: 2})
    assert (bound(1 << 40, -10), bound(-(1 << 40), -10)) == (sys.float_info.max, 0.0)
    assert [histogram.quantile(q) for q in (0.1, 0.9)] == [0.0, sys.float_info.max]


def test_the_zero_bucket():
    """What is nearly zero is between its thresholds, or zero and one where there is nothing on the other side."""
    found = {"schema": 0, "count": 4, "zero": 2, "zero_threshold": 0.5}
    assert NativeHistogram(**found).quantile(0.5) == 0.0
    assert NativeHistogram(**found, positive={1: 2}).quantile(0.25) == 0.25
    assert NativeHistogram(**found, negative={1: 2}).quantile(0.75) == -0.25
    assert NativeHistogram(schema=0, count=0).quantile(0.5) is None


@given(observations, schemas)
def test_what_is_stored_comes_back(found, schema):
    """A histogram that is stored as JSON comes back as it was."""
    histogram = observed(found, schema)
    assert NativeHistogram.from_json(json.loads(json.dumps(histogram.to_json()))) == histogram


class TestLayout:
    @given(st.lists(observations, min_size=1, max_size=5), schemas)
    def test_bounds_count_what_is_up_to_them(self, rounds, schema):
        """At most 20 bounds cover all positive observations, and each has the exact number of those up to it."""
        layout = None
        for found in rounds:
            layout = Layout.covering(observed(found, schema), layout)
        positive = [value for found in rounds for value in found if value > THRESHOLD]
        assert (layout is None) == (not positive)
        if layout is None:
            return
        bounds = layout.bounds()
        assert len(bounds) <= 20
        assert max(positive) <= bounds[-1]
        for found in rounds:
            exact = [(limit, sum(value <= limit for value in found)) for limit in bounds]
            assert list(layout.counts(observed(found, schema))) == exact

    def test_bounds_stay_while_the_range_fits(self):
        """A wider range keeps the bounds that were there, and between them all powers of two."""
        narrow = Layout.covering(observed([1.0, 3.0], 2), None)
        wide = Layout.covering(observed([100.0], 2), narrow)
        assert (narrow.bounds(), wide.bounds()) == ([1, 2, 4], [1, 2, 4, 8, 16, 32, 64, 128])

    def test_more_bounds_than_20_are_thinned_out(self):
        """A range of more than 20 powers of two has every second one, which were there before."""
        layout = Layout.covering(observed([2.0**-10, 2.0**15], 0), None)
        assert (layout.schema, len(layout.bounds())) == (-1, 14)
        assert {math.log2(one) % 2 for one in layout.bounds()} == {0.0}

    def test_a_coarser_histogram_counts_what_is_surely_up_to_a_bound(self):
        """Where a bound lies within a bucket, what is in the bucket is not counted for it."""
        layout = Layout(0, 0, 4)
        counts = list(layout.counts(NativeHistogram(schema=-1, count=6, positive={0: 1, 1: 2, 2: 3})))
        assert counts == [(1, 1), (2, 1), (4, 3), (8, 3), (16, 6)]
