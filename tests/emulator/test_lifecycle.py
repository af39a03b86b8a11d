"""Lifecycles as pure functions of the time, and the durations that are drawn for them."""

from __future__ import annotations

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.emulator import Latencies
from ocisidecar.emulator.lifecycle import Timeline

PHASES = st.lists(
    st.tuples(st.sampled_from(["CREATING", "ACTIVE", "DELETING", None]), st.integers(0, 100)), min_size=1
)
MOMENTS = st.integers(0, 1000)


@given(PHASES, MOMENTS)
def test_the_first_phase_holds_from_the_start(phases, start):
    """At its start a timeline is in its first phase with a duration, and before it in the first phase."""
    timeline = Timeline.starting(start, phases)
    assert timeline.state_at(start - 1) == phases[0][0]
    lasting = next((state for state, seconds in phases if seconds > 0), phases[-1][0])
    assert timeline.state_at(start) == lasting


@given(PHASES, PHASES, MOMENTS, st.integers(0, 200), MOMENTS)
def test_continuing_never_changes_the_past(before, after, start, later, moment):
    """A change of a timeline does not change its past states."""
    timeline = Timeline.starting(start, before)
    now = start + later
    seen = min(moment, now - 1)
    assert timeline.then(now, after).state_at(seen) == timeline.state_at(seen)


@given(st.floats(0.1, 100), st.floats(0, 1), st.text())
def test_a_drawn_duration_stays_within_the_jitter(mean, jitter, chance):
    """A duration is drawn within the jitter around its mean, and an equal key draws an equal one."""
    latencies = Latencies(network=mean, jitter=jitter)
    drawn = latencies.draw("network", chance)
    assert mean * (1 - jitter) * 0.999 <= drawn <= mean * (1 + jitter) * 1.001
    assert drawn == latencies.draw("network", chance)


RECORDED = {
    "iam_propagation": (300, 600),
    "log_indexing": (120, 240),
    "metric_indexing": (120, 240),
    "container_instance_create": (40, 90),
    "vnic_release": (60, 180),
}


@given(st.integers(), st.text(), st.sampled_from(sorted(RECORDED)))
def test_realistic_durations_are_those_on_record(seed, chance, name):
    """Every realistic duration, whatever the seed, is drawn within what was measured in the service."""
    shortest, longest = RECORDED[name]
    assert shortest * 0.999 <= Latencies.realistic(seed).draw(name, chance) <= longest * 1.001


@given(st.integers())
def test_realistic_latencies_leave_nothing_out(seed):
    """In realistic latencies everything takes time, and everything varies."""
    assert all(asdict(Latencies.realistic(seed)).values())


def test_the_seed_decides_realistic_latencies():
    """Equal seeds give equal realistic latencies, and seeds differ."""
    assert Latencies.realistic(5) == Latencies.realistic(5)
    assert len({Latencies.realistic(seed).iam_propagation for seed in range(20)}) == 20


def test_without_arguments_nothing_takes_time():
    """`Latencies()` holds zero for everything but how long a deleted instance stays visible."""
    assert {name for name, value in asdict(Latencies()).items() if value} == {"deleted_visible"}


@pytest.mark.parametrize("wrong", [{"network": -1}, {"jitter": 1.5}])
def test_impossible_latencies_are_refused(wrong):
    """Negative durations and shares above one raise ValueError naming the field."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Latencies(**wrong)
