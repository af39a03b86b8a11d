"""The resource principal (v2.2) of the container instance, and request signatures made with it.

Source: oci.auth.signers.resource_principals_signer; Oracle, "Request Signatures".
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

VERSION: Final = "2.2"
SIGNED_HEADERS: Final = ("date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256")

_PREFIX: Final = "OCI_RESOURCE_PRINCIPAL_"


class PrincipalError(Exception):
    """Token or key is missing or unusable."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    token: str
    key: RSAPrivateKey
    file_versions: tuple[object, ...]


class ResourcePrincipal:
    """Signs requests with the token and key of the container instance.  Thread-safe.

    Both are reloaded when their files are replaced, which is how the platform renews them.

    Args:
        environment: contains OCI_RESOURCE_PRINCIPAL_VERSION, _RPST, _PRIVATE_PEM and optionally
            _PRIVATE_PEM_PASSPHRASE; each of the last three is an absolute path or the value itself.

    Raises:
        PrincipalError: a variable is missing or wrong, or what it refers to is unusable.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        version = environment.get(_PREFIX + "VERSION")
        if version != VERSION:
            raise PrincipalError(
                f"{_PREFIX}VERSION must be {VERSION}, got {version!r}: is isResourcePrincipalDisabled set?"
            )
        self._sources = {
            name: environment.get(_PREFIX + name, "") for name in ("RPST", "PRIVATE_PEM", "PRIVATE_PEM_PASSPHRASE")
        }
        missing = [_PREFIX + name for name in ("RPST", "PRIVATE_PEM") if not self._sources[name]]
        if missing:
            raise PrincipalError(f"{' and '.join(missing)} not set")
        self._lock = threading.Lock()
        self._credentials = self._read()

    def claim(self, name: str) -> str:
        """Return a claim of the token, or an empty text; the token's signature is not verified here."""
        try:
            payload = self._credentials.token.split(".")[1]
            claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (IndexError, ValueError, binascii.Error):
            return ""
        return str(claims.get(name, "")) if isinstance(claims, dict) else ""

    def reload(self) -> None:
        """Read token and key again; PrincipalError when that fails, which keeps the previous ones."""
        with self._lock:
            self._credentials = self._read()

    def authorization(self, values: Mapping[str, str]) -> str:
        """Return the Authorization header for the values of SIGNED_HEADERS."""
        credentials = self._current()
        text = "\n".join(f"{name}: {values[name]}" for name in SIGNED_HEADERS)
        signature = base64.b64encode(
            credentials.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        ).decode()
        return (
            f'Signature algorithm="rsa-sha256",headers="{" ".join(SIGNED_HEADERS)}",'
            f'keyId="ST${credentials.token}",signature="{signature}",version="1"'
        )

    def _current(self) -> _Credentials:
        with self._lock:
            with contextlib.suppress(OSError):  # a file that is being replaced may be missing for a moment
                if self._file_versions() != self._credentials.file_versions:
                    self._credentials = self._read()
            return self._credentials

    def _file_versions(self) -> tuple[object, ...]:
        """Return values that change when a file is replaced."""
        files = [Path(source).stat() for source in self._sources.values() if source.startswith("/")]
        return tuple((status.st_ino, status.st_mtime_ns) for status in files)

    def _read(self) -> _Credentials:
        try:
            file_versions = self._file_versions()
            token, pem, passphrase = (_read_value(source) for source in self._sources.values())
        except OSError as exc:
            raise PrincipalError(f"cannot read {exc.filename}: {exc.strerror}") from exc
        if not re.fullmatch(r"[!-~]+", token):
            raise PrincipalError(f"{_PREFIX}RPST does not contain a token")
        try:
            key = serialization.load_pem_private_key(pem.encode(), passphrase.encode() or None)
        except (ValueError, TypeError) as exc:
            raise PrincipalError(
                f"{_PREFIX}PRIVATE_PEM does not contain a usable key: {type(exc).__name__}"
            ) from exc
        if not isinstance(key, RSAPrivateKey):
            raise PrincipalError(f"{_PREFIX}PRIVATE_PEM does not contain an RSA key")
        return _Credentials(token, key, file_versions)


def _read_value(source: str) -> str:
    text = Path(source).read_text(encoding="utf-8", errors="replace") if source.startswith("/") else source
    return text.strip()
