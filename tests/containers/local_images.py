"""Images that tests with containers run: stand-ins for official ones, and the library's own built on these."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ocisidecar.engine import Engine
from ocisidecar.images.build import build
from ocisidecar.images.sources import own_images
from ocisidecar.spec.own_images import own_image
from tests.containers.bodies import AGENT_IMAGE
from tests.standins.images import BASES, MARIADB, POSTGRES, PREFIX, STAND_INS

_BUILD = Path(__file__).parent.parent / "standins" / "build.sh"


def build_stand_ins(engine: Engine) -> Mapping[str, str]:
    """Build the stand-ins here; return name (`prometheus`, `nginx`, …) → image on this engine."""
    subprocess.run([_BUILD], check=True)
    urls = (*STAND_INS.values(), *BASES.values(), AGENT_IMAGE, MARIADB, POSTGRES)
    images = {url.removeprefix(PREFIX).partition(":")[0]: url for url in urls}
    assert [url for url in images.values() if not engine.has_image(url)] == []
    return images


def build_own_images(engine: Engine) -> Mapping[str, str]:
    """Build the library's images on stand-ins; return what to run instead of each preset's image."""
    built = build(
        own_images(), version="test", base_images=BASES, repository_prefix="ocisidecar-test/own", engine=engine
    )
    return STAND_INS | {own_image(one.name): one.variants[0].reference for one in built}
