"""Trying a health check from where the library runs: whether the way to an instance is open, not only its port."""

from __future__ import annotations

import http.client
import socket
from http import HTTPStatus

from ocisidecar.spec import HealthCheck


def answers(check: HealthCheck, host: str) -> bool:
    """Return whether `host` passes the check now, tried once.

    An HTTP check passes with status 200 to 399, a TCP check when the connection is accepted; both within the
    check's timeout, and without following redirects.  Blocks for that long at most for each address of `host`.
    """
    timeout = float(check.timeout_in_seconds)
    try:
        if check.kind == "tcp":
            with socket.create_connection((host, check.port), timeout):
                return True
        return HTTPStatus.OK <= _status(check, host, timeout) < HTTPStatus.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False


def _status(check: HealthCheck, host: str, timeout: float) -> int:
    connection = http.client.HTTPConnection(host, check.port, timeout=timeout)
    try:
        connection.request("GET", check.path or "/", headers=dict(check.headers))
        return connection.getresponse().status
    finally:
        connection.close()
