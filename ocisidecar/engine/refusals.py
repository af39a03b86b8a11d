"""What the engine refuses to do for an image, as an `ImageError` with its words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from ocisidecar.errors import ImageError


@contextmanager
def engine_words() -> Iterator[None]:
    """Raise whatever the client raises, also for a connection that broke, as what the engine said.

    Raises:
        ImageError: the engine refused, or went away.
    """
    try:
        yield
    except (DockerException, RequestException, HTTPError) as error:
        raise ImageError(" ".join(str(getattr(error, "explanation", None) or error).split())) from error
