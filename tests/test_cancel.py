"""`Cancel`: set once, from any thread, explicitly or by a deadline."""

from __future__ import annotations

import threading

import pytest

from ocisidecar.cancel import Cancel
from ocisidecar.clock import VirtualClock
from ocisidecar.errors import Cancelled


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_a_fresh_cancel_lets_everything_pass():
    """A new cancel has no reason and `check` raises nothing."""
    cancel = Cancel()
    cancel.check()
    assert (cancel.reason, cancel.seconds_left, cancel.event.is_set()) == (None, None, False)


def test_a_set_cancel_raises_with_its_reason():
    """`check` raises Cancelled with the reason that was set."""
    cancel = Cancel()
    cancel.set("the user closed the window")
    with pytest.raises(Cancelled) as caught:
        cancel.check()
    assert caught.value.reason == "the user closed the window"
    assert cancel.event.is_set()


def test_the_first_reason_stays():
    """A second `set` does not change the reason."""
    cancel = Cancel()
    cancel.set("first")
    cancel.set("second")
    assert cancel.reason == "first"


def test_a_deadline_cancels_by_itself(clock):
    """A cancel with a deadline of 60 s is set 60 s after construction, and not before."""
    cancel = Cancel(60, clock=clock)
    clock.advance(59.5)
    cancel.check()
    assert cancel.seconds_left == 0.5
    clock.advance(0.5)
    assert cancel.reason == "the deadline of 60 s passed"
    assert cancel.event.is_set()


def test_no_time_is_left_after_the_deadline(clock):
    """`seconds_left` is 0 after the deadline, and never negative."""
    cancel = Cancel(1, clock=clock)
    clock.advance(5)
    assert cancel.seconds_left == 0.0


def test_a_reason_given_before_the_deadline_stays(clock):
    """The deadline does not change the reason of a cancel that is set already."""
    cancel = Cancel(1, clock=clock)
    cancel.set("by hand")
    clock.advance(5)
    assert cancel.reason == "by hand"


def test_listeners_are_called_at_once():
    """`set` calls the listeners on the setting thread before it returns."""
    cancel, calls = Cancel(), []
    listener = lambda: calls.append(threading.get_ident())  # noqa: E731 - it is forgotten by name
    cancel.listen(listener)
    setter = threading.Thread(target=cancel.set, args=("from another thread",))
    setter.start()
    setter.join()
    assert len(calls) == 1
    assert calls[0] != threading.get_ident()


def test_a_forgotten_listener_is_not_called():
    """A listener that was forgotten is not called."""
    cancel, calls = Cancel(), []
    cancel.listen(calls.clear)
    cancel.listen(listener := lambda: calls.append("called"))
    cancel.forget(listener)
    cancel.set("now")
    assert calls == []
