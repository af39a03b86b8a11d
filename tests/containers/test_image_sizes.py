"""How much a container instance pulls of the forwarders' images: all layers, compressed as registries have them."""

from __future__ import annotations

import gzip
import shutil
import subprocess

import pytest

from ocisidecar.spec.own_images import own_image

MAX_PULLED_BYTES = 64_000_000
FASTEST = 1
"""A compression that is worse than an engine's when it pushes layers, by a tenth."""


class Counted:
    """A file that only counts what is written to it."""

    def __init__(self):
        self.size = 0

    def write(self, content):
        self.size += len(content)
        return len(content)

    def flush(self):
        pass


@pytest.mark.parametrize("name", ["log-forwarder", "metrics-forwarder"])
def test_a_forwarder_is_small_to_pull(images, name):
    """All layers of a forwarder's image, its base too, are at most 64 MB compressed."""
    counted = Counted()
    command = ["docker", "image", "save", images[own_image(name)]]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as saving,
        gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=FASTEST) as compressed,
    ):
        shutil.copyfileobj(saving.stdout, compressed, 1 << 20)
    assert saving.returncode == 0
    assert 10_000_000 < counted.size <= MAX_PULLED_BYTES
