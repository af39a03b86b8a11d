"""The pause program and its image: data, so held against the formats."""

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

from ocisidecar.engine.pause import ARCHITECTURES, IMAGE, MAX_VOLUMES, image_archive, program, volume_directory

HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_program_is_all_of_its_file(architecture):
    """The ELF header names one segment, loaded whole, that begins to run behind the headers."""
    elf = program(architecture)
    entry, segments = struct.unpack_from("<QQ", elf, 24)
    kind, flags, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", elf, segments)
    assert (elf[:4], kind, flags, offset) == (b"\x7fELF", 1, 5, 0)
    assert (size, entry - address) == (len(elf), 120)
    assert len(elf) < 200


@pytest.mark.skipif(sys.platform != "linux" or HERE is None, reason="the program is for Linux on x86-64 and Arm")
def test_the_program_waits_until_it_is_told_to_end(tmp_path):
    """It does not end by itself, and a signal ends it."""
    path = tmp_path / "pause"
    path.write_bytes(program(HERE))
    path.chmod(0o755)
    with subprocess.Popen([path]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_image_is_the_same_each_time(architecture):
    """Loading it twice gives one image: its id is the hash of a configuration that never changes."""
    assert image_archive(architecture) == image_archive(architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_image_is_what_docker_load_takes(architecture):
    """The manifest names configuration and layer, and the hashes in them are right."""
    with tarfile.open(fileobj=io.BytesIO(image_archive(architecture))) as archive:
        content = {entry.name: archive.extractfile(entry).read() for entry in archive}
    (manifest,) = json.loads(content["manifest.json"])
    config = content[manifest["Config"]]
    assert manifest["RepoTags"] == [IMAGE]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    (layer,) = manifest["Layers"]
    told = json.loads(config)
    assert told["architecture"] == architecture
    assert told["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content[layer]).hexdigest()}"]


def test_there_is_a_directory_for_each_volume():
    """Everybody may write to each, and that goes over to an empty volume mounted there."""
    with tarfile.open(fileobj=io.BytesIO(image_archive("amd64"))) as archive:
        layer = archive.extractfile("layer.tar").read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        modes = {f"/{entry.name}": entry.mode for entry in archive if entry.isdir()}
    assert {volume_directory(number) for number in range(MAX_VOLUMES)} <= modes.keys()
    assert set(modes.values()) == {0o1777}
