"""The Dockerfiles of this project's images: `docker/` of the checkout, or the data files of an installation."""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from attrs import field, frozen

from ocisidecar.errors import ConfigError

INSTALLED: Final = "share/ocisidecar/docker"
"""Below the installation's data directory: see `[options.data_files]` in setup.cfg."""

_CONTEXT: Final = re.compile(r"^#\s*context=(\S+)\s*$", re.MULTILINE)
_BASE: Final = re.compile(r"""^ARG\s+BASE_IMAGE=["']?([^\s"'$]+)["']?\s*$""", re.MULTILINE | re.IGNORECASE)


@frozen
class ImageSource:
    """A directory from which one image is built.

    Attributes:
        name: of the image, e.g. `prometheus`.
        directory: contains the `Dockerfile` and what it copies, unless the Dockerfile names another `context`.

    Raises:
        ConfigError: there is no `Dockerfile` in the directory, or it is not below the context that it names.
    """

    name: str
    directory: Path = field(converter=Path)

    def __attrs_post_init__(self) -> None:
        if not (self.directory / "Dockerfile").is_file():
            raise ConfigError(f"image {self.name}: there is no Dockerfile in {self.directory}")
        if not self.directory.resolve().is_relative_to(self.context):
            raise ConfigError(
                f"image {self.name}: the Dockerfile is not below the context that it names: {self.context}"
            )

    @property
    def context(self) -> Path:
        """The build context, an absolute path: what `COPY` finds.

        It is `directory`, unless the Dockerfile has a line such as `# context=..`, relative to its directory: so
        several images can carry what lies beside them.
        """
        found = _CONTEXT.search(self._text)
        return (self.directory / (found[1] if found else ".")).resolve()

    @property
    def base_image(self) -> str | None:
        """The base image, which is the default of `ARG BASE_IMAGE`.

        None if there is no such argument, or if its default depends on another one.
        """
        found = _BASE.search(self._text)
        return found[1] if found else None

    @property
    def _text(self) -> str:
        return (self.directory / "Dockerfile").read_text(encoding="utf-8")


def own_images(directory: str | os.PathLike[str] | None = None) -> tuple[ImageSource, ...]:
    """Return the sources of the project's own images, by name.

    Args:
        directory: holds one directory per image; by default `docker/` of the checkout that this package is
            imported from, else `share/ocisidecar/docker` of the installation.

    Raises:
        ConfigError: there are no sources.
    """
    places = [Path(directory)] if directory is not None else [_checkout(), *_installation()]
    for place in places:
        found = sorted(place.glob("*/Dockerfile"))
        if found:
            return tuple(ImageSource(path.parent.name, path.parent) for path in found)
    looked = ", ".join(str(place) for place in places)
    raise ConfigError(
        f"No image sources (<name>/Dockerfile) in {looked}: pass their directory, or reinstall ocisidecar."
    )


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2] / "docker"


def _installation() -> list[Path]:
    """Return the data directory according to the installer's list of files."""
    try:
        files = distribution("ocisidecar").files or ()
    except PackageNotFoundError:
        return []
    marks = [file for file in files if file.name == "Dockerfile" and INSTALLED in file.as_posix()]
    return [Path(str(mark.locate())).resolve().parents[1] for mark in marks[:1]]
