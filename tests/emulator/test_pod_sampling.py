"""When real containers are measured."""

from __future__ import annotations

from math import inf

import pytest

from ocisidecar.emulator.pod_worker import SAMPLE_SECONDS, sampled_for


def test_every_minute_has_one_sample_however_late_each_is_taken():
    """Samples that are taken late stay a minute apart."""
    due, minutes = 59.9, []
    for _ in range(1000):
        at = sampled_for(due, due + 0.2)
        minutes.append(at // 60)
        due = at + SAMPLE_SECONDS
    assert minutes == [*range(1000)]


@pytest.mark.parametrize("due", [inf, 100.0])
def test_a_sample_that_was_missed_counts_from_now(due):
    """The first sample, and one after a pause of more than a minute, has the time at which it is taken."""
    assert sampled_for(due, 1000.0) == 1000.0
