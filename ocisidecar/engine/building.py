"""Building images with the engine's own builder, told step by step.

The builder of the engine's API trusts what it holds: it builds upon a base of another platform, and takes a layer
of another platform from its cache, without a word (measured with 20.10).  So the base is fetched for the platform
that is wanted, and the platform of what was made is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from ocisidecar.engine.engine import Engine
from ocisidecar.engine.errors import engine_words
from ocisidecar.engine.streams import Chunk, Stop, reading
from ocisidecar.errors import ImageError

_STEP: Final = re.compile(r"Step (\d+)/(\d+) : (.*)")
_FROM_CACHE: Final = " ---> Using cache"
_COLOUR: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Control sequences of a terminal: the builder puts them around what was written to standard error."""
_NOISE: Final = (" --->", "Removing intermediate container ", "Successfully ")


@frozen
class Step:
    """The builder begins step `number` of `count`."""

    number: int
    count: int
    instruction: str


@frozen
class Reused:
    """The step was not run, as its result is there."""


@frozen
class Output:
    """The command of a step printed a line."""

    line: str


@frozen
class Made:
    """The builder made an image."""

    image_id: str


Told = Step | Reused | Output | Made


def native_platform(engine: Engine) -> str:
    """Return the platform on which the engine runs programs without emulation, e.g. `linux/amd64`."""
    with engine_words():
        return f"linux/{engine.api.version()['Arch']}"


def find_image(engine: Engine, image: str) -> tuple[str, int] | None:
    """Return the platform and the size in bytes of an image that the engine holds, or None."""
    with engine_words():
        try:
            facts: Chunk = engine.api.inspect_image(image)
        except ImageNotFound:
            return None
    return f"{facts['Os']}/{facts['Architecture']}", int(facts["Size"])


def fetch_image(engine: Engine, image: str, platform: str, *, stop: Stop) -> None:
    """Let the engine hold `image` for `platform`: pull it unless it is there.

    Raises:
        ImageError: it cannot be pulled; the engine's words.  Or it was stopped.
    """
    found = find_image(engine, image)
    if found is not None and found[0] == platform:
        return
    with engine_words():
        _pull(engine, image, platform, stop)


def _pull(engine: Engine, image: str, platform: str, stop: Stop) -> None:
    repository, tag = parse_repository_tag(image)

    def start() -> Iterator[Chunk]:
        pulling: Iterator[Chunk] = engine.api.pull(
            repository, tag=tag or "latest", platform=platform, stream=True, decode=True
        )
        return pulling

    with reading(engine, start, stop=stop) as chunks:
        for chunk in chunks:
            if "error" in chunk:
                raise ImageError(str(chunk["error"]).strip())


def tag_image(engine: Engine, image: str, reference: str) -> None:
    """Give an image one more name; what had that name before keeps its others."""
    with engine_words():
        engine.api.tag(image, reference)


def build_image(
    engine: Engine,
    directory: Path,
    *,
    reference: str,
    platform: str,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    stop: Stop,
    is_cache_used: bool = True,
) -> Generator[Told, None, None]:
    """Build a directory into an image tagged `reference`; blocks between what it yields, and ends when closed.

    Raises:
        ImageError: the build failed; the engine's words.  Or it was stopped.
    """

    def start() -> Iterator[Chunk]:
        return engine.api.build(
            path=str(directory),
            tag=reference,
            platform=platform,
            buildargs=dict(arguments),
            labels=dict(labels),
            nocache=not is_cache_used,
            rm=True,
            forcerm=True,
            decode=True,
        )

    with engine_words(), reading(engine, start, stop=stop) as chunks:
        for chunk in chunks:
            yield from _parsed(chunk)


def _parsed(chunk: Chunk) -> Iterator[Told]:
    if "error" in chunk:
        raise ImageError(str(chunk["error"]).strip())
    if "aux" in chunk and "ID" in chunk["aux"]:
        yield Made(str(chunk["aux"]["ID"]))
    for line in _COLOUR.sub("", str(chunk.get("stream", ""))).splitlines():
        if found := _STEP.fullmatch(line):
            yield Step(int(found[1]), int(found[2]), found[3])
        elif line == _FROM_CACHE:
            yield Reused()
        elif line.strip() and not line.startswith(_NOISE):
            yield Output(line.rstrip())
