#!/usr/bin/env python3
"""Build the images of this project, push them to OCI's registry, and write their URLs into the settings file.

    scripts/build_all.py --settings oci-monitoring.env      build, push, and pin the digests in the settings
    scripts/build_all.py --skip-push                        only build
    scripts/build_all.py --local                            only build, for this engine and deploy.py --local

OCIR_*, VERSION and BUILD_PLATFORM are read from the settings file or the environment.
Needs a running Docker engine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define

from ocisidecar import ConfigError, Settings, __version__, images
from ocisidecar.cli import arguments, common, connection
from ocisidecar.cli.arguments import Options
from ocisidecar.cli.exit_codes import HELP, ExitCode
from ocisidecar.cli.push_target import PushTarget, push_target
from ocisidecar.cli.scripts import IMAGE_VARIABLES, SETTINGS, build_platforms, request_logging, write_values

_MEBI: Final = 1024**2
_PROGRESS_SECONDS: Final = 10
_SOURCES: Final = Path(__file__).resolve().parent.parent / "docker"
"""The sources of this checkout, which may differ from those of the installed package."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, push and write; return the exit code."""
    options = _parser().parse_args(arguments)
    return common.run_command(lambda: _run(options), program="build_all.py")


def _run(options: Options) -> int:
    settings = _settings(options)
    with request_logging(settings):
        return _build(options, settings)


def _build(options: Options, settings: Settings) -> int:
    sources = _chosen(options)
    is_pushed = not (options.skip_push or options.local)
    target = push_target(options, settings) if is_pushed else None
    _check_before_building(sources, target, options.sbom)
    progress = _ProgressLog()
    built = images.build(
        sources,
        version=options.version or (None if options.local else settings.values.version) or __version__,
        platforms=options.platform or (None if options.local else build_platforms(settings)),
        base_images=dict(options.base),
        on_event=progress,
    )
    if options.sbom is not None:
        for image in built:
            _list_contents(image, options.sbom)
    if target is None:
        for image in built:
            for variant in image.variants:
                common.print_text(variant.reference)
        return ExitCode.OK
    pushed = [target.registry.push(image, on_event=progress) for image in built]
    _write(settings.path, pushed)
    return ExitCode.OK


def _check_before_building(
    sources: Sequence[images.ImageSource], target: PushTarget | None, sbom: Path | None
) -> None:
    """Fail before minutes of building rather than after them."""
    if sbom is not None:
        images.find_syft()
        sbom.mkdir(parents=True, exist_ok=True)
    if target is not None:
        target.registry.login()
        target.create_repositories(source.name for source in sources)


def _settings(options: Options) -> Settings:
    """Return what the settings file says; without one, defaults and the environment."""
    usual = Path(SETTINGS) if Path(SETTINGS).exists() else Path(os.devnull)
    return connection.read_settings(options.settings or usual, options, local=False)  # no emulator has a registry


def _chosen(options: Options) -> tuple[images.ImageSource, ...]:
    sources = images.own_images(options.sources)
    names = [source.name for source in sources]
    unknown = [name for name in options.only if name not in names]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: unknown image; known images: {', '.join(names)}")
    return tuple(source for source in sources if source.name in (options.only or names))


def _write(path: Path, pushed: Sequence[images.PushedImage]) -> None:
    """Print the URLs, and write them to the settings file if it is not the template."""
    known = {IMAGE_VARIABLES[image.name]: image.url for image in pushed if image.name in IMAGE_VARIABLES}
    for name, url in known.items():
        common.print_text(f'export {name}="{url}"')
    for image in pushed:
        if image.name not in IMAGE_VARIABLES:
            common.print_text(image.url)
    if not known:
        return
    if path.suffix == ".template" or not path.is_file():
        common.say(
            "no settings file was changed: copy the template and pass the copy with --settings, "
            "or set the variables printed above"
        )
        return
    try:
        write_values(path, known)
    except OSError as error:
        raise ConfigError(
            f"the images are pushed, but {path} cannot be written ({error}): set the variables printed above"
        ) from error
    common.say(f"{path}: {', '.join(known)} written")


def _list_contents(image: images.BuiltImage, directory: Path) -> None:
    for variant in image.variants:
        name = f"{image.name}-{variant.platform.partition('/')[2]}.cdx.json"
        common.say(f"{images.sbom(variant, directory / name)} written")


@define
class _ProgressLog:
    """Logs the start and end of each build and push, and the progress of a push every ten seconds."""

    _next_progress: float = 0.0

    def __call__(self, event: images.ImageEvent) -> None:
        text = self._text(event)
        if text:
            common.say(f"{event.elapsed_seconds:7.1f} s  {text}")

    def _text(self, event: images.ImageEvent) -> str:
        match event:
            case images.BuildStarted():
                base = f" on {event.base_image}" if event.base_image else ""
                return f"building {event.image} for {event.platform}{base}"
            case images.BuildFinished():
                size = f"{event.size_bytes / _MEBI:.0f} MiB"
                return f"built {event.reference} ({size}, {event.cached_steps} steps cached)"
            case images.BuildStopped():
                return event.error.partition("\n")[0]
            case images.PushStarted():
                self._next_progress = event.elapsed_seconds + _PROGRESS_SECONDS
                return f"pushing {event.reference}"
            case images.PushProgress() if event.elapsed_seconds >= self._next_progress:
                self._next_progress = event.elapsed_seconds + _PROGRESS_SECONDS
                sent, total = event.sent_bytes / _MEBI, event.total_bytes / _MEBI
                return f"sent {sent:.0f} of {total:.0f} MiB of {event.image}"
            case images.PushFinished():
                return f"pushed {event.reference} as {event.digest}"
        return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build_all.py", description=__doc__, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--settings", metavar="FILE", type=Path, help=f"settings file (default: {SETTINGS}, if it exists)"
    )
    parser.add_argument("--skip-push", action="store_true", help="only build")
    parser.add_argument(
        "--local", action="store_true", help="only build, for this engine and deploy.py --local --containers docker"
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this image; repeatable")
    parser.add_argument("--version", metavar="VERSION", help="tag of the images")
    parser.add_argument(
        "--platform", action="append", metavar="PLATFORM", help="linux/amd64 or linux/arm64; repeatable"
    )
    parser.add_argument(
        "--base",
        type=arguments.parse_pair,
        action="append",
        default=[],
        metavar="NAME=IMAGE",
        help="build the image NAME on the base image IMAGE; repeatable",
    )
    parser.add_argument("--sbom", metavar="DIR", type=Path, help="write a bill of materials for each image to DIR")
    parser.add_argument(
        "--sources",
        metavar="DIR",
        type=Path,
        default=_SOURCES,
        help="build DIR/<name>/Dockerfile (default: %(default)s)",
    )
    arguments.add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
