"""The engine that a call works with: the caller's, or one of its own for as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocisidecar.engine import Engine


@contextmanager
def connected(engine: Engine | None) -> Iterator[Engine]:
    """Yield `engine`, or the engine that the environment names.

    Raises:
        DockerUnavailable: no engine answers.
    """
    if engine is not None:
        yield engine
        return
    from ocisidecar.engine import Engine

    with Engine.connect() as own:
        yield own
