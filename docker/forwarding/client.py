"""An HTTP client for one operation of an OCI service, with a persistent connection."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import select
import ssl
import time
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from forwarding.principal import PrincipalError, ResourcePrincipal
from forwarding.proxy import proxy_for

NO_RESPONSE: Final = 0
"""The status without a response: not connected, timed out, disconnected.  The call may have been accepted."""

MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""A longer Retry-After counts as this."""

_MAX_RESPONSE_BYTES: Final = 1024 * 1024
_TOLERATED_SKEW_SECONDS: Final = 60.0
_SUCCESS: Final = 2
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class PushResult:
    """The result of one call.

    Args:
        status: the HTTP status, or NO_RESPONSE.
        reason: for people: the service's error code and message with the request id, or the network error.
        retry_after_seconds: the response's Retry-After, 0 to MAX_RETRY_AFTER_SECONDS; 0 without one.
        content: the body of the response.
        service_time_seconds: the response's Date, since the epoch; 0 without one.
    """

    status: int
    reason: str = ""
    retry_after_seconds: float = 0.0
    content: bytes = field(default=b"", compare=False, repr=False)
    service_time_seconds: float = field(default=0.0, compare=False)

    @property
    def is_accepted(self) -> bool:
        """Whether the service accepted every entry of the call."""
        return self.status // 100 == _SUCCESS


class PushClient:
    """Posts to one URL, over one connection, maybe through a proxy.  Not thread-safe: one per thread.

    Args:
        url: of the operation.
        principal: signs the calls.
        timeout_seconds: of each read and write.
        user_agent: names the program.

    Raises:
        ProxyError: the proxy's address cannot be used.
    """

    def __init__(self, url: str, principal: ResourcePrincipal, *, timeout_seconds: float, user_agent: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._target = parts.path
        self._principal = principal
        self._timeout_seconds = timeout_seconds
        self._user_agent = user_agent
        self._is_tls = parts.scheme == "https"
        self._proxy = proxy_for(url, os.environ)
        self._skew_seconds = 0.0
        self._connection: http.client.HTTPConnection | None = None

    def push(self, body: bytes) -> PushResult:
        """Send a body once; errors of network, service and token are returned, not raised."""
        try:
            headers = self._headers(body)
        except PrincipalError as exc:
            return PushResult(NO_RESPONSE, str(exc))
        try:
            connection = self._connected()
            # The service may respond and disconnect before it has read the whole body.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", self._target, body, headers)
            response = connection.getresponse()
            content = response.read(_MAX_RESPONSE_BYTES)
            if not response.isclosed() or response.will_close:
                self.close()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            return PushResult(NO_RESPONSE, f"{type(exc).__name__}: {exc}")
        reason = (
            "" if response.status // 100 == _SUCCESS else _reason(content, response.getheader("opc-request-id"))
        )
        service_time = _time(response.getheader("date"))
        if response.status == HTTPStatus.UNAUTHORIZED and service_time:
            self._correct_clock(service_time)
        return PushResult(
            response.status, reason, _seconds(response.getheader("retry-after")), content, service_time
        )

    def close(self) -> None:
        """Close the connection; the next push opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _correct_clock(self, service_time: float) -> None:
        """Sign with the service's time from now on where the own clock is wrong: it refuses a skew of 5 minutes."""
        skew = service_time - time.time()
        self._skew_seconds = skew if abs(skew) > _TOLERATED_SKEW_SECONDS else 0.0

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and _has_ended(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._new_connection()
            self._connection.connect()
        return self._connection

    def _new_connection(self) -> http.client.HTTPConnection:
        if not self._is_tls:
            return http.client.HTTPConnection(self._host, timeout=self._timeout_seconds)
        context = ssl.create_default_context()
        if self._proxy is None:
            return http.client.HTTPSConnection(self._host, timeout=self._timeout_seconds, context=context)
        connection = http.client.HTTPSConnection(
            self._proxy.host, self._proxy.port, timeout=self._timeout_seconds, context=context
        )
        connection.set_tunnel(self._host, headers=dict(self._proxy.headers))
        return connection

    def _headers(self, body: bytes) -> dict[str, str]:
        signed = {
            "date": formatdate(time.time() + self._skew_seconds, usegmt=True),
            "host": self._host,
            "content-length": str(len(body)),
            "content-type": _JSON,
            "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        authorization = self._principal.authorization({**signed, "(request-target)": f"post {self._target}"})
        return {
            **signed,
            "accept": _JSON,
            "accept-encoding": "identity",
            "authorization": authorization,
            "opc-request-id": os.urandom(16).hex().upper(),
            "user-agent": self._user_agent,
        }


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Return whether the service closed an idle connection: nothing else makes it readable."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _reason(content: bytes, request_id: str | None) -> str:
    """Return code, message and request id of an error, or the beginning of a body that is not OCI's error JSON."""
    try:
        error = json.loads(content)
        text = f"{error['code']}: {error['message']}"[:300]
    except (ValueError, KeyError, TypeError):
        text = content[:100].decode("ascii", "replace")
    return f"{text} ({request_id})".lstrip() if request_id else text


def _seconds(text: str | None) -> float:
    """Return a Retry-After in seconds; a date, which OCI does not send, counts as 0."""
    try:
        return min(max(0.0, float(text or 0)), MAX_RETRY_AFTER_SECONDS)
    except ValueError:
        return 0.0


def _time(text: str | None) -> float:
    """Return a Date in seconds since the epoch; 0 if there is none."""
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except ValueError:
        return 0.0
