"""The PutLogs client against a local HTTP server, with and without TLS."""

from __future__ import annotations

import dataclasses
import datetime as dt
import socket
import ssl
import struct
import threading
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID
from forwarding.client import MAX_RETRY_AFTER_SECONDS, NO_RESPONSE, PushResult
from forwarding.principal import ResourcePrincipal
from log_forwarder.client import LoggingClient
from log_forwarder.settings import Settings

from tests.forwarder_process import TIMEOUT_SECONDS


@frozen
class Reply:
    """What the server responds."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    is_silent: bool = False
    is_last: bool = False
    is_early: bool = False


class Server(ThreadingHTTPServer):
    """Responds to every request with `reply`, and records connections and requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = Reply()
        self.connections = 0
        self.resets_connections = False
        self.requests = []
        self.closing = threading.Event()
        self.has_closed = threading.Event()

    def verify_request(self, request, _):
        """Reset the connection if `resets_connections`."""
        if self.resets_connections:
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not self.resets_connections

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.has_closed.set()

    def handle_error(self, *_):
        """Print nothing: a client that does not trust this server disconnects."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        reply = self.server.reply
        body = b"" if reply.is_early else self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        if reply.is_silent:
            self.server.closing.wait()
            return
        if any(name == "Date" for name, _ in reply.headers):
            self.send_response_only(reply.status)
        else:
            self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = reply.is_last

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def key():
    return generate_private_key(65537, 2048)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(server):
    return Settings(
        log_id="ocid1.log.oc1..a",
        directory=None,
        endpoint=f"http://127.0.0.1:{server.server_port}/ingestion",
        request_timeout_seconds=5,
    )


@pytest.fixture
def principal(key):
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return ResourcePrincipal(
        {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": "e30.e30.e30",
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": pem,
        }
    )


@pytest.fixture
def client(settings, principal):
    client = LoggingClient(settings, principal)
    yield client
    client.close()


def test_calls_share_a_connection(server, client):
    """Three calls use one connection and arrive unchanged at the log's path below the endpoint."""
    assert [client.push(body) for body in (b"{}", b"[]", b"{1}")] == [PushResult(200)] * 3
    assert server.connections == 1
    assert [(path, body) for path, _, body in server.requests] == [
        ("/ingestion/20200831/logs/ocid1.log.oc1..a/actions/push", body) for body in (b"{}", b"[]", b"{1}")
    ]


def test_a_closed_connection_is_replaced(server, client):
    """A push after the service closed the idle connection succeeds, on a new one."""
    server.reply = Reply(is_last=True)
    assert client.push(b"{}") == PushResult(200)
    assert server.has_closed.wait(TIMEOUT_SECONDS)
    assert client.push(b"{}") == PushResult(200)
    assert server.connections == 2


def test_the_body_of_a_success_is_ignored(server, client):
    """A 200 with an empty body that claims to be gzipped JSON, as the real service sends it, is accepted."""
    server.reply = Reply(headers=(("content-type", "application/json"), ("content-encoding", "gzip")))
    assert client.push(b"{}").is_accepted


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (
            Reply(404, b'{"code": "404", "message": "ocid1.log logId not found"}'),
            PushResult(404, "404: ocid1.log logId not found"),
        ),
        (Reply(409, b'{"code": "C", "message": "m"}', (("opc-request-id", "A/B"),)), PushResult(409, "C: m (A/B)")),
        (Reply(429, b"", (("retry-after", "7"),)), PushResult(429, "", 7.0)),
        (Reply(429, b"", (("retry-after", "86400"),)), PushResult(429, "", MAX_RETRY_AFTER_SECONDS)),
        (Reply(429, b"", (("retry-after", "1e400"),)), PushResult(429, "", MAX_RETRY_AFTER_SECONDS)),
        (Reply(503, b"<html>", (("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"),)), PushResult(503, "<html>")),
        (Reply(400, b""), PushResult(400)),
        (Reply(500, b'["code"]'), PushResult(500, '["code"]')),
    ],
)
def test_errors_become_results(server, client, reply, result):
    """The result has status, code, message, request id and Retry-After of the response, whatever its format."""
    server.reply = reply
    assert client.push(b"{}") == result
    assert not result.is_accepted


def test_a_success_has_its_body_and_time(server, client):
    """The result of a success has the response's body and Date."""
    server.reply = Reply(200, b'{"failedMetricsCount": 0}', (("Date", "Fri, 15 Jan 2027 08:00:00 GMT"),))
    result = client.push(b"{}")
    assert result.content == b'{"failedMetricsCount": 0}'
    assert result.service_time_seconds == 1_800_000_000


def test_a_wrong_clock_is_corrected_after_a_401(server, client):
    """After a 401 whose Date is far from the own clock, the next call is signed with the service's time."""
    server.reply = Reply(401, headers=(("Date", "Fri, 15 Jan 2027 08:00:00 GMT"),))
    client.push(b"{}")
    server.reply = Reply(401, headers=(("Date", formatdate(usegmt=True)),))
    client.push(b"{}")
    client.push(b"{}")
    first, corrected, again = (parsedate_to_datetime(headers["date"]) for _, headers, _ in server.requests)
    assert abs(corrected.timestamp() - 1_800_000_000) < 60
    assert abs((again - first).total_seconds()) < 60


def test_a_response_before_the_end_of_the_body_is_read(server, client):
    """A 413 that the service sends before it closes the connection within the body is the result."""
    server.reply = Reply(413, b'{"code": "C", "message": "too large"}', is_early=True, is_last=True)
    assert client.push(bytes(50_000_000)) == PushResult(413, "C: too large")
    server.reply = Reply()
    assert client.push(b"{}").is_accepted


def test_a_timeout_is_no_response_and_the_next_call_succeeds(server, settings, principal):
    """A timeout is NO_RESPONSE, and the next push opens a new connection."""
    client = LoggingClient(dataclasses.replace(settings, request_timeout_seconds=0.2), principal)
    server.reply = Reply(is_silent=True)
    assert client.push(b"{}").status == NO_RESPONSE
    server.reply = Reply()
    assert client.push(b"{}").is_accepted
    assert server.connections == 2
    client.close()


def test_a_reset_connection_is_no_response(server, client):
    """A connection reset is NO_RESPONSE and raises nothing, and the next push succeeds."""
    server.resets_connections = True
    assert client.push(b"{}").status == NO_RESPONSE
    server.resets_connections = False
    assert client.push(b"{}").is_accepted


class TestTls:
    @pytest.fixture
    def certificate(self, key, tmp_path):
        """A self-signed certificate for localhost, in one file with its key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "certificate.pem"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
        return path

    @pytest.fixture
    def client(self, server, settings, principal, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        endpoint = f"https://localhost:{server.server_port}"
        client = LoggingClient(dataclasses.replace(settings, endpoint=endpoint), principal)
        yield client
        client.close()

    def test_a_trusted_server_gets_the_call(self, client, certificate, monkeypatch):
        """A push to a server whose certificate the system trusts succeeds."""
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert client.push(b"{}") == PushResult(200)

    def test_an_unknown_server_gets_nothing(self, server, client):
        """A server whose certificate is not trusted gets no request: neither a line nor a token."""
        result = client.push(b"{}")
        assert result.status == NO_RESPONSE
        assert "certificate verify failed" in result.reason
        assert not server.requests

    def test_a_reset_in_the_handshake_is_no_response(self, server, client):
        """A connection reset during the TLS handshake is NO_RESPONSE and raises nothing."""
        server.resets_connections = True
        assert client.push(b"{}").status == NO_RESPONSE
