"""Work that Ctrl-C does not cut in two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def uncut(act: Callable[[], T]) -> T:
    """Do something and return what it returns; a Ctrl-C meanwhile is raised when it is done.

    A request to the engine whose answer nobody waits for goes on over there, and what it makes would be nobody's.
    So it is made on another thread, because Ctrl-C interrupts the main one alone.  A second Ctrl-C is raised at
    once; the work still goes on to its end, which the interpreter's exit waits for.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or not main.is_alive():  # at exit no thread can be started any more
        return act()
    with ThreadPoolExecutor(1, "ocisidecar-uncut") as pool:
        return pool.submit(act).result()
