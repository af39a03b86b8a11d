"""Telling somebody that something changed, from one thread and without ever waiting for the listener."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notifier:
    """Calls `listener` after changes, on a thread of its own; changes in quick succession may be told as one.

    Nothing waits for the listener, so it may take locks under which the pod is closed.
    """

    def __init__(self, listener: Callable[[], None] | None) -> None:
        self._listener = listener
        self._something = threading.Event()
        self._is_closed = False
        if listener is not None:
            threading.Thread(target=self._tell, name="ocisidecar-changes", daemon=True).start()

    def changed(self) -> None:
        """Have the listener called soon."""
        self._something.set()

    def close(self) -> None:
        """Call the listener no more, apart from a call that is under way."""
        self._is_closed = True
        self._something.set()

    def _tell(self) -> None:
        while self._listener is not None:
            self._something.wait()
            self._something.clear()
            if self._is_closed:
                return
            self._listener()
