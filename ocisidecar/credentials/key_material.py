"""Keys and tokens as text: reading and checking, without showing them.

No key, pass phrase or token is in a message, in a repr, or in a local variable of a frame that an error from
here carries.  Hence secrets travel as `Setting`s, whose repr hides them, and the failure of a library that
parses one is noted inside the `except` block and raised outside it, so that nothing is chained to the error.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from ocisidecar.clock import Clock
from ocisidecar.credentials.settings import Setting, Settings, expand, read_file
from ocisidecar.errors import ConfigError
from ocisidecar.timestamps import from_epoch

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

T = TypeVar("T")

_PEM_WIDTH = 64
_ESCAPED = re.compile(r"\\+[rnt]")
"""White space as programs escape it, also more than once."""
_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\s*(?:Proc-Type:\s*(?P<type>4,ENCRYPTED)\s*"
    r"DEK-Info:\s*(?P<cipher>AES-\d+-CBC,[0-9A-Fa-f]{32}|[A-Z0-9-]+,[0-9A-Fa-f]{16}))?"
    r"(?P<body>[A-Za-z0-9+/=\s]*)-----END (?P=label)-----"
)


def key_entry(settings: Settings) -> str:
    """Return the entry with the key; `key_content` takes precedence, as in the SDK's Signer."""
    return "key_content" if settings.get("key_content") else "key_file"


def key_text(settings: Settings) -> Setting:
    """Return the private key's PEM text; it need not be valid.

    Raises:
        ConfigError: no entry gives it, or the file cannot be read.
    """
    (setting,) = settings.require(key_entry(settings))
    if settings.get("key_content"):
        return as_pem(setting)
    return as_pem(_key_file(setting, settings))


def _key_file(setting: Setting, settings: Settings) -> Setting:
    return read_file(
        expand(setting.value, settings.environment),
        f"key_file ({setting.source})",
        remedy="name the file of the private key; `oci setup keys` makes a pair.",
    )


def as_pem(key: Setting) -> Setting:
    r"""Return a private key in lines of PEM, in whatever form a secret store or CI system passes it on.

    These are: line breaks of any system, or written as `\n`, or replaced by blanks; quotes around it; the base64
    of the file; other text before and after it, such as oci-cli's label.  A text without a key stays as it is.
    """
    return Setting(_pem(key.value), key.source)


def _pem(text: str) -> str:
    bare = text.strip("\ufeff \t\r\n")
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'`":
        bare = bare[1:-1].strip()
    if "-----BEGIN" not in bare:
        with contextlib.suppress(ValueError):
            decoded = base64.b64decode("".join(_ESCAPED.sub("", bare).split()), validate=True).decode()
            return _pem(decoded) if "-----BEGIN" in decoded else bare
        return bare
    blocks = [*_BLOCK.finditer(_ESCAPED.sub("\n", bare))]
    block = next((one for one in blocks if "PRIVATE KEY" in one["label"]), None)
    if block is None:
        return bare
    body = "".join(block["body"].split())
    lines = [body[start : start + _PEM_WIDTH] for start in range(0, len(body), _PEM_WIDTH)]
    headers = [f"Proc-Type: {block['type']}", f"DEK-Info: {block['cipher']}", ""] if block["type"] else []
    label = block["label"]
    return "\n".join([f"-----BEGIN {label}-----", *headers, *lines, f"-----END {label}-----", ""])


def parse_key(load: Callable[[bytes, bytes | None], T], key: Setting, pass_phrase: Setting | None) -> T:
    """Return the key that `load`, a function of the SDK, returns for PEM and pass phrase.

    Raises:
        ConfigError: it cannot load them; the message says what is wrong with the key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from oci.exceptions import InvalidPrivateKey

    with contextlib.suppress(InvalidPrivateKey, UnsupportedAlgorithm, TypeError, ValueError):
        return load(key.value.strip().encode(), pass_phrase.value.encode() if pass_phrase else None)
    raise ConfigError(f"the key in {key.source} {_key_problem(key, pass_phrase)}")


def _key_problem(key: Setting, pass_phrase: Setting | None) -> str:
    if "-----BEGIN" not in key.value:
        return "is not PEM text: it must be an RSA private key that begins with a -----BEGIN line."
    if "PRIVATE KEY-----" not in key.value:
        return "is a public key: name the private key of the pair, which stays on this machine."
    if "OPENSSH PRIVATE KEY" in key.value:
        return (
            "is in the format of OpenSSH: make it PEM with `ssh-keygen -p -m PEM -f FILE`, or use `oci setup keys`."
        )
    if "ENCRYPTED" not in key.value:
        return "cannot be decoded: it must be a complete RSA private key in PKCS#8 or PKCS#1."
    if pass_phrase is None:
        return "is encrypted: give pass_phrase in the profile, or OCI_CLI_PASSPHRASE."
    return f"is encrypted, and pass_phrase ({pass_phrase.source}) does not decrypt it: correct the pass phrase."


def require_rsa(private_key: object, key: Setting) -> RSAPrivateKey:
    """Return the key that was parsed from `key`.

    Raises:
        ConfigError: it is not an RSA key; OCI accepts no other.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(private_key, RSAPrivateKey):
        raise ConfigError(
            f"the key in {key.source} is not an RSA key, which OCI needs: make one with `oci setup keys`."
        )
    return private_key


def fingerprint_of(private_key: RSAPrivateKey) -> str:
    """Return what the console shows for an API key: the colon-separated MD5 of the public key in DER.

    Source: Oracle, "Required Keys and OCIDs", how to get the key's fingerprint.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(public, usedforsecurity=False).digest().hex(":")


def require_unexpired(token: Setting, clock: Clock, *, remedy: str) -> None:
    """Check that `token` is a JWT that has not expired.

    Raises:
        ConfigError: it is not a JWT, or has expired; ends with the `remedy`.
    """
    claims = claims_of(token)
    if claims is None:
        raise ConfigError(f"{token.source} does not contain a token (a JWT): {remedy}")
    expiry = claims.get("exp")
    if isinstance(expiry, int | float) and expiry <= clock.time():
        moment = from_epoch(expiry)
        when = "" if moment is None else f" at {moment:%Y-%m-%d %H:%M} UTC"
        raise ConfigError(f"the token in {token.source} expired{when}: {remedy}")


def claims_of(token: Setting) -> Mapping[str, object] | None:
    """Return the claims of a JWT, unverified; None when it is not a JWT."""
    try:
        header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in token.value.strip().split("."))
        parsed = json.loads(header), json.loads(claims)
    except ValueError:
        return None
    return parsed[1] if all(isinstance(part, dict) for part in parsed) else None
