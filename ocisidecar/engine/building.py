"""Building images with the engine's classic builder, as a stream of events.

The builder does not check platforms: it silently builds on a base image of another platform, and reuses cached
layers of another platform (measured with 20.10).  So callers fetch the base image for the requested platform first,
and check the platform of the result.
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
from ocisidecar.engine.errors import raising_image_error
from ocisidecar.engine.streams import Message, Stop, open_stream
from ocisidecar.errors import ImageError

_STEP: Final = re.compile(r"Step (\d+)/(\d+) : (.*)")
_FROM_CACHE: Final = " ---> Using cache"
_ANSI_SEQUENCE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Terminal control sequences, in which the builder wraps lines of standard error."""
_IGNORED: Final = (" --->", "Removing intermediate container ", "Successfully ")


@frozen
class StepBegun:
    """The builder begins step `number` of `count`."""

    number: int
    count: int
    instruction: str


@frozen
class CacheHit:
    """The builder takes the step's result from its cache."""


@frozen
class OutputLine:
    """The command of a step printed a line."""

    line: str


@frozen
class ImageBuilt:
    """The builder has created an image."""

    image_id: str


BuilderEvent = StepBegun | CacheHit | OutputLine | ImageBuilt


def native_platform(engine: Engine) -> str:
    """Return the platform that the engine runs without emulation, e.g. `linux/amd64`."""
    with raising_image_error():
        return f"linux/{engine.api.version()['Arch']}"


def find_image(engine: Engine, image: str) -> tuple[str, int] | None:
    """Return platform and size in bytes of an image, or None if it is not on the engine."""
    with raising_image_error():
        try:
            facts: Message = engine.api.inspect_image(image)
        except ImageNotFound:
            return None
    return f"{facts['Os']}/{facts['Architecture']}", int(facts["Size"])


def fetch_image(engine: Engine, image: str, platform: str, *, stop: Stop) -> None:
    """Pull `image` for `platform`, unless it is on the engine.

    Raises:
        ImageError: it cannot be pulled, with the engine's message; or `stop` was set.
    """
    found = find_image(engine, image)
    if found is not None and found[0] == platform:
        return
    with raising_image_error():
        _pull(engine, image, platform, stop)


def _pull(engine: Engine, image: str, platform: str, stop: Stop) -> None:
    repository, tag = parse_repository_tag(image)

    def start() -> Iterator[Message]:
        pulling: Iterator[Message] = engine.api.pull(
            repository, tag=tag or "latest", platform=platform, stream=True, decode=True
        )
        return pulling

    with open_stream(engine, start, stop=stop) as messages:
        for message in messages:
            if "error" in message:
                raise ImageError(str(message["error"]).strip())


def tag_image(engine: Engine, image: str, reference: str) -> None:
    """Add a tag to an image; an image that had the tag before loses it."""
    with raising_image_error():
        engine.api.tag(image, reference)


def build_image(
    engine: Engine,
    context: Path,
    *,
    dockerfile: Path,
    reference: str,
    platform: str,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    stop: Stop,
    use_cache: bool = True,
) -> Generator[BuilderEvent, None, None]:
    """Build a Dockerfile into an image tagged `reference`; blocks between events, and is cancelled by `close()`.

    Raises:
        ImageError: the build failed, with the engine's message; or `stop` was set.
    """

    def start() -> Iterator[Message]:
        return engine.api.build(
            path=str(context),
            dockerfile=str(dockerfile),
            tag=reference,
            platform=platform,
            buildargs=dict(arguments),
            labels=dict(labels),
            nocache=not use_cache,
            rm=True,
            forcerm=True,
            decode=True,
        )

    with raising_image_error(), open_stream(engine, start, stop=stop) as messages:
        for message in messages:
            yield from _parsed(message)


def _parsed(message: Message) -> Iterator[BuilderEvent]:
    if "error" in message:
        raise ImageError(str(message["error"]).strip())
    if "aux" in message and "ID" in message["aux"]:
        yield ImageBuilt(str(message["aux"]["ID"]))
    for line in _ANSI_SEQUENCE.sub("", str(message.get("stream", ""))).splitlines():
        if found := _STEP.fullmatch(line):
            yield StepBegun(int(found[1]), int(found[2]), found[3])
        elif line == _FROM_CACHE:
            yield CacheHit()
        elif line.strip() and not line.startswith(_IGNORED):
            yield OutputLine(line.rstrip())
