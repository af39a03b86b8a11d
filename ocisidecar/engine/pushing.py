"""Pushing and saving an image of the engine.

The Docker client raises no error when a push fails: the stream then has an `error` message, which is raised here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from docker.errors import NotFound

from ocisidecar.engine.building import find_image
from ocisidecar.engine.engine import Engine
from ocisidecar.engine.errors import raising_image_error
from ocisidecar.engine.streams import Message, open_stream
from ocisidecar.errors import ImageError


@frozen
class LayersSent:
    """Progress of a push: bytes that were sent, and the size of the layers that the registry did not have."""

    sent_bytes: int
    total_bytes: int


@frozen
class ImagePushed:
    """The registry has stored the image under this digest."""

    digest: str


def push_image(
    engine: Engine, image: str, reference: str, *, username: str, password: str
) -> Generator[LayersSent | ImagePushed, None, None]:
    """Push `image` as `reference`, a tag that the engine has during the push only; blocks between progress events.

    Raises:
        ImageError: the engine does not have the image, or the push failed; with the engine's message.
    """
    login = {"username": username, "password": password}
    is_temporary = find_image(engine, reference) is None
    with raising_image_error():
        engine.api.tag(image, reference)
        try:
            with open_stream(
                engine, lambda: engine.api.push(reference, stream=True, decode=True, auth_config=login)
            ) as messages:
                yield from _parsed(messages)
        finally:
            if is_temporary:
                with suppress(NotFound):
                    engine.api.remove_image(reference, noprune=True)


def save_image(engine: Engine, image: str, path: Path) -> None:
    """Write an image with its layers to an archive, like `docker save`.

    Raises:
        ImageError: the engine does not have it.
    """
    with raising_image_error(), path.open("wb") as archive:
        archive.writelines(engine.api.get_image(image))


def _parsed(messages: Iterator[Message]) -> Iterator[LayersSent | ImagePushed]:
    layers: dict[str, tuple[int, int]] = {}
    for message in messages:
        if "error" in message:
            raise ImageError(str(message["error"]).strip())
        progress = message.get("progressDetail") or {}
        if "total" in progress:
            # A layer's archive is slightly larger than the layer, so the bytes sent can exceed the total.
            total = int(progress["total"])
            layers[str(message["id"])] = (min(int(progress["current"]), total), total)
            yield LayersSent(sum(sent for sent, _ in layers.values()), sum(total for _, total in layers.values()))
        if "Digest" in (message.get("aux") or {}):
            yield ImagePushed(str(message["aux"]["Digest"]))
