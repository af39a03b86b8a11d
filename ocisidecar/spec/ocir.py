"""Host names of OCI's container registry (OCIR)."""

from __future__ import annotations

import re

_REGION_KEY = re.compile(r"[a-z]{3}")
_REGION = re.compile(r"[a-z]+(-[a-z]+)+-\d+")
_HOST = re.compile(r"[a-z0-9-]+\.ocir\.io|ocir\.[a-z0-9-]+\.oci\.oracle(gov)?cloud\d*\.[a-z]+")
"""The domain is the realm's: see oci.regions.REALMS."""


def ocir_host(region: str) -> str | None:
    """Return the registry's host in a region of the commercial realm, or None when this is not a region.

    Args:
        region: its key (`fra`, for `fra.ocir.io`) or name (`eu-frankfurt-1`, for
            `ocir.eu-frankfurt-1.oci.oraclecloud.com`), in capitals too.

    Source: Container Registry documentation, "Preparing for Container Registry".
    """
    region = region.lower()
    if _REGION_KEY.fullmatch(region):
        return f"{region}.ocir.io"
    return f"ocir.{region}.oci.oraclecloud.com" if _REGION.fullmatch(region) else None


def is_ocir(host: str) -> bool:
    """Return whether this is a host of OCI's own registry."""
    return _HOST.fullmatch(host) is not None
