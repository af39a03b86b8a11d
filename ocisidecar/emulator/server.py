"""The HTTP server: HTTP/1.1 with keep-alive, each response in one write."""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import threading
from http import HTTPStatus
from typing import Any, Final

from werkzeug import Request, Response
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ocisidecar.emulator.app import App
from ocisidecar.emulator.faults import LoseResponse

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 256
POLL_SECONDS: Final = 0.02
WRITE_BUFFER: Final = 1 << 20
JOIN_SECONDS: Final = 5.0
MAX_BODY_BYTES: Final = 16 * 2**20
READ_TIMEOUT_SECONDS: Final = 60.0
_LENGTH: Final = re.compile(r"[0-9]{1,10}")
_CHUNK_HEAD: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\n]*)?\r?\n")
_LONGEST_LINE: Final = 4096
_MOST_TRAILERS: Final = 100
_LINE_ENDS: Final = (b"\r\n", b"\n")
_REFUSED_BODY: Final = json.dumps(
    {
        "code": "InvalidParameter",
        "message": f"The length is malformed, or the body incomplete or larger than {MAX_BODY_BYTES} bytes.",
    }
)


class _Handler(WSGIRequestHandler):
    """Handles requests.  Output is buffered and TCP_NODELAY set: a second small write would wait 40 ms for an ACK.

    werkzeug's own handler closes the connection after each request; this one keeps it open.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = WRITE_BUFFER
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        """Bound how long a read may take."""
        super().setup()
        self.connection.settimeout(self.server.read_timeout_seconds)

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(Response(_REFUSED_BODY, status=HTTPStatus.BAD_REQUEST, content_type="application/json"))
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        response, loss = self.server.emulated.respond(Request(environ))
        data = response.get_data()
        if loss is None:
            self._send(response)
        else:
            self._send_lost(response, data, loss)

    def _body(self) -> bytes | None:
        """Return the request's body; None where its length is malformed or too large, or it ends early."""
        lengths = {length.strip() for length in self.headers.get_all("content-length", ())}
        encodings = [encoding.strip().lower() for encoding in self.headers.get_all("transfer-encoding", ())]
        try:
            if encodings:
                return self._chunks() if encodings == ["chunked"] and not lengths else None
            length = lengths.pop() if lengths else "0"
            return self._exactly(int(length)) if _LENGTH.fullmatch(length) and not lengths else None
        except OSError:
            return None

    def _chunks(self) -> bytes | None:
        """Return a chunked body.

        werkzeug's own reader takes a chunk that ends early for a whole one, and CPython then reads beyond a buffer.
        Source: RFC 9112, section 7.1.
        """
        body = bytearray()
        while (head := _CHUNK_HEAD.fullmatch(self.rfile.readline(_LONGEST_LINE))) is not None:
            size = int(head[1], 16)
            if size == 0:
                lines = (self.rfile.readline(_LONGEST_LINE) for _ in range(_MOST_TRAILERS))
                return bytes(body) if any(line in _LINE_ENDS for line in lines) else None
            chunk = self._exactly(size) if len(body) + size <= MAX_BODY_BYTES else None
            if chunk is None or self.rfile.readline(_LONGEST_LINE) not in _LINE_ENDS:
                return None
            body += chunk
        return None

    def _exactly(self, length: int) -> bytes | None:
        body = self.rfile.read(length) if length <= MAX_BODY_BYTES else b""
        return body if len(body) == length else None

    def _send(self, response: Response, data: bytes | None = None, length: int | None = None) -> None:
        data = response.get_data() if data is None else data
        self.send_response_only(response.status_code)
        self.send_header("date", self.date_time_string(self.server.emulated.cloud.clock.time()))
        for name, value in response.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        if response.status_code != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _send_lost(self, response: Response, data: bytes, loss: LoseResponse) -> None:
        self.close_connection = True
        if loss.manner == "truncate":
            self._send(response, data[: len(data) // 2], len(data))
        elif loss.manner == "silence":
            # Returns when the client gives up, or when the emulator closes.
            self.connection.settimeout(None)
            self.connection.recv(1)

    def log(self, *_args: Any) -> None:
        """Log nothing: the emulator records requests itself."""


class _Server(ThreadedWSGIServer):
    """Tracks its open connections, so that closing leaves no socket and no thread behind."""

    def __init__(self, listener: socket.socket, app: App, read_timeout_seconds: float) -> None:
        self.emulated = app
        self.read_timeout_seconds = read_timeout_seconds
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        host, port = listener.getsockname()
        super().__init__(host, port, app, handler=_Handler, fd=listener.fileno())

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection until it ends."""
        with self._lock:
            self._connections[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[request]

    def close_connections(self) -> None:
        """Close every connection and wait for its thread."""
        with self._lock:
            connections = list(self._connections.items())
        for connection, thread in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(JOIN_SECONDS)


class Listener:
    """A running server on a port of one address, this machine's loopback by default.

    Opening binds the port (OSError when it is taken; 0 picks a free one).  Closing returns after the last
    connection has ended.  A connection on which nothing comes for `read_timeout_seconds` is closed.
    """

    def __init__(
        self, app: App, port: int = 0, *, host: str = LOOPBACK, read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    ) -> None:
        with socket.create_server((host, port), backlog=BACKLOG) as listener:
            self._server = _Server(listener, app, read_timeout_seconds)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="oci-emulator", daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """The URL of the port."""
        return f"http://{self._server.host}:{self._server.port}"

    def close(self) -> None:
        """Stop listening and close all connections."""
        self._server.shutdown()
        self._thread.join(JOIN_SECONDS)
        self._server.close_connections()
