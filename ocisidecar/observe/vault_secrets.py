"""Contents of vault secrets, for config files and for the password of a registry."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ocisidecar.client.session import Caller
from ocisidecar.errors import ConfigError
from ocisidecar.wire import Ref, text


def read_secret(caller: Caller, ref: Ref) -> str:
    """Return a vault secret's content in base64; `ref.field` is its version number or `current`.

    Raises:
        ConfigError: what the service answered is not base64.

    Source: oci.secrets.SecretsClient.get_secret_bundle.
    """
    version: dict[str, Any] = {"version_number": int(ref.field)} if ref.field.isdecimal() else {}
    bundle = caller.call("secrets.SecretsClient", "get_secret_bundle", ref.key.name, **version).body
    content = bundle.get("secretBundleContent")
    found = text(content, "content") if isinstance(content, Mapping) else ""
    try:
        base64.b64decode(found, validate=True)
    except ValueError:
        raise ConfigError(f"The content of the vault secret {ref.key.name} is not base64, as it must be.") from None
    return found
