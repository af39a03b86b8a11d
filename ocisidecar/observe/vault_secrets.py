"""Contents of vault secrets, for config files and for the password of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocisidecar.client.session import Caller
from ocisidecar.wire import Ref


def read_secret(caller: Caller, ref: Ref) -> str:
    """Return a vault secret's content in base64; `ref.field` is its version number or `current`.

    Source: oci.secrets.SecretsClient.get_secret_bundle.
    """
    version: dict[str, Any] = {"version_number": int(ref.field)} if ref.field.isdecimal() else {}
    bundle = caller.call("secrets.SecretsClient", "get_secret_bundle", ref.key.name, **version).body
    content = bundle.get("secretBundleContent")
    return str(content.get("content", "")) if isinstance(content, Mapping) else ""
