"""Authentication: OCI's RSA request signatures, API keys, and the tokens that the emulator issues.

Source: Oracle, "Request Signatures"; oci.signer, oci.auth.signers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from attrs import frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from werkzeug.datastructures import Headers

from ocisidecar.emulator.errors import ServiceError

KEY_BITS: Final = 2048
PUBLIC_EXPONENT: Final = 65537
MAX_SKEW_SECONDS: Final = 300
REQUIRED_HEADERS: Final = frozenset({"(request-target)", "host"})
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
BODY_HEADERS: Final = frozenset({"content-length", "content-type", "x-content-sha256"})

_FIELD = re.compile(r'(\w+)="([^"]*)"')


@frozen(kw_only=True)
class Principal:
    """The user or resource that signed a request.

    Args:
        id: the OCID of the user or of the resource.
        tenancy_id: its tenancy.
        resource_type: the type word in matching rules, e.g. computecontainerinstance; empty for users.
        compartment_id: of the resource.
    """

    id: str
    tenancy_id: str
    resource_type: str = ""
    compartment_id: str = ""


def make_key() -> RSAPrivateKey:
    """Return a new key; takes about 100 ms."""
    return generate_private_key(PUBLIC_EXPONENT, KEY_BITS)


def pem(key: RSAPrivateKey) -> str:
    """Return a private key as unencrypted PEM text."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(public: RSAPublicKey) -> str:
    """Return a public key in PEM format."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_public_key(text: str) -> RSAPublicKey:
    """Return the RSA key in a PEM text; ValueError when it does not hold one."""
    try:
        key = serialization.load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as exc:
        raise ValueError("not a known kind of key") from exc
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - the text is wrong, not its type
    return key


@frozen
class _Key:
    principal: Principal
    public: RSAPublicKey
    expires_at: float | None = None


def fingerprint(public: RSAPublicKey) -> str:
    """Return the fingerprint by which OCI names an API key: MD5 of its DER form, in pairs."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


class KeyRing:
    """The public keys that are known, by keyId.  Thread-safe: entries are only added and removed whole."""

    def __init__(self, authority: RSAPrivateKey, now: Callable[[], float]) -> None:
        self._authority = authority
        self._now = now
        self._keys: dict[str, _Key] = {}
        self._numbers = itertools.count(1)

    def add_api_key(self, principal: Principal, public: RSAPublicKey) -> str:
        """Accept requests that this key signs for a user; returns the fingerprint."""
        key_fingerprint = fingerprint(public)
        self._keys[f"{principal.tenancy_id}/{principal.id}/{key_fingerprint}"] = _Key(principal, public)
        return key_fingerprint

    def remove_api_key(self, principal: Principal, key_fingerprint: str) -> None:
        """Refuse the key from now on."""
        self._keys.pop(f"{principal.tenancy_id}/{principal.id}/{key_fingerprint}", None)

    def issue_token(
        self, principal: Principal, public: RSAPublicKey, *, seconds: float, claims: Mapping[str, str] | None = None
    ) -> str:
        """Return a session or resource principal token for this key, valid for `seconds`."""
        now = self._now()
        payload = {
            "sub": principal.id,
            "tenant": principal.tenancy_id,
            "iat": int(now),
            "exp": int(now + seconds),
            "jti": f"emulator-{next(self._numbers)}",  # two tokens of one second are two tokens
            **(claims or {}),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": "emulator"}
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (header, payload))
        signature = self._authority.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{text}.{_base64url(signature)}"
        self._keys[f"ST${token}"] = _Key(principal, public, now + seconds)
        return token

    def verify(
        self, method: str, target: str, headers: Headers, body: bytes, *, may_stream: bool = False
    ) -> Principal:
        """Return the principal that signed; ServiceError 401 for a missing, incomplete, late or wrong signature.

        Args:
            method: the HTTP method.
            target: raw path and query, as received.
            headers: request headers.
            body: the body's bytes.
            may_stream: whether the signature may leave out the body, as clients do that stream it (PutObject).
        """
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        given = dict(_FIELD.findall(rest))
        names = given.get("headers", "").lower().split()
        key = self._keys.get(given.get("keyId", ""))
        is_body_signed = method in BODY_METHODS and not (may_stream and BODY_HEADERS.isdisjoint(names))
        is_complete = (
            scheme.lower() == "signature"
            and given.get("algorithm", "").lower() == "rsa-sha256"
            and REQUIRED_HEADERS | (BODY_HEADERS if is_body_signed else set()) <= set(names)
            and ("date" in names or "x-date" in names)
        )
        if not is_complete or key is None:
            raise ServiceError("NotAuthenticated")
        if key.expires_at is not None and key.expires_at <= self._now():
            raise ServiceError("NotAuthenticated")
        _check_date(headers.get("x-date") if "x-date" in names else headers.get("date"))
        if is_body_signed and headers.get("x-content-sha256") != _sha256(body):
            raise ServiceError("NotAuthenticated")
        try:
            signature = base64.b64decode(given.get("signature", ""), validate=True)
            text = _signing_string(names, method, target, headers)
            key.public.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error) as exc:
            raise ServiceError("NotAuthenticated", "Failed to verify the HTTP(S) Signature") from exc
        return key.principal


def _check_date(text: str | None) -> None:
    """Raise ServiceError 401 unless the signed date is near real time: clients sign their own wall clock."""
    try:
        sent = parsedate_to_datetime(text or "").timestamp()
    except ValueError as exc:
        raise ServiceError("NotAuthenticated") from exc
    if abs(time.time() - sent) > MAX_SKEW_SECONDS:
        raise ServiceError("NotAuthenticated")


def _signing_string(names: list[str], method: str, target: str, headers: Headers) -> str:
    lines = []
    for name in names:
        value = f"{method.lower()} {target}" if name == "(request-target)" else headers.get(name)
        if value is None:
            raise ServiceError("NotAuthenticated")
        lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
