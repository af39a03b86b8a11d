"""Streaming responses of the Docker client that are closed after use: the client itself leaves them open.

Closing a response also stops the work: the engine cancels a build when its client disconnects.
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

Message = Mapping[str, Any]

_latest = threading.local()


def _store_response(response: Response, **_options: object) -> None:
    _latest.response = response


class Stop:
    """A signal that ends streams which other threads read, even while the engine sends nothing.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Response] = set()
        self._is_set = False

    def set(self) -> None:
        """End all streams that depend on this signal, and each that is opened from now on."""
        with self._lock:
            self._is_set = True
            for response in self._open:
                _shut_down(response)

    @contextmanager
    def ending(self, response: Response) -> Iterator[None]:
        """Make the stream of a response depend on this signal within the `with` block."""
        with self._lock:
            self._open.add(response)
            if self._is_set:
                _shut_down(response)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(response)


def _shut_down(response: Response) -> None:
    """Shut down a connection, so that a blocked read of it returns; the client cannot do that over SSH."""
    with suppress(OSError, DockerException, AttributeError):  # the last if its reader has just finished
        CancellableStream(iter(()), response).close()


@contextmanager
def open_stream(
    engine: Engine, start: Callable[[], Iterator[Message]], *, stop: Stop | None = None
) -> Iterator[Iterator[Message]]:
    """Yield the stream that `start` opens with one request; its connection is closed at the end or at `stop`."""
    hooks = engine.api.hooks["response"]
    if _store_response not in hooks:
        hooks.append(_store_response)
    messages = start()
    response = _latest.response
    try:
        with (stop or Stop()).ending(response):
            yield messages
    finally:
        response.close()
