"""The HTTP server for /healthy and /metrics."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Final

from forwarding.metrics import Metrics

CLIENT_TIMEOUT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1


class Watchdog:
    """Detects a stuck forwarder.  Thread-safe.

    Args:
        stuck_seconds: maximum time without an iteration of the main loop, or without an accepted item while
            items are waiting.
        item: what is sent, as a word: `entry`.
        items: several of it: `entries`.
    """

    def __init__(self, stuck_seconds: float, item: str, items: str) -> None:
        self._stuck_seconds = stuck_seconds
        self._item, self._items = item, items
        self._iterated_at = self._progressed_at = time.monotonic()

    def record_iteration(self, *, has_progressed: bool) -> None:
        """Record one iteration of the main loop, and whether an item was accepted or none is waiting."""
        self._iterated_at = time.monotonic()
        if has_progressed:
            self._progressed_at = self._iterated_at

    def failure(self) -> str:
        """Return what is wrong, or an empty text."""
        now = time.monotonic()
        if now - self._iterated_at > self._stuck_seconds:
            return f"the main loop has not run for {now - self._iterated_at:.0f} s"
        if now - self._progressed_at > self._stuck_seconds:
            waited = f"{now - self._progressed_at:.0f} s"
            return f"no {self._item} was accepted for {waited} while {self._items} are waiting; see stderr"
        return ""


class StatusError(Exception):
    """The port cannot be bound."""


class StatusServer(ThreadingHTTPServer):
    """Listens on all interfaces, since health probes connect to the instance's address; port 0 picks a free port.

    Raises:
        StatusError: the port is in use.
    """

    daemon_threads = True

    def __init__(self, port: int, watchdog: Watchdog, metrics: Metrics) -> None:
        self.watchdog = watchdog
        self.metrics = metrics
        try:
            super().__init__(("", port), _Handler)
        except OSError as exc:
            raise StatusError(f"cannot listen on port {port}: {exc.strerror}") from exc
        threading.Thread(target=self.serve_forever, name="status", daemon=True).start()

    def server_bind(self) -> None:
        """Bind without resolving the host name, which blocks for seconds where there is no name server."""
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; without a descriptor left, wait a moment instead of trying again at once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_PAUSE_SECONDS)
            raise

    def handle_error(self, *_: object) -> None:
        """Log nothing: a client that disconnects is no fault of the forwarder's."""


class _Handler(BaseHTTPRequestHandler):
    server: StatusServer
    timeout = CLIENT_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        """Respond to one request."""
        if self.path == "/metrics":
            with contextlib.suppress(OSError):  # no descriptor is left: the last value stays
                self.server.metrics.set("resident_memory_bytes", _resident_bytes())
            self._respond(HTTPStatus.OK, self.server.metrics.text())
        elif self.path == "/healthy":
            failure = self.server.watchdog.failure()
            self._respond(HTTPStatus.SERVICE_UNAVAILABLE if failure else HTTPStatus.OK, (failure or "ok") + "\n")
        else:
            self._respond(HTTPStatus.NOT_FOUND, "not found; available: /healthy and /metrics\n")

    def _respond(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: probes arrive every few seconds."""


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
