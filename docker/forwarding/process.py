"""The process of a forwarder: its signals."""

from __future__ import annotations

import signal
import threading


def stopping_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set.

    Call it before anything else: the kernel does not deliver unhandled signals to process 1.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
