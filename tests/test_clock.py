"""Real, fast and virtual clocks."""

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
    """A clock's time is within a minute of the system's when it is created."""
    assert any_clock.time() == pytest.approx(time.time(), abs=60)


def test_time_never_runs_backwards(any_clock):
    """Successive readings of a clock never decrease."""
    readings = [any_clock.time() for _ in range(100)]
    assert readings == sorted(readings)


def test_sleeping_lets_time_pass(any_clock):
    """The time after a sleep is later than before."""
    before = any_clock.time()
    any_clock.sleep(0.01)
    assert any_clock.time() > before


def test_sleep_ends_when_woken(any_clock):
    """A sleep of an hour ends at once when the event is set."""
    wake = threading.Event()
    wake.set()
    before = any_clock.time()
    any_clock.sleep(3600.0, wake)
    assert any_clock.time() - before < 3600.0


@pytest.mark.parametrize("is_busy", [False, True])
def test_an_item_that_is_there_is_received(any_clock, is_busy):
    """An item that is already in the inbox is received, whether or not a thread is busy."""
    inbox = queue.SimpleQueue()
    inbox.put("done")
    assert any_clock.receive(inbox, 3600.0, is_busy=is_busy) == "done"


def test_receiving_nothing_takes_the_time_that_was_given(any_clock):
    """Receiving from an empty inbox returns None after the given time."""
    before = any_clock.time()
    assert any_clock.receive(queue.SimpleQueue(), 0.01, is_busy=False) is None
    assert any_clock.time() > before


class TestVirtualClock:
    """`VirtualClock`: time that passes only while a thread waits."""

    def test_starts_at_the_given_time(self, clock):
        """A virtual clock starts at the given time."""
        assert clock.time() == 1000.0

    def test_stands_still(self, clock):
        """Reading a virtual clock does not change its time."""
        assert {clock.time() for _ in range(10)} == {1000.0}

    def test_passes_exactly(self, clock):
        """`advance` and `sleep` add exactly the given seconds."""
        clock.advance(1200.0)
        clock.sleep(0.5)
        assert clock.time() == 2200.5

    def test_a_woken_sleep_takes_no_time(self, clock):
        """A sleep whose event is set already takes no time."""
        wake = threading.Event()
        wake.set()
        clock.sleep(5.0, wake)
        assert clock.time() == 1000.0

    def test_an_event_that_is_not_set_does_not_shorten_a_sleep(self, clock):
        """A sleep whose event is not set takes the whole time."""
        clock.sleep(5.0, threading.Event())
        assert clock.time() == 1005.0

    def test_sleepers_of_one_instant_overlap(self, clock):
        """Two sleeps that start together end as late as the longer one, not as late as both."""
        clock._move_to(1005.0)
        clock._move_to(1003.0)
        assert clock.time() == 1005.0

    def test_receive_waits_for_a_busy_thread(self, clock):
        """While a thread is busy `receive` waits for its item and lets no time pass."""
        inbox = queue.SimpleQueue()
        worker = threading.Thread(target=inbox.put, args=("done",))
        worker.start()
        assert clock.receive(inbox, 5.0, is_busy=True) == "done"
        worker.join()
        assert clock.time() == 1000.0

    def test_idle_waiting_takes_the_whole_time(self, clock):
        """While no thread is busy `receive` lets the whole time pass and returns None."""
        assert clock.receive(queue.SimpleQueue(), 5.0, is_busy=False) is None
        assert clock.time() == 1005.0


def test_a_fast_clock_sleeps_an_hour_in_a_moment():
    """An hour on a fast clock passes in a millionth of an hour."""
    clock = FastClock(1_000_000)
    before = clock.time()
    clock.sleep(3600.0)
    assert clock.time() - before >= 3600.0
