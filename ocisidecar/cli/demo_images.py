"""The images of the demo on a Docker engine: finding those that are missing, building those of this project."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocisidecar.cli.demo_spec import web
from ocisidecar.engine import Engine
from ocisidecar.images import BuildFinished, BuildStarted, ImageEvent, build, own_images
from ocisidecar.spec.own_images import OWN_IMAGES


def missing_images(engine: Engine, images: Mapping[str, str]) -> tuple[str, ...]:
    """Return the images of the demo's spec that the engine lacks; `images` maps them to images to run instead."""
    wanted = dict.fromkeys((web.image_url, *(sidecar.image_url for sidecar in web.sidecars)))
    return tuple(url for url in wanted if not engine.has_image(images.get(url, url)))


def build_own_images(
    engine: Engine, urls: tuple[str, ...], *, bases: Mapping[str, str], on_message: Callable[[str], None]
) -> None:
    """Build those of the images that belong to this project, under the names that specs use for them.

    Args:
        engine: where to build.
        urls: image URLs; images of others are skipped.
        bases: name of an image of this project → base image to use in place of the official one.
        on_message: called with each message about the progress.

    Raises:
        ConfigError: the sources are missing, or `bases` names an image that is not one of this project.
        BuildFailed: an image could not be built, or its base could not be pulled.
    """
    names = {url.removeprefix(OWN_IMAGES).partition(":")[0]: url for url in urls if url.startswith(OWN_IMAGES)}
    if not names:
        return

    def report(event: ImageEvent) -> None:
        if isinstance(event, BuildStarted):
            on_message(f"{event.image}: building on {event.base_image or 'nothing'} …")
        elif isinstance(event, BuildFinished):
            size = event.size_bytes / 10**6
            on_message(f"{event.image}: built in {event.elapsed_seconds:.0f} s, {size:.0f} MB, {event.reference}")

    build(
        [source for source in own_images() if source.name in names],
        version=next(iter(names.values())).rpartition(":")[2],
        base_images={name: base for name, base in bases.items() if name in names},
        engine=engine,
        on_event=report,
    )
