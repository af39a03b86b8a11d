"""The images of the demo on a Docker engine: which are there, and making those that are ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocisidecar.cli.demo_spec import web
from ocisidecar.engine import Engine
from ocisidecar.images import BuildFinished, BuildStarted, ImageEvent, build, own_images
from ocisidecar.spec.own_images import OWN_IMAGES


def missing(engine: Engine, images: Mapping[str, str]) -> tuple[str, ...]:
    """Return the images of the demo's spec that the engine does not have; `images` names others to run instead."""
    wanted = dict.fromkeys((web.image_url, *(sidecar.image_url for sidecar in web.sidecars)))
    return tuple(url for url in wanted if not engine.has_image(images.get(url, url)))


def build_own(
    engine: Engine, urls: tuple[str, ...], *, bases: Mapping[str, str], tell: Callable[[str], None]
) -> None:
    """Build those of the images that are this project's own, under the names that specs have for them.

    Args:
        engine: where.
        urls: of images; others than ours are left alone.
        bases: name of an image of ours → what it is built on in place of the official base.
        tell: is told what happens.

    Raises:
        ConfigError: the sources are not there, or `bases` names an image that is none of ours.
        BuildFailed: an image could not be built, or its base could not be pulled.
    """
    names = {url.removeprefix(OWN_IMAGES).partition(":")[0]: url for url in urls if url.startswith(OWN_IMAGES)}
    if not names:
        return

    def hear(event: ImageEvent) -> None:
        if isinstance(event, BuildStarted):
            tell(f"{event.image}: building on {event.base_image or 'nothing'} …")
        elif isinstance(event, BuildFinished):
            size = event.size_bytes / 10**6
            tell(f"{event.image}: built in {event.elapsed_seconds:.0f} s, {size:.0f} MB, {event.reference}")

    build(
        [source for source in own_images() if source.name in names],
        version=next(iter(names.values())).rpartition(":")[2],
        base_images={name: base for name, base in bases.items() if name in names},
        engine=engine,
        on_event=hear,
    )
