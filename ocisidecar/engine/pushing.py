"""Pushing and saving an image that the engine holds.

The client raises nothing when a push fails: an `error` entry stands in the stream, and is looked at here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from docker.errors import NotFound

from ocisidecar.engine.building import find_image
from ocisidecar.engine.engine import Engine
from ocisidecar.engine.errors import engine_words
from ocisidecar.engine.streams import Chunk, reading
from ocisidecar.errors import ImageError


@frozen
class Sent:
    """So many bytes of all layers looked at are with the registry, of those that it did not have."""

    sent_bytes: int
    total_bytes: int


@frozen
class Stored:
    """The registry keeps the image under this digest."""

    digest: str


def push_image(
    engine: Engine, image: str, reference: str, *, username: str, password: str
) -> Generator[Sent | Stored, None, None]:
    """Push `image` as `reference`, which the engine keeps as a tag only meanwhile; blocks between what it yields.

    Raises:
        ImageError: the engine does not hold the image, or the registry or the way to it refused it: their words.
    """
    login = {"username": username, "password": password}
    is_ours = find_image(engine, reference) is None
    with engine_words():
        engine.api.tag(image, reference)
        try:
            with reading(
                engine, lambda: engine.api.push(reference, stream=True, decode=True, auth_config=login)
            ) as chunks:
                yield from _parsed(chunks)
        finally:
            if is_ours:
                with suppress(NotFound):
                    engine.api.remove_image(reference, noprune=True)


def save_image(engine: Engine, image: str, path: Path) -> None:
    """Write an image with its layers into an archive, as `docker save` does.

    Raises:
        ImageError: the engine does not hold it.
    """
    with engine_words(), path.open("wb") as archive:
        archive.writelines(engine.api.get_image(image))


def _parsed(chunks: Iterator[Chunk]) -> Iterator[Sent | Stored]:
    layers: dict[str, tuple[int, int]] = {}
    for chunk in chunks:
        if "error" in chunk:
            raise ImageError(str(chunk["error"]).strip())
        progress = chunk.get("progressDetail") or {}
        if "total" in progress:
            # A layer's archive is a little larger than the layer: what is sent can pass the total.
            total = int(progress["total"])
            layers[str(chunk["id"])] = (min(int(progress["current"]), total), total)
            yield Sent(sum(sent for sent, _ in layers.values()), sum(total for _, total in layers.values()))
        if "Digest" in (chunk.get("aux") or {}):
            yield Stored(str(chunk["aux"]["Digest"]))
