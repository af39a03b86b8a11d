"""Real time and virtual time keep the same promises."""

from __future__ import annotations

import queue
import threading
import time
from functools import partial

import pytest

from ocisidecar.clock import FastClock, SystemClock, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1000.0)


@pytest.fixture(params=[SystemClock, VirtualClock, partial(FastClock, 20)])
def any_clock(request):
    return request.param()


def test_time_is_seconds_since_the_epoch(any_clock):
    """Every clock begins at the present, so that signatures and time stamps are right."""
    assert any_clock.time() == pytest.approx(time.time(), abs=60)


def test_time_never_runs_backwards(any_clock):
    """Two looks at the clock are in order."""
    looks = [any_clock.time() for _ in range(100)]
    assert looks == sorted(looks)


def test_sleeping_lets_time_pass(any_clock):
    """After a sleep it is later."""
    before = any_clock.time()
    any_clock.sleep(0.01)
    assert any_clock.time() > before


def test_sleep_ends_when_woken(any_clock):
    """A sleep of an hour is over at once when the event is set."""
    wake = threading.Event()
    wake.set()
    before = any_clock.time()
    any_clock.sleep(3600.0, wake)
    assert any_clock.time() - before < 3600.0


@pytest.mark.parametrize("is_busy", [False, True])
def test_an_item_that_is_there_is_received(any_clock, is_busy):
    """What was posted comes out, whether or not somebody works."""
    inbox = queue.SimpleQueue()
    inbox.put("done")
    assert any_clock.receive(inbox, 3600.0, is_busy=is_busy) == "done"


def test_receiving_nothing_takes_the_time_that_was_given(any_clock):
    """An empty inbox gives None, later."""
    before = any_clock.time()
    assert any_clock.receive(queue.SimpleQueue(), 0.01, is_busy=False) is None
    assert any_clock.time() > before


class TestVirtualClock:
    """Time that passes only when somebody waits."""

    def test_starts_where_it_is_told(self, clock):
        """A test that depends on dates names them."""
        assert clock.time() == 1000.0

    def test_stands_still(self, clock):
        """Nothing passes by itself."""
        assert {clock.time() for _ in range(10)} == {1000.0}

    def test_passes_exactly(self, clock):
        """Twenty minutes take no time and are exactly twenty minutes."""
        clock.advance(1200.0)
        clock.sleep(0.5)
        assert clock.time() == 2200.5

    def test_a_woken_sleep_takes_no_time(self, clock):
        """Whoever is woken before lying down has not slept."""
        wake = threading.Event()
        wake.set()
        clock.sleep(5.0, wake)
        assert clock.time() == 1000.0

    def test_an_event_that_is_not_set_does_not_shorten_a_sleep(self, clock):
        """The sleeper wakes at its own time."""
        clock.sleep(5.0, threading.Event())
        assert clock.time() == 1005.0

    def test_sleepers_of_one_instant_overlap(self, clock):
        """Two sleeps that start together end as late as the longer one, not as late as both."""
        clock._move_to(1005.0)
        clock._move_to(1003.0)
        assert clock.time() == 1005.0

    def test_waits_for_the_busy_instead_of_letting_time_pass(self, clock):
        """A post that is being prepared arrives before the clock moves."""
        inbox = queue.SimpleQueue()
        worker = threading.Thread(target=inbox.put, args=("done",))
        worker.start()
        assert clock.receive(inbox, 5.0, is_busy=True) == "done"
        worker.join()
        assert clock.time() == 1000.0

    def test_idle_waiting_takes_the_whole_time(self, clock):
        """With nobody at work nothing can come, so the time passes at once."""
        assert clock.receive(queue.SimpleQueue(), 5.0, is_busy=False) is None
        assert clock.time() == 1005.0


def test_a_fast_clock_sleeps_an_hour_in_a_moment():
    """An hour passes on it in a millionth of that."""
    clock = FastClock(1_000_000)
    before = clock.time()
    clock.sleep(3600.0)
    assert clock.time() - before >= 3600.0
