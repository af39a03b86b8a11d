"""The pause program and its image, checked against the file formats."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import signal
import struct
import subprocess
import sys
import tarfile

import pytest

from ocisidecar.engine.pause import (
    ARCHITECTURES,
    IMAGE,
    MAX_VOLUMES,
    image_archive,
    image_name,
    program,
    volume_directory,
)

HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_program_is_a_valid_executable_of_one_segment(architecture):
    """The ELF header names one segment that contains the whole file and is entered behind the headers."""
    elf = program(architecture)
    entry, segments = struct.unpack_from("<QQ", elf, 24)
    kind, flags, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", elf, segments)
    assert (elf[:4], kind, flags, offset) == (b"\x7fELF", 1, 5, 0)
    assert (size, entry - address) == (len(elf), 120)
    assert len(elf) < 200


@pytest.mark.skipif(sys.platform != "linux" or HERE is None, reason="the program is for Linux on x86-64 and Arm")
def test_the_program_waits_until_it_is_terminated(tmp_path):
    """The program does not exit by itself, and SIGTERM ends it."""
    path = tmp_path / "pause"
    path.write_bytes(program(HERE))
    path.chmod(0o755)
    with subprocess.Popen([path]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_image_is_reproducible(architecture):
    """Two builds of the image are equal byte for byte, so loading both gives one image."""
    assert image_archive(architecture) == image_archive(architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_image_is_a_valid_archive_for_docker_load(architecture):
    """The manifest names configuration and layer, and their digests are correct."""
    with tarfile.open(fileobj=io.BytesIO(image_archive(architecture))) as archive:
        content = {entry.name: archive.extractfile(entry).read() for entry in archive}
    (manifest,) = json.loads(content["manifest.json"])
    config = content[manifest["Config"]]
    assert manifest["RepoTags"] == [IMAGE]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    (layer,) = manifest["Layers"]
    described = json.loads(config)
    assert described["architecture"] == architecture
    assert described["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content[layer]).hexdigest()}"]


@pytest.mark.parametrize(("mode", "name"), [(0o1777, IMAGE), (0o755, f"{IMAGE}-755")])
def test_there_is_a_directory_for_each_volume(mode, name):
    """The image has a directory per volume, whose mode an empty volume inherits, and a name for each mode."""
    assert image_name(mode) == name
    with tarfile.open(fileobj=io.BytesIO(image_archive("amd64", mode))) as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] == [name]
        layer = archive.extractfile("layer.tar").read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        modes = {f"/{entry.name}": entry.mode for entry in archive if entry.isdir()}
    assert {volume_directory(number) for number in range(MAX_VOLUMES)} <= modes.keys()
    assert set(modes.values()) == {mode}
