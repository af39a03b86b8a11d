"""A registry that repeats what it was sent, as some do in their errors, gets no secret into ours."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ocisidecar.errors import OciSidecarError
from ocisidecar.images import Registry
from tests.promises.test_sentinels import frames_of

USER, PASSWORD, TOKEN = "me", "a+b/ c hunter2", "t0kenhunter2"
BASIC = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, BASIC, TOKEN, "a%2Bb%2F%20c%20hunter2")


class Echo(BaseHTTPRequestHandler):
    """Gives tokens to the right user, and refuses everything else with the request's headers as its message."""

    def do_GET(self) -> None:
        sent = self.headers.get("Authorization", "")
        if self.path.startswith("/token") and self.server.gives_tokens:
            self._answer(200, json.dumps({"token": TOKEN}))
        elif not sent:
            realm = f'Bearer realm="http://127.0.0.1:{self.server.server_port}/token",service="echo"'
            self._answer(401, "", {"WWW-Authenticate": realm})
        else:
            said = f"{'x' * 190} {sent}; {SECRETS[0]} {SECRETS[3]} are not welcome"
            body = json.dumps({"errors": [{"code": "DENIED", "message": said}]}) if self.server.is_json else said
            self._answer(403, body)

    def _answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(params=[(True, True), (True, False), (False, True), (False, False)])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.gives_tokens, server.is_json = request.param
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_echo_of_the_credentials_is_masked(host: str) -> None:
    """Neither the message of the error nor the variables of its frames hold user and password, or the token."""
    with pytest.raises(OciSidecarError, match="403") as raised:
        Registry(host, "acme/shop", USER, PASSWORD).login()
    shown = "\n".join([str(raised.value), *frames_of(raised.value)])
    assert "x" * 100 in shown
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "hunter2" not in shown
