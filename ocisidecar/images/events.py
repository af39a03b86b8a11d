"""Events of building and pushing images, delivered on the calling thread.

An exception from a handler ends the call and propagates, as with the events of an apply.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import asdict, evolve, field, frozen

from ocisidecar.clock import Clock


@frozen(kw_only=True)
class ImageEvent:
    """Base of the events about images.

    Attributes:
        image: name of the image, e.g. `prometheus`.
        platform: of its variant, e.g. `linux/amd64`; empty for all.
        elapsed_seconds: since the call began.
    """

    image: str
    platform: str = ""
    elapsed_seconds: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Return the event as plain data, with its class name under `event`."""
        return {"event": type(self).__name__, **asdict(self)}


@frozen(kw_only=True)
class BuildStarted(ImageEvent):
    """The sources are being sent to the engine; `base_image` is empty if the Dockerfile names it."""

    base_image: str


@frozen(kw_only=True)
class BuildStep(ImageEvent):
    """The engine begins step `number` of `count`, e.g. `RUN apt-get update`."""

    number: int
    count: int
    instruction: str


@frozen(kw_only=True)
class BuildFinished(ImageEvent):
    """The engine holds the image under `reference`; `cached_steps` came from the cache."""

    reference: str
    image_id: str
    size_bytes: int
    cached_steps: int


@frozen(kw_only=True)
class BuildStopped(ImageEvent):
    """The build failed with `error`; the call raises when the other builds have ended."""

    error: str


@frozen(kw_only=True)
class PushStarted(ImageEvent):
    """The image is about to be sent to `reference`."""

    reference: str


@frozen(kw_only=True)
class PushProgress(ImageEvent):
    """Bytes sent of the layers that the registry lacks; `total_bytes` grows while layers are compared."""

    sent_bytes: int
    total_bytes: int


@frozen(kw_only=True)
class PushFinished(ImageEvent):
    """The registry holds the image under `reference` and `digest`."""

    reference: str
    digest: str


ImageHandler = Callable[[ImageEvent], None]
"""Receives events; blocking in it blocks the call."""


@frozen
class Emitter:
    """Passes events to the handler, if there is one, with the seconds since the emitter was made."""

    handler: ImageHandler | None
    clock: Clock
    _started: float = field(init=False)

    @_started.default
    def _now(self) -> float:
        return self.clock.time()

    def emit(self, event: ImageEvent) -> None:
        """Pass one event to the handler, and wait for it."""
        if self.handler is not None:
            self.handler(evolve(event, elapsed_seconds=self.clock.time() - self._started))
