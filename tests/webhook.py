"""An HTTP endpoint on the loopback interface that keeps what it receives."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from attrs import Factory, define, field, frozen


@frozen
class Received:
    """One request."""

    headers: dict[str, str]
    body: str

    @property
    def message_type(self) -> str:
        """What Notifications calls the message."""
        return self.headers["X-OCI-NS-MessageType"]

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@define(eq=False)
class Webhook:
    """An endpoint that answers with `statuses`, one after the other, and with 200 afterwards."""

    statuses: list[int] = Factory(list)
    requests: list[Received] = Factory(list)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def of_type(self, message_type: str) -> list[Received]:
        """Return what was received of one type of message."""
        return [one for one in self.requests if one.message_type == message_type]

    def confirm(self) -> None:
        """Visit the URL of the latest message that asks for confirmation, as its reader would."""
        url = self.of_type("SubscriptionConfirmation")[-1].headers["X-OCI-NS-ConfirmationURL"]
        with urlopen(url) as answer:  # noqa: S310 - the emulator's own URL
            assert answer.status == 200


def _handler(webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            webhook.requests.append(Received(dict(self.headers.items()), body))
            status = webhook.statuses.pop(0) if webhook.statuses else 200
            self.send_response(status)
            if status == 401:
                self.send_header("www-authenticate", 'Basic realm="hook"')
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
