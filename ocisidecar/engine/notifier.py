"""Change notifications from one thread, without waiting for the listener."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notifier:
    """Calls `listener` after changes, on a separate thread; changes in quick succession may share one call.

    No caller waits for the listener, so the listener may acquire locks that are held while the pod is closed.
    """

    def __init__(self, listener: Callable[[], None] | None) -> None:
        self._listener = listener
        self._pending = threading.Event()
        self._is_closed = False
        if listener is not None:
            threading.Thread(target=self._run, name="ocisidecar-changes", daemon=True).start()

    def changed(self) -> None:
        """Schedule a call of the listener; returns at once."""
        self._pending.set()

    def close(self) -> None:
        """Stop calling the listener; a call in progress completes."""
        self._is_closed = True
        self._pending.set()

    def _run(self) -> None:
        while self._listener is not None:
            self._pending.wait()
            self._pending.clear()
            if self._is_closed:
                return
            self._listener()
