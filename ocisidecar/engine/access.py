"""How this process reaches the pods of an engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

Access = Literal["ADDRESS", "LOOPBACK", "NONE"]
"""At the pods' own addresses; at published ports, on this machine's loopback; or not at all."""

_SOCKETS = {"http+docker://localhost", "http+docker://localnpipe"}
"""What the client calls its base URL when it talks to a socket or a pipe of this machine."""


def access(base_url: str, facts: Mapping[str, Any]) -> Access:
    """Return how pods are reached, as far as that can be told before one runs.

    Args:
        base_url: the client's.
        facts: the engine's answer to `info`.
    """
    if base_url not in _SOCKETS:
        return "LOOPBACK" if _is_loopback(urlsplit(base_url).hostname or "") else "NONE"
    is_apart = facts["OperatingSystem"] == "Docker Desktop" or "name=rootless" in (facts["SecurityOptions"] or ())
    return "LOOPBACK" if is_apart or sys.platform != "linux" else "ADDRESS"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
