"""What the engine's client raises, and the library's errors that tell it in the engine's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from ocisidecar.errors import ImageError, PodFailed

ENGINE_FAILURES = (DockerException, RequestException, HTTPError)
"""Refusals, and a connection that broke."""


def words_of(failure: Exception) -> str:
    """Return what the engine said, on one line."""
    return " ".join(str(getattr(failure, "explanation", None) or failure).split())


@contextmanager
def engine_words() -> Iterator[None]:
    """Raise what the client raises while it works on an image as what the engine said.

    Raises:
        ImageError: the engine refused, or went away.
    """
    try:
        yield
    except ENGINE_FAILURES as failure:
        raise ImageError(words_of(failure)) from failure


@contextmanager
def told_as_pod_failed(name: str) -> Iterator[None]:
    """Raise what the client raises while a pod is being started as what the engine said.

    Raises:
        PodFailed: the engine refused, or went away.
    """
    try:
        yield
    except (*ENGINE_FAILURES, OSError) as failure:
        raise PodFailed(f"Pod {name} could not be started: {words_of(failure)}") from failure
