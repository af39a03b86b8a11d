"""Where containers find the emulator: a listener on the gateway of their pod's network, and on no other address."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

from attrs import define

from ocisidecar.emulator.server import Door


@define
class _Open:
    door: Door
    users: int = 0


class PodDoors:
    """Listeners by gateway address, each there for as long as a pod uses it.  Thread-safe.

    Args:
        open_door: opens a listener on an address of this machine.
        loopback: returns the emulator's endpoint on this machine's loopback.
    """

    def __init__(self, open_door: Callable[[str], Door], loopback: Callable[[], str]) -> None:
        self._open_door = open_door
        self._loopback = loopback
        self._open: dict[str, _Open] = {}
        self._guard = threading.Lock()

    def enter(self, gateway: str) -> str:
        """Return the URL under which the pods of a gateway's network reach the emulator; opens what is missing.

        An engine in a virtual machine (Docker Desktop) has gateways that are no addresses of this machine; it
        leads its containers to this machine's loopback under a name of its own.
        """
        with self._guard:
            opened = self._open.get(gateway)
            if opened is None:
                try:
                    opened = self._open[gateway] = _Open(self._open_door(gateway))
                except OSError as exc:
                    if exc.errno != errno.EADDRNOTAVAIL:
                        raise
                    port = self._loopback().rpartition(":")[2]
                    return f"http://host.docker.internal:{port}"
            opened.users += 1
            return opened.door.endpoint

    def leave(self, gateway: str) -> None:
        """Close the listener when this was its last pod."""
        with self._guard:
            opened = self._open.get(gateway)
            if opened is None:
                return
            opened.users -= 1
            if opened.users:
                return
            del self._open[gateway]
        opened.door.close()
