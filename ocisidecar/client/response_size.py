"""A bound of what is read of one response, so that no service, and nobody in its place, fills the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

MAX_RESPONSE_BYTES: Final = 64 * 2**20
"""Decompressed.  The largest known response, a page of 1000 container instances, has about 4 MB."""


def bound_responses(session: Any, max_bytes: int) -> None:
    """Make an HTTP session of the SDK raise its RequestException for a body of more than `max_bytes`."""

    def bound(response: Any, *_: object, **__: object) -> None:
        response.iter_content = _bounded(response, response.iter_content, max_bytes)

    session.hooks["response"].append(bound)


def _bounded(response: Any, read: Callable[..., Iterator[bytes]], max_bytes: int) -> Callable[..., Iterator[bytes]]:
    def iter_content(*args: object, **options: object) -> Iterator[bytes]:
        from oci._vendor import requests

        count = 0
        for chunk in read(*args, **options):
            count += len(chunk)
            if count > max_bytes:
                response.close()
                raise requests.exceptions.RequestException(f"the response has more than {max_bytes} bytes")
            yield chunk

    return iter_content
