"""Certificates of servers in tests."""

from __future__ import annotations

import datetime as dt

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@frozen
class Identity:
    """A certificate that names a host which nobody has, and its key, in PEM form."""

    certificate: str
    key: str


def make_identity() -> Identity:
    """Return a new one, which nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "metrics.example.com")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9))
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return Identity(
        builder.sign(key, hashes.SHA256()).public_bytes(pem).decode(),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
    )
