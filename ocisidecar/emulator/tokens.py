"""Idempotency by opc-retry-token: a repeated create gets the result of the first one.

Source: oci.container_instances.ContainerInstanceClient.create_container_instance, opc_retry_token: a token
expires after 24 hours, and earlier when a conflicting operation (a delete) invalidates it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from attrs import frozen

LIFETIME_SECONDS: Final = 24 * 3600
MAX_LENGTH: Final = 64

TokenKey = tuple[str, str, str, str, str]
"""Service, operation, region, user and token: two users who send one token create two resources.

Source: the message of the 409 for a token that is in use, as recorded by a user of Oracle's Terraform provider; it
names tenancy, user, compartment and token.
"""


@frozen
class RememberedCreate:
    """The body of the first request with a token, as a digest, and its result."""

    payload: str
    result: Any
    resource: tuple[str, str] | None
    at: float


class RetryTokens:
    """Results of successful creates by token.  Used under the emulator's lock."""

    def __init__(self) -> None:
        self._memory: dict[TokenKey, RememberedCreate] = {}

    def recall(self, key: TokenKey, now: float) -> RememberedCreate | None:
        """Return the create of a token that is not expired, or None."""
        remembered = self._memory.get(key)
        if remembered is not None and now - remembered.at >= LIFETIME_SECONDS:
            del self._memory[key]
            return None
        return remembered

    def remember(self, key: TokenKey, remembered: RememberedCreate) -> None:
        """Store the first create of a token."""
        self._memory[key] = remembered


def digest(payload: Any) -> str:
    """Return the same text for bodies that are equal as JSON."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
