"""Change notifications that do not wait for the listener."""

from __future__ import annotations

import threading

from ocisidecar.engine.notifier import Notifier

TIMEOUT_SECONDS = 10


def test_changed_does_not_block_and_the_last_change_is_reported():
    """Changes during a call of the listener result in exactly one more call."""
    begun, may_end, calls = threading.Semaphore(0), threading.Semaphore(0), []

    def listener():
        calls.append(1)
        begun.release()
        may_end.acquire()

    notifier = Notifier(listener)
    notifier.changed()
    assert begun.acquire(timeout=TIMEOUT_SECONDS)
    for _ in range(5):
        notifier.changed()
    may_end.release()
    assert begun.acquire(timeout=TIMEOUT_SECONDS)
    notifier.close()
    may_end.release()
    assert len(calls) == 2


def test_close_stops_the_calls():
    """A change after `close` is not reported, and the thread ends."""
    calls = []
    notifier = Notifier(lambda: calls.append(1))
    notifier.close()
    notifier.changed()
    for thread in threading.enumerate():
        if thread.name == "ocisidecar-changes" and not calls:
            thread.join(TIMEOUT_SECONDS)
    assert calls == []


def test_without_a_listener_no_thread_is_started():
    """A notifier without a listener starts no thread."""
    before = threading.active_count()
    notifier = Notifier(None)
    notifier.changed()
    notifier.close()
    assert threading.active_count() <= before
