"""Health probes from where the library runs: they show whether the network path to an instance is open."""

from __future__ import annotations

import socket

from ocisidecar.observe.http_get import fetch
from ocisidecar.spec import HealthCheck


def passes(check: HealthCheck, host: str) -> bool:
    """Return whether `host` passes the check now, tried once.

    An HTTP check passes with status 200 to 399, a TCP check when the connection is accepted; both within the
    check's timeout, and without following redirects.  Blocks for that long at most for each address of `host`.
    """
    timeout = float(check.timeout_in_seconds)
    if check.kind == "http":
        url, path = f"http://{host}:{check.port}", check.path or "/"
        return fetch(url, path, headers=check.headers, timeout_seconds=timeout).is_success
    try:
        with socket.create_connection((host, check.port), timeout):
            return True
    except OSError:
        return False
