"""How this process can connect to the pods of an engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

from ocisidecar.loopback import is_loopback_url

Access = Literal["ADDRESS", "LOOPBACK", "NONE"]
"""At the pods' IP addresses; at published ports, on this machine's loopback interface; or not at all."""

_LOCAL_SOCKETS = {"http+docker://localhost", "http+docker://localnpipe"}
"""Base URLs of a Docker client that is connected to a Unix socket or a named pipe of this machine."""


def detect_access(base_url: str, info: Mapping[str, Any]) -> Access:
    """Return how pods can be reached, as far as that is known before one runs.

    Args:
        base_url: of the Docker client.
        info: the engine's response to `info`.
    """
    if base_url not in _LOCAL_SOCKETS:
        return "LOOPBACK" if is_loopback_url(base_url) else "NONE"
    is_isolated = info["OperatingSystem"] == "Docker Desktop" or "name=rootless" in (info["SecurityOptions"] or ())
    return "LOOPBACK" if is_isolated or sys.platform != "linux" else "ADDRESS"
