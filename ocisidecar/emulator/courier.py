"""Sends notifications to endpoints on the loopback interface, and has alarms evaluated meanwhile.

Source: Oracle, "Creating an HTTPS (Custom URL) Subscription": messages are POSTs, and an endpoint that wants a
password answers 401 to the first one.  UNCONFIRMED: how long an endpoint may take to answer.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import evolve

from ocisidecar.clock import Clock
from ocisidecar.emulator.outbox import Delivery
from ocisidecar.emulator.state import Cloud

TICK_SECONDS: Final = 10.0
"""How often, on a clock that runs by itself, the courier looks for what is due."""
ANSWER_SECONDS: Final = 10.0
_UNAUTHORIZED: Final = 401
_GO_ON: Final = "go on"
_END: Final = "end"


class Courier:
    """Delivers what is in a cloud's outbox: when it is asked to, and by itself once something was added.

    On a `VirtualClock` time passes only when somebody waits, so there it sends by itself what is due at once, and
    all else, repeated deliveries and alarms, when `deliver` is called.

    Args:
        clock: the emulator's.
        cloud: returns the cloud of the moment.
        prepare: evaluates the alarms of a cloud, under its lock, with another slack period than their own, if any.
    """

    def __init__(
        self, clock: Clock, cloud: Callable[[], Cloud], prepare: Callable[[Cloud, float | None], None]
    ) -> None:
        self._clock = clock
        self._cloud = cloud
        self._prepare = prepare
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Have what is due sent soon, by a thread that the first call starts.  Called under the emulator's lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="emulator-courier", daemon=True)
            self._thread.start()
        self._inbox.put(_GO_ON)

    def close(self) -> None:
        """End the thread, after the request that it is sending."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._inbox.put(_END)
            thread.join()

    def deliver(self, slack_seconds: float | None = None) -> None:
        """Evaluate the alarms and send what is due now; returns when the endpoints have answered."""
        with self._sending:
            cloud = self._cloud()
            with cloud.lock:
                self._prepare(cloud, slack_seconds)
            while (delivery := self._next(cloud)) is not None:
                error = post(delivery.notification.endpoint, delivery.headers, delivery.notification.body)
                with cloud.lock:
                    _record(delivery, error, self._clock.time())

    def _next(self, cloud: Cloud) -> Delivery | None:
        with cloud.lock:
            return cloud.outbox.due(self._clock.time())

    def _run(self) -> None:
        while True:
            if self._clock.receive(self._inbox, TICK_SECONDS, is_busy=True) == _END:
                return
            self.deliver()


def _record(delivery: Delivery, error: str, now: float) -> None:
    """Enter the outcome of an attempt; a refused delivery is tried again, later each time."""
    sent = evolve(delivery.notification, attempts=delivery.notification.attempts + 1, error=error)
    delivery.due_at = now + delivery.delay_after(sent.attempts)
    if not error:
        sent = evolve(sent, state="delivered", delivered_at=now)
    elif delivery.due_at > sent.accepted_at + delivery.repeat_seconds:
        sent = evolve(sent, state="failed")
    delivery.notification = sent


def post(url: str, headers: Mapping[str, str], text: str) -> str:
    """POST a message; returns why the endpoint did not accept it, empty when it did."""
    parts = urlsplit(url)
    body = text.encode()
    try:
        status, challenge = _exchange(parts, headers, body)
        if status == _UNAUTHORIZED and parts.username is not None and "basic" in challenge.lower():
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            authorized = {**headers, "Authorization": f"Basic {base64.b64encode(pair).decode()}"}
            status, _ = _exchange(parts, authorized, body)
    except (OSError, http.client.HTTPException) as exc:
        return f"{type(exc).__name__}: {exc}"
    return "" if http.client.OK <= status < http.client.MULTIPLE_CHOICES else f"status {status}"


def _exchange(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """Return the status of a POST, and its challenge where a password is wanted."""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)) as connection:
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("www-authenticate", "")
