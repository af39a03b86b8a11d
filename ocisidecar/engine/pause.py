"""The pause image: its container owns a pod's network, address and volumes, and its program only waits.

Reasons for a separate image: the network's owner must outlive every other container of the pod, a user's machine
may have no access to a registry, and the images of the pod may contain no shell.  So the program is a few machine
instructions, stored here as data, and the image is loaded from memory.  The build is reproducible byte for byte:
loading the image twice, or from two processes, results in one image.  It stays on the engine; the program has 129
bytes on x86-64.

The image's empty directories have the permissions that an empty volume inherits when it is first mounted there.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping

IMAGE = "ocisidecar-pause:1"
EMPTYDIR_MODE = 0o1777
"""UNCONFIRMED: permissions of an EMPTYDIR; a container may write to it as any user.

For: github.com/harrisonoconnorhover/dander has written to one as user 65532, live.  Against:
github.com/monkey-projects/monkeyci: "Run as root, because otherwise we can't write to the shared volumes".
"""
PROGRAM = "pause"
MAX_VOLUMES = 32
"""Source: oci.container_instances.models.CreateContainerInstanceDetails.volumes."""

_MACHINES: Mapping[str, tuple[int, bytes]] = {
    # again: mov eax, 34 (pause); syscall; jmp again
    "amd64": (62, bytes.fromhex("b822000000 0f05 ebf7")),
    # again: mov x0..x4, 0; mov x8, 73 (ppoll); svc 0; b again
    "arm64": (
        183,
        b"".join(
            word.to_bytes(4, "little")
            for word in (
                *(0xD2800000 | register for register in range(5)),
                0xD2800008 | 73 << 5,
                0xD4000001,
                0x17FFFFF9,
            )
        ),
    ),
}
"""Architecture, as the engine names it → ELF machine number and machine code."""

ARCHITECTURES = tuple(_MACHINES)
_LOAD_ADDRESS = 0x400000
_HEADER_BYTES = 64 + 56


def volume_directory(number: int) -> str:
    """Return where the pause container mounts the volume with this number, counted from 0."""
    return f"/volumes/{number:02}"


def program(architecture: str) -> bytes:
    """Return a static ELF executable for Linux that waits until it is killed."""
    machine, code = _MACHINES[architecture]
    size = _HEADER_BYTES + len(code)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    entry = _LOAD_ADDRESS + _HEADER_BYTES
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return identification + header + segment + code


def image_name(emptydir_mode: int = EMPTYDIR_MODE) -> str:
    """Return the name of the image whose volumes have these permissions."""
    return IMAGE if emptydir_mode == EMPTYDIR_MODE else f"{IMAGE}-{emptydir_mode:o}"


def image_archive(architecture: str, emptydir_mode: int = EMPTYDIR_MODE) -> bytes:
    """Return the image as an archive for `docker load`."""
    directories = ["volumes", *_volume_directories()]
    layer = _tar({PROGRAM: program(architecture)}, directories=directories, mode=emptydir_mode)
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Entrypoint": [f"/{PROGRAM}"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": [image_name(emptydir_mode)], "Layers": ["layer.tar"]}]
    ).encode()
    return _tar({config_name: config, "layer.tar": layer, "manifest.json": manifest})


def _volume_directories() -> list[str]:
    return [volume_directory(number).lstrip("/") for number in range(MAX_VOLUMES)]


def _tar(files: Mapping[str, bytes], *, directories: list[str] | None = None, mode: int = EMPTYDIR_MODE) -> bytes:
    archived = io.BytesIO()
    with tarfile.open(fileobj=archived, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in directories or []:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o555
            archive.addfile(entry, io.BytesIO(content))
    return archived.getvalue()
