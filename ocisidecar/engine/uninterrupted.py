"""Calls that finish before a KeyboardInterrupt is raised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_uninterrupted(call: Callable[[], T]) -> T:
    """Finish a call before a KeyboardInterrupt is raised, and return its result.

    The engine completes a request even if its client stops waiting for the response; the object that it creates
    would then have no owner in this process.  So the call runs on another thread, because Python raises
    KeyboardInterrupt in the main thread only.  A second Ctrl-C is raised at once; the call still completes, and the
    interpreter waits for it at exit.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or not main.is_alive():  # no thread can be started at exit
        return call()
    with ThreadPoolExecutor(1, "ocisidecar-uninterrupted") as pool:
        return pool.submit(call).result()
