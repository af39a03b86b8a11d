"""The images that this project builds itself."""

from __future__ import annotations

OWN_IMAGES = "ocisidecar/"
"""First part of their symbolic names; `image_prefix` takes its place."""

_VERSION = "0.1.0"


def own_image(name: str) -> str:
    """Return the symbolic name of one of our images, in the version that this release was tested with."""
    return f"{OWN_IMAGES}{name}:{_VERSION}"
