"""Telling a listener, without ever waiting for it."""

from __future__ import annotations

import threading

from ocisidecar.engine.notifier import Notifier

PATIENCE = 10


def test_who_tells_does_not_wait_and_the_last_change_is_told():
    """Changes during a call are told by one more call."""
    begun, may_end, calls = threading.Semaphore(0), threading.Semaphore(0), []

    def listener():
        calls.append(1)
        begun.release()
        may_end.acquire()

    notifier = Notifier(listener)
    notifier.changed()
    assert begun.acquire(timeout=PATIENCE)
    for _ in range(5):
        notifier.changed()
    may_end.release()
    assert begun.acquire(timeout=PATIENCE)
    notifier.close()
    may_end.release()
    assert len(calls) == 2


def test_after_close_nobody_is_called():
    """A change that comes too late is not told, and the thread ends."""
    calls = []
    notifier = Notifier(lambda: calls.append(1))
    notifier.close()
    notifier.changed()
    for thread in threading.enumerate():
        if thread.name == "ocisidecar-changes" and not calls:
            thread.join(PATIENCE)
    assert calls == []


def test_without_a_listener_there_is_nothing_to_do():
    """No thread is started for nobody."""
    before = threading.active_count()
    notifier = Notifier(None)
    notifier.changed()
    notifier.close()
    assert threading.active_count() <= before
