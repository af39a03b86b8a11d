"""Streams of the Docker client, whose connections are closed when nobody reads on: the client leaves them open.

Closing ends the work too: the engine stops a build whose reader is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from requests import Response

from ocisidecar.engine.engine import Engine

Chunk = Mapping[str, Any]

_latest = threading.local()


def _remember(response: Response, **_options: object) -> None:
    _latest.response = response


@contextmanager
def reading(engine: Engine, start: Callable[[], Iterator[Chunk]]) -> Iterator[Iterator[Chunk]]:
    """Yield the stream that `start` begins with one request, and close its connection in the end."""
    hooks = engine.api.hooks["response"]
    if _remember not in hooks:
        hooks.append(_remember)
    chunks = start()
    response = _latest.response
    try:
        yield chunks
    finally:
        response.close()
