"""What happens while images are built and pushed, as values; delivered on the thread that called.

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
        platform: which of its variants, e.g. `linux/amd64`; empty when all are meant.
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
    """The sources are on their way to the engine; `base_image` is what is built upon, empty when not named."""

    base_image: str


@frozen(kw_only=True)
class BuildStep(ImageEvent):
    """The engine begins step `number` of `count`, e.g. `RUN apt-get update`."""

    number: int
    count: int
    instruction: str


@frozen(kw_only=True)
class BuildFinished(ImageEvent):
    """The engine holds the image under `reference`; `cached_steps` were not run, as nothing in them had changed."""

    reference: str
    image_id: str
    size_in_bytes: int
    cached_steps: int


@frozen(kw_only=True)
class BuildStopped(ImageEvent):
    """The build failed with `error`; the call raises when the builds that run beside it have ended."""

    error: str


@frozen(kw_only=True)
class PushStarted(ImageEvent):
    """The image is about to be sent to `reference`."""

    reference: str


@frozen(kw_only=True)
class PushProgress(ImageEvent):
    """So much is sent of the layers that the registry does not have; `total_bytes` grows as they are looked at."""

    sent_bytes: int
    total_bytes: int


@frozen(kw_only=True)
class PushFinished(ImageEvent):
    """The registry holds the image under `reference`, and for good under `digest`."""

    reference: str
    digest: str


ImageHandler = Callable[[ImageEvent], None]
"""Receives events; blocking in it blocks the call."""


@frozen
class Telling:
    """Stamps events with the time since it was made, and hands them to the handler, if there is one."""

    handler: ImageHandler | None
    clock: Clock
    _started: float = field(init=False)

    @_started.default
    def _now(self) -> float:
        return self.clock.time()

    def tell(self, event: ImageEvent) -> None:
        """Hand over one event; blocks as long as the handler does."""
        if self.handler is not None:
            self.handler(evolve(event, elapsed_seconds=self.clock.time() - self._started))
