"""The engine of a call: the one passed in, or a connection that lasts as long as the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocisidecar.engine import Engine


@contextmanager
def engine_or_default(engine: Engine | None) -> Iterator[Engine]:
    """Yield `engine`, or the engine that the environment names.

    Raises:
        DockerUnavailable: no engine answers.
    """
    if engine is not None:
        yield engine
        return
    from ocisidecar.engine import Engine

    with Engine.connect() as connected:
        yield connected
