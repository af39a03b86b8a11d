"""Fixtures of the tests that run real containers; without a Docker engine these tests are skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ocisidecar.clock import SystemClock
from ocisidecar.engine import DockerUnavailable, Engine
from tests.containers.local_images import build_own_images, build_stand_ins
from tests.standins.images import BASES

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory, so that `-m "not containers"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.containers)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The Docker engine, swept before; skips with the reason if no engine answers.

    Only one of several test processes may use it, because tests list the objects on the engine.
    """
    try:
        engine = Engine.connect()
    except DockerUnavailable as missing:
        pytest.skip(str(missing))
    if "PYTEST_XDIST_WORKER" in os.environ:  # the temporary directories of all workers have one parent
        (tmp_path_factory.getbasetemp().parent / "engine").touch(exist_ok=False)
    with engine:
        engine.sweep()
        yield engine


@pytest.fixture(scope="session")
def standins(engine: Engine) -> Mapping[str, str]:
    """Stand-ins for the official images, built here: name (`prometheus`, `nginx`, …) → image on this engine."""
    return build_stand_ins(engine)


@pytest.fixture(scope="session")
def image(standins: Mapping[str, str]) -> str:
    """A small image with a shell."""
    return standins["debian"]


@pytest.fixture(scope="session")
def images(engine: Engine, standins: Mapping[str, str]) -> Mapping[str, str]:
    """Images to run instead of each preset's: stand-ins, and the library's images built on stand-ins."""
    assert set(BASES.values()) <= {*standins.values()}
    return build_own_images(engine)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """A function that waits for a condition: `eventually(lambda: pod.containers[0].restarts == 2)`.

    It fails if the condition is not true within `seconds`.
    """
    clock = SystemClock()

    def wait(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
        deadline = clock.time() + seconds
        while not condition():
            assert clock.time() < deadline, f"still not so after {seconds} s"
            clock.sleep(0.05)

    return wait
