"""Asking an instance over HTTP from where the library runs."""

from __future__ import annotations

import http.client
import statistics
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from attrs import field, frozen

from ocisidecar.clock import SystemClock

_TIMEOUT_SECONDS = 3.0
"""A private address that nothing leads to gives no answer at all: it must not hold a check up."""
_LONGEST_BODY_BYTES = 4 * 1024 * 1024


@frozen(kw_only=True)
class Reply:
    """What came of one GET.

    Attributes:
        status: HTTP status; 0 without an answer.
        body: of the answer, its first 4 MB.
        seconds: from connecting to the body's end.
        trouble: why there was no answer.
        is_refused: the host was there and nothing listened.
    """

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    trouble: str = ""
    is_refused: bool = False

    @property
    def is_good(self) -> bool:
        """Whether a health check would pass: status 200 to 399."""
        return http.HTTPStatus.OK <= self.status < http.HTTPStatus.BAD_REQUEST


def fetch(
    base_url: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout_in_seconds: float = _TIMEOUT_SECONDS,
) -> Reply:
    """GET a path once, without following redirects.

    Blocks for at most the timeout for each of connecting to an address, asking and reading.  The time is taken from
    the system's clock, because an instance answers in real time, whatever clock the session has.
    """
    parts = urlsplit(base_url)
    clock = SystemClock()
    began = clock.time()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_in_seconds)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        body = answer.read(_LONGEST_BODY_BYTES)
    except ConnectionRefusedError:
        return Reply(trouble=f"nothing listens at {parts.netloc}", is_refused=True)
    except (OSError, http.client.HTTPException) as error:
        return Reply(trouble=f"no answer from {parts.netloc}: {error or type(error).__name__}")
    finally:
        connection.close()
    return Reply(status=answer.status, body=body, seconds=clock.time() - began)


def median_seconds(replies: Sequence[Reply]) -> float:
    """Return the median time of some replies."""
    return statistics.median(reply.seconds for reply in replies)
