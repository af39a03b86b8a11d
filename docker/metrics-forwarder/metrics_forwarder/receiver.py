"""The HTTP server for senders, on loopback: only containers of the same instance reach it.

Prometheus repeats a request after 5xx, and gives up after any other status than 2xx; an OpenTelemetry sender
repeats it after 429, 502, 503 and 504.  So 503 is for what may go well later, and a request that never will is
answered with 400, 413 or 415.  Sources: prometheus/docs, remote write 1.0 and 2.0; opentelemetry.io, "OTLP
Specification", OTLP/HTTP.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from forwarding.json_log import log
from forwarding.metrics import Metrics

from metrics_forwarder import otlp
from metrics_forwarder.forwarder import Forwarder
from metrics_forwarder.samples import Batch, DecodeError
from metrics_forwarder.store import StoreError

WRITE: Final = "/api/v1/write"
OTLP: Final = "/v1/metrics"
MAX_BODY_BYTES: Final = 4_000_000

_CLIENT_TIMEOUT_SECONDS: Final = 20.0
_MAX_CONCURRENT: Final = 2
_MAX_LINE_BYTES: Final = 1000
_MAX_PROBLEMS: Final = 10
_RETRY_AFTER_SECONDS: Final = "5"
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_WRITE_FORMATS: Final = {
    "": "remote write 1",
    "prometheus.WriteRequest": "remote write 1",
    "io.prometheus.write.v2.Request": "remote write 2",
}
_ENCODINGS: Final = {"": "", "identity": "", "gzip": " gzip"}
_WRITTEN: Final = "X-Prometheus-Remote-Write-"


class ReceiverError(Exception):
    """The port cannot be bound."""


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiver(ThreadingHTTPServer):
    """Listens on 127.0.0.1; port 0 picks a free port.

    Raises:
        ReceiverError: the port is in use.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, forwarder: Forwarder, metrics: Metrics) -> None:
        self.forwarder = forwarder
        self.metrics = metrics
        self.slots = threading.BoundedSemaphore(_MAX_CONCURRENT)
        self.is_closing = False
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as exc:
            raise ReceiverError(f"cannot listen on port {port}: {exc.strerror}") from exc
        threading.Thread(target=self.serve_forever, name="receiver", daemon=True).start()

    def server_bind(self) -> None:
        """Bind without resolving the host name, which blocks for seconds where there is no name server."""
        TCPServer.server_bind(self)

    def handle_error(self, *_: object) -> None:
        """Log nothing: a sender that disconnects repeats its request."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = _CLIENT_TIMEOUT_SECONDS
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take the samples of one request."""
        if self.server.is_closing or not self.server.slots.acquire(timeout=_CLIENT_TIMEOUT_SECONDS):
            self.close_connection = True
            self._refuse(_Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the forwarder is busy or ends"))
            return
        try:
            body = self._body()
            request_format = _format(self.path, self.headers)
            batch = self._accept(request_format, body)
        except _Refused as exc:
            self._refuse(exc)
            return
        finally:
            self.server.slots.release()
        self.server.metrics.add("requests_total")
        if self.path == WRITE:
            self._answer_write(batch)
        else:
            self._answer_otlp(batch, is_json="json" in request_format)

    def _body(self) -> bytes:
        """Return the body, whole or in chunks; the connection ends where the rest of it is not read."""
        self.close_connection = True
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            length = self.headers.get("content-length", "")
            if not length.isdigit():
                raise _Refused(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length")
            body = self._part(int(length), 0)
        self.close_connection = self.headers.get("connection", "").lower() == "close"
        return body

    def _chunks(self) -> Iterator[bytes]:
        """Yield the parts of a body in chunks (RFC 9112, 7.1)."""
        total = 0
        while True:
            size = self.rfile.readline(_MAX_LINE_BYTES).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                raise _Refused(HTTPStatus.BAD_REQUEST, "the request has a chunk without its size")
            if int(size, 16) == 0:
                break
            yield self._part(int(size, 16), total)
            total += int(size, 16)
            self.rfile.readline(_MAX_LINE_BYTES)
        while self.rfile.readline(_MAX_LINE_BYTES).strip():
            pass

    def _part(self, length: int, before: int) -> bytes:
        if before + length > MAX_BODY_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request has more than {MAX_BODY_BYTES} bytes")
        part = self.rfile.read(length)
        if len(part) < length:
            raise _Refused(HTTPStatus.BAD_REQUEST, "the request ends within its body")
        return part

    def _accept(self, request_format: str, body: bytes) -> Batch:
        try:
            return self.server.forwarder.accept(request_format, body)
        except DecodeError as exc:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(exc)) from exc
        except StoreError as exc:
            self.server.metrics.add("save_failures_total")
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"cannot store the request: {exc}") from exc

    def _answer_write(self, batch: Batch) -> None:
        written = {
            f"{_WRITTEN}Samples-Written": str(batch.samples),
            f"{_WRITTEN}Histograms-Written": str(batch.histograms),
            f"{_WRITTEN}Exemplars-Written": "0",
        }
        if batch.invalid:
            self.server.metrics.add("refused_requests_total")
            text = f"some series are invalid, the others were taken: {'; '.join(batch.invalid)}"
            self._respond(HTTPStatus.BAD_REQUEST, text.encode(), written)
        else:
            self._respond(HTTPStatus.NO_CONTENT, b"", written)

    def _answer_otlp(self, batch: Batch, *, is_json: bool) -> None:
        content = otlp.response(len(batch.invalid), "; ".join(batch.invalid[:_MAX_PROBLEMS]), is_json=is_json)
        self._respond(HTTPStatus.OK, content, {"content-type": _JSON if is_json else _PROTOBUF})

    def _refuse(self, refused: _Refused) -> None:
        self.server.metrics.add("refused_requests_total")
        is_transient = refused.status == HTTPStatus.SERVICE_UNAVAILABLE
        if not is_transient:
            log(
                "request refused", level="WARNING", path=self.path[:100], status=refused.status, reason=str(refused)
            )
        headers = {"retry-after": _RETRY_AFTER_SECONDS} if is_transient else {}
        self._respond(refused.status, f"{refused}\n".encode(), {"content-type": "text/plain", **headers})

    def _respond(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: requests arrive every few seconds."""


def _format(path: str, headers: Message) -> str:
    """Return the format of a request, one of `forwarder.FORMATS`.

    Senders fall back to another version after 415; a body that is read as another format than its own would be lost
    in silence.
    """
    if path not in {WRITE, OTLP}:
        raise _Refused(HTTPStatus.NOT_FOUND, f"not found; available: {WRITE} and {OTLP}")
    content_type = headers.get_content_type()
    encoding = headers.get("content-encoding", "").lower()
    if path == WRITE:
        message = str(headers.get_param("proto") or "")
        if content_type != _PROTOBUF or message not in _WRITE_FORMATS or encoding != "snappy":
            raise _Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"expected {_PROTOBUF} in Snappy, with proto={' or '.join(filter(None, _WRITE_FORMATS))}",
            )
        return _WRITE_FORMATS[message]
    if content_type not in {_PROTOBUF, _JSON} or encoding not in _ENCODINGS:
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {_PROTOBUF} or {_JSON}, maybe in gzip")
    return ("otlp json" if content_type == _JSON else "otlp") + _ENCODINGS[encoding]
