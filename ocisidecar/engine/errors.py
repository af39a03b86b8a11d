"""Errors of the Docker client, and their conversion to the library's errors with the engine's message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from ocisidecar.errors import ImageError, PodFailed

ENGINE_ERRORS = (DockerException, RequestException, HTTPError)
"""Requests that the engine rejected, and broken connections."""


def message_of(error: Exception) -> str:
    """Return the engine's message, on one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())


@contextmanager
def raising_image_error() -> Iterator[None]:
    """Convert errors of the Docker client during work on an image.

    Raises:
        ImageError: the engine rejected a request, or the connection broke.
    """
    try:
        yield
    except ENGINE_ERRORS as error:
        raise ImageError(message_of(error)) from error


@contextmanager
def raising_pod_failed(name: str) -> Iterator[None]:
    """Convert errors of the Docker client during the start of a pod.

    Raises:
        PodFailed: the engine rejected a request, or the connection broke.
    """
    try:
        yield
    except (*ENGINE_ERRORS, OSError) as error:
        raise PodFailed(f"Pod {name} could not be started: {message_of(error)}") from error
