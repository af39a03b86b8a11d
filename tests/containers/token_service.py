"""A token service for a registry, like OCIR's: it issues signed tokens for a user and a password."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

NAME = "token-stand-in"


@frozen
class TokenService:
    """A running token service; `auth` is the `auth` section of the registry's configuration."""

    auth: str
    username: str
    password: str = field(repr=False)


@contextmanager
def token_service(directory: Path, rights: Mapping[str, str]) -> Iterator[TokenService]:
    """Run a token service that gives `acme/alice` these rights: `{"acme/web": "pull,push"}`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _certificate(key)
    (directory / "tokens.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
    username, password = "acme/alice", secrets.token_urlsafe(12)

    def answer(request: Request) -> Response:
        given = request.authorization
        if given is None or (given.username, given.password) != (username, password):
            return Response(status=401)
        access = [
            {"type": "repository", "name": name, "actions": sorted(wanted & set(rights.get(name, "").split(",")))}
            for name, wanted in map(_scope, request.args.getlist("scope"))
        ]
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": NAME, "aud": NAME, "sub": username, "iat": now, "nbf": now - 60, "exp": now + 300}
        token = jwt.encode({**claims, "access": access}, key, algorithm="RS256", headers={"x5c": x5c})
        return Response(json.dumps({"token": token}), content_type="application/json")

    server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        realm = f"http://127.0.0.1:{server.port}/token"
        bundle = f"{directory}/tokens.pem"
        auth = f"token: {{realm: '{realm}', service: {NAME}, issuer: {NAME}, rootcertbundle: {bundle}}}"
        yield TokenService(auth, username, password)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _scope(text: str) -> tuple[str, set[str]]:
    _, name, actions = text.split(":")
    return name, set(actions.split(","))


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
