"""Streams of the Docker client, whose connections are closed when nobody reads on: the client leaves them open.

Closing ends the work too: the engine stops a build whose reader is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from docker.errors import DockerException
from docker.types import CancellableStream
from requests import Response

from ocisidecar.engine.engine import Engine

Chunk = Mapping[str, Any]

_latest = threading.local()


def _remember(response: Response, **_options: object) -> None:
    _latest.response = response


class Stop:
    """Ends streams that other threads wait for, however long the engine would still be silent.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Response] = set()
        self._is_set = False

    def set(self) -> None:
        """End all streams that it is responsible for, and each that is begun from now on."""
        with self._lock:
            self._is_set = True
            for response in self._open:
                _shut(response)

    @contextmanager
    def ends(self, response: Response) -> Iterator[None]:
        """Be responsible for the stream of a response meanwhile."""
        with self._lock:
            self._open.add(response)
            if self._is_set:
                _shut(response)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(response)


def _shut(response: Response) -> None:
    """Shut a connection, so that who reads it is told so; over SSH the client cannot."""
    with suppress(OSError, DockerException, AttributeError):  # the last where its reader has just come to the end
        CancellableStream(iter(()), response).close()


@contextmanager
def reading(
    engine: Engine, start: Callable[[], Iterator[Chunk]], *, stop: Stop | None = None
) -> Iterator[Iterator[Chunk]]:
    """Yield the stream that `start` begins with one request, and close its connection in the end, or at `stop`."""
    hooks = engine.api.hooks["response"]
    if _remember not in hooks:
        hooks.append(_remember)
    chunks = start()
    response = _latest.response
    try:
        with (stop or Stop()).ends(response):
            yield chunks
    finally:
        response.close()
