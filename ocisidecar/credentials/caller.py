"""Who calls: a user or a principal, as far as the signer shows it."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.credentials.key_material import claims_of
from ocisidecar.credentials.settings import Setting
from ocisidecar.timestamps import from_epoch

_TOKEN_PREFIX = "ST$"  # nosec B105  # noqa: S105 - how the key id of a signer with a token begins


def is_principal(signer: object) -> bool:
    """Return whether a signer is that of an instance or another resource, to which dynamic groups give rights.

    UNCONFIRMED: that `sub` in the token of a user's session is the user's OCID, and in others that of a resource.
    """
    subject = str(_claims(signer).get("sub", ""))
    return not subject.startswith("ocid1.user.") if subject else "Principal" in type(signer).__name__


def describe_caller(signer: object, client_config: Mapping[str, str]) -> str:
    """Return who signs, with which key or token, and until when; no secret."""
    claims = _claims(signer)
    if client_config.get("fingerprint"):
        return f"user {client_config.get('user')} with the API key {client_config['fingerprint']}"
    subject = str(claims.get("sub", ""))
    kind = "principal" if is_principal(signer) else "session of user"
    expiry = claims.get("exp")
    moment = from_epoch(expiry) if isinstance(expiry, int | float) else None
    until = "" if moment is None else f" until {moment:%Y-%m-%d %H:%M} UTC"
    return f"{kind} {subject}{until}" if subject else f"a signer of the class {type(signer).__name__}"


def _claims(signer: object) -> Mapping[str, object]:
    """Return the claims of the token with which a signer signs; nothing for one with an API key."""
    key_id = str(getattr(signer, "api_key", ""))
    if not key_id.startswith(_TOKEN_PREFIX):
        return {}
    return claims_of(Setting(key_id.removeprefix(_TOKEN_PREFIX), "the signer")) or {}
