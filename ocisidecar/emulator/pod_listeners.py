"""Listeners through which real containers reach the emulator: on the gateway of their pod's network only."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

from attrs import define

from ocisidecar.emulator.server import Listener


@define
class _SharedListener:
    listener: Listener
    users: int = 0


class PodListeners:
    """Listeners by gateway address, each open while a pod uses it.  Thread-safe.

    Args:
        open_listener: opens a listener on an address of this machine.
        loopback: returns the emulator's endpoint on this machine's loopback.
    """

    def __init__(self, open_listener: Callable[[str], Listener], loopback: Callable[[], str]) -> None:
        self._open_listener = open_listener
        self._loopback = loopback
        self._by_gateway: dict[str, _SharedListener] = {}
        self._lock = threading.Lock()

    def acquire(self, gateway: str) -> str:
        """Return the URL at which the pods of a gateway's network reach the emulator; opens a missing listener.

        The gateways of an engine in a virtual machine (Docker Desktop) are not addresses of this machine: its
        containers reach this machine's loopback by the name host.docker.internal.
        """
        with self._lock:
            shared = self._by_gateway.get(gateway)
            if shared is None:
                try:
                    shared = self._by_gateway[gateway] = _SharedListener(self._open_listener(gateway))
                except OSError as exc:
                    if exc.errno != errno.EADDRNOTAVAIL:
                        raise
                    port = self._loopback().rpartition(":")[2]
                    return f"http://host.docker.internal:{port}"
            shared.users += 1
            return shared.listener.endpoint

    def release(self, gateway: str) -> None:
        """Close the listener when this was its last pod."""
        with self._lock:
            shared = self._by_gateway.get(gateway)
            if shared is None:
                return
            shared.users -= 1
            if shared.users:
                return
            del self._by_gateway[gateway]
        shared.listener.close()
