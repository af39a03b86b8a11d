"""The HTTP endpoint that gets the demo's notifications: it stands for whoever is on call.

Source: Oracle, "Confirming a Subscription": an endpoint that a message of the type SubscriptionConfirmation reaches
must visit the URL in its header X-OCI-NS-ConfirmationURL, and gets other messages afterwards only.
"""

from __future__ import annotations

import json
import threading
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import Factory, define, field

from ocisidecar.observe.http_get import fetch


@define(eq=False)
class Endpoint:
    """Listens on a free port of the loopback interface, confirms subscriptions, and keeps alarms' notifications.

    Attributes:
        service_url: what the URL of a confirmation must begin with: anybody can send such a message.
        confirmed: the URLs by which it has confirmed subscriptions.
        messages: the bodies of the notifications, from JSON, in the order in which they were received.
    """

    service_url: str
    confirmed: list[str] = Factory(list)
    messages: list[dict[str, Any]] = Factory(list)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def receive(self, headers: Message, body: bytes) -> HTTPStatus:
        """Confirm a subscription, or keep an alarm's notification; returns the status of the answer."""
        kind, url = headers.get("X-OCI-NS-MessageType"), headers.get("X-OCI-NS-ConfirmationURL", "")
        if kind == "Notification":
            self.messages.append(json.loads(body))
            return HTTPStatus.OK
        if kind != "SubscriptionConfirmation" or not url.startswith(f"{self.service_url}/"):
            return HTTPStatus.BAD_REQUEST
        parts = urlsplit(url)
        if not fetch(self.service_url, f"{parts.path}?{parts.query}").is_success:
            return HTTPStatus.BAD_GATEWAY
        self.confirmed.append(url)
        return HTTPStatus.OK


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status = endpoint.receive(self.headers, body)
            except ValueError:  # no JSON, or no length
                status = HTTPStatus.BAD_REQUEST
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
