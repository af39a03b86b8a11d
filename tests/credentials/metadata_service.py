"""A stub of the two services that instance principals need: the metadata service and the auth service.

It holds the SDK to the protocol: the metadata service wants the `Bearer Oracle` header, and the auth service
verifies that the leaf certificate's key signed the request.

Source: oci/auth/certificate_retriever.py, oci/auth/federation_client.py.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import json
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

METADATA_PATH = "/opc/v2"
FEDERATION_PATH = "/v1/x509"


@functools.cache
def _leaf_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class MetadataService:
    """Both services on one loopback port, for as long as the `with` block lasts.

    Attributes:
        region: the region in the metadata, a short code as in the real service's.
        metadata_status: status code of the metadata service's responses.
        federation_status: status code of the auth service's responses.
        token: makes the token for the public key that the SDK sends.
        paths: the requested paths, in order.
    """

    def __init__(self, tenancy_id: str, *, region: str, token: Callable[[rsa.RSAPublicKey], str]) -> None:
        self.tenancy_id = tenancy_id
        self.region = region
        self.metadata_status = HTTPStatus.OK
        self.federation_status = HTTPStatus.OK
        self.token = token
        self.paths: list[str] = []
        self._certificate = _certificate(tenancy_id)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def metadata_url(self) -> str:
        """The value for OCI_METADATA_BASE_URL."""
        return f"http://127.0.0.1:{self._server.server_port}{METADATA_PATH}"

    @property
    def federation_endpoint(self) -> str:
        """The value for OCI_CLI_FEDERATION_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}{FEDERATION_PATH}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with the URLs of both services."""
        return {
            "OCI_METADATA_BASE_URL": self.metadata_url,
            "OCI_CLI_FEDERATION_ENDPOINT": self.federation_endpoint,
        }

    def metadata(self, path: str, authorization: str | None) -> tuple[HTTPStatus, str]:
        """Answer a GET."""
        documents = {
            "/instance/region": self.region,
            "/identity/cert.pem": self._certificate,
            "/identity/intermediate.pem": self._certificate,
            "/identity/key.pem": _leaf_key()
            .private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            .decode(),
        }
        if authorization != "Bearer Oracle":
            return HTTPStatus.UNAUTHORIZED, ""
        if path.removeprefix(METADATA_PATH) not in documents:
            return HTTPStatus.NOT_FOUND, ""
        return self.metadata_status, documents[path.removeprefix(METADATA_PATH)]

    def federate(self, body: bytes, signing_text: str, authorization: str) -> tuple[HTTPStatus, str]:
        """Answer a token request."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', authorization))
        certificate = x509.load_pem_x509_certificate(self._certificate.encode()).public_bytes(
            serialization.Encoding.DER
        )
        mark = hashlib.sha1(certificate, usedforsecurity=False).digest().hex(":").upper()
        is_known = fields["keyId"] == f"{self.tenancy_id}/fed-x509/{mark}"
        try:
            _leaf_key().public_key().verify(
                base64.b64decode(fields["signature"]), signing_text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            is_known = False
        if not is_known:
            return HTTPStatus.UNAUTHORIZED, json.dumps({"code": "NotAuthenticated", "message": "wrong key"})
        if self.federation_status is not HTTPStatus.OK:
            return self.federation_status, json.dumps({"code": "NotAuthorized", "message": "refused by the test"})
        public = serialization.load_der_public_key(base64.b64decode(json.loads(body)["publicKey"]))
        return HTTPStatus.OK, json.dumps({"token": self.token(cast("rsa.RSAPublicKey", public))})


class _Server(ThreadingHTTPServer):
    service: MetadataService


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        service = cast("_Server", self.server).service
        self._answer(*service.metadata(self.path, self.headers["Authorization"]))

    def do_POST(self) -> None:
        service = cast("_Server", self.server).service
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = re.search(r'headers="([^"]*)"', self.headers["Authorization"])
        lines = [
            f"{name}: post {self.path}" if name == "(request-target)" else f"{name}: {self.headers[name]}"
            for name in (names.group(1).split() if names else [])
        ]
        self._answer(*service.federate(body, "\n".join(lines), self.headers["Authorization"]))

    def _answer(self, status: HTTPStatus, text: str) -> None:
        cast("_Server", self.server).service.paths.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep stderr clean."""


def _certificate(tenancy_id: str) -> str:
    """Return a leaf certificate like the platform's, with the tenancy in its subject."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, f"opc-tenant:{tenancy_id}")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_leaf_key().public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(_leaf_key(), hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
