"""One HTTP GET to an instance, from where the library runs."""

from __future__ import annotations

import http.client
import ssl
import statistics
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from attrs import field, frozen

from ocisidecar.clock import SystemClock

_TIMEOUT_SECONDS = 3.0
"""Short, because a private address without a route never answers, and must not hold up a check."""
_MAX_BODY_BYTES = 4 * 1024 * 1024


@frozen(kw_only=True)
class Response:
    """The result of one GET.

    Attributes:
        status: HTTP status; 0 if there was no response.
        body: of the response, its first 4 MB.
        elapsed_seconds: from connecting to the end of the body.
        received_at: when it ended, in seconds since the epoch by this machine's clock; 0 if there was no response.
        error: why there was no response.
        is_refused: whether the host refused the connection: it is there and nothing listens at the port.
    """

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    elapsed_seconds: float = 0.0
    received_at: float = 0.0
    error: str = ""
    is_refused: bool = False

    @property
    def is_success(self) -> bool:
        """Whether a health check would pass: status 200 to 399."""
        return http.HTTPStatus.OK <= self.status < http.HTTPStatus.BAD_REQUEST


def fetch(
    base_url: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Response:
    """GET a path once, without following redirects; an https URL with `tls`, or else with the system's authorities.

    Blocks for at most the timeout in each of three steps: connecting, sending, and reading.  The duration is taken
    from the system's clock, because an instance answers in real time whatever clock the session has.
    """
    parts = urlsplit(base_url)
    clock = SystemClock()
    began = clock.time()
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds, context=tls)
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    )
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read(_MAX_BODY_BYTES)
    except ConnectionRefusedError:
        return Response(error=f"nothing listens at {parts.netloc}", is_refused=True)
    except (OSError, http.client.HTTPException) as error:
        return Response(error=f"no answer from {parts.netloc}: {error or type(error).__name__}")
    finally:
        connection.close()
    ended = clock.time()
    return Response(status=response.status, body=body, elapsed_seconds=ended - began, received_at=ended)


def median_seconds(responses: Sequence[Response]) -> float:
    """Return the median duration of some responses."""
    return statistics.median(response.elapsed_seconds for response in responses)
