"""The volumes of a pod as volumes of the engine.  Pure.

Nothing is kept in directories of this machine, so pods run on remote engines too, and secrets among configuration
files stay in memory: a CONFIGFILE is a file system in memory that the pause container keeps mounted, and that is
filled through it.  An EMPTYDIR on disk ends only where the engine's disk does, not at the 15 GB of OCI, and
`fsGroup` becomes a group of the processes, not the volumes' owner.
"""

from __future__ import annotations

import base64
import binascii
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from attrs import field, frozen

from ocisidecar.engine.pause import MAX_VOLUMES, volume_directory
from ocisidecar.engine.translate import Json, bind
from ocisidecar.errors import PodFailed

FOR_ALL = 0o1777
"""UNCONFIRMED: the permissions of an EMPTYDIR; so that a container may write whoever it runs as."""
READABLE_DIRECTORY = 0o755
READABLE_FILE = 0o444


@frozen(kw_only=True)
class PodVolume:
    """One volume.

    Attributes:
        name: in the body.
        on_engine: its name on the engine.
        directory: where the pause container has it.
        options: of the engine's `local` driver.
        is_read_only: whether the pod's containers may not write to it, whatever their mounts say.
        archive: what it holds from the start, as tar file relative to its root; None for nothing.
    """

    name: str
    on_engine: str
    directory: str
    options: Mapping[str, str]
    is_read_only: bool
    archive: bytes | None = field(repr=False)

    @property
    def for_pause(self) -> Json:
        """How the pause container mounts it; an empty volume takes over the permissions that are there."""
        return {"Type": "volume", "Source": self.on_engine, "Target": self.directory}


def pod_volumes(details: Mapping[str, Any], *, pod_id: str, memory_in_bytes: int) -> tuple[PodVolume, ...]:
    """Return the volumes of an instance, filled as the body says.

    Args:
        details: CreateContainerInstanceDetails.
        pod_id: makes their names on the engine unique.
        memory_in_bytes: of the instance: as much as fits into an EMPTYDIR in memory.

    Raises:
        PodFailed: one is of a type that no engine has, its content is broken, or there are too many.
    """
    declared = details.get("volumes") or ()
    if len(declared) > MAX_VOLUMES:
        raise PodFailed(f"An instance has {MAX_VOLUMES} volumes at most, and this one has {len(declared)}.")
    mounts = [mount for container in details["containers"] for mount in container.get("volumeMounts") or ()]
    made = []
    for number, volume in enumerate(declared):
        sub_paths = [
            mount["subPath"] for mount in mounts if mount["volumeName"] == volume["name"] and mount.get("subPath")
        ]
        is_config = volume["volumeType"] == "CONFIGFILE"
        made.append(
            PodVolume(
                name=volume["name"],
                on_engine=f"ocisidecar-{pod_id}-{number}",
                directory=volume_directory(number),
                options=_options(volume, memory_in_bytes),
                is_read_only=is_config,
                archive=_config_files(volume) if is_config else _directories(sub_paths),
            )
        )
    return tuple(made)


def container_mounts(
    details: Mapping[str, Any], volumes: Iterable[PodVolume], *, mountpoints: Mapping[str, str]
) -> list[Json]:
    """Return the mounts of one container.

    Args:
        details: CreateContainerDetails.
        volumes: of the pod.
        mountpoints: name on the engine → directory on the engine's host, which sub-paths are below.

    Raises:
        PodFailed: a mount names no volume of the pod.
    """
    named = {volume.name: volume for volume in volumes}
    found = []
    for mount in details.get("volumeMounts") or ():
        volume = named.get(mount["volumeName"])
        if volume is None:
            raise PodFailed(
                f"{mount['mountPath']} mounts the volume {mount['volumeName']!r}, which is not declared."
            )
        found.append(_mount(mount, volume, mountpoints[volume.on_engine]))
    return found


def _mount(mount: Mapping[str, Any], volume: PodVolume, mountpoint: str) -> Json:
    is_read_only = volume.is_read_only or bool(mount.get("isReadOnly"))
    sub_path = mount.get("subPath")
    if sub_path:
        return bind(f"{mountpoint}/{_inside(sub_path)}", mount["mountPath"], is_read_only=is_read_only)
    return {
        "Type": "volume",
        "Source": volume.on_engine,
        "Target": mount["mountPath"],
        "ReadOnly": is_read_only,
        "VolumeOptions": {"NoCopy": True},
    }


def _options(volume: Mapping[str, Any], memory_in_bytes: int) -> Mapping[str, str]:
    kind = volume["volumeType"]
    if kind == "CONFIGFILE":
        return {"type": "tmpfs", "device": "tmpfs", "o": f"mode={READABLE_DIRECTORY:o}"}
    if kind != "EMPTYDIR":
        raise PodFailed(f"Volume {volume['name']} is of type {kind}, which a local pod cannot mount: use EMPTYDIR.")
    if volume.get("backingStore") == "MEMORY":
        return {"type": "tmpfs", "device": "tmpfs", "o": f"size={memory_in_bytes},mode={FOR_ALL:o}"}
    return {}


def _config_files(volume: Mapping[str, Any]) -> bytes:
    files: dict[PurePosixPath, bytes] = {}
    for config in volume.get("configs") or ():
        path = _inside(f"{config.get('path') or ''}/{config['fileName']}".lstrip("/"))
        try:
            files[path] = base64.b64decode(config["data"], validate=True)
        except binascii.Error:
            raise PodFailed(f"{path} of volume {volume['name']}: its data is not base64.") from None
    directories = {parent for path in files for parent in path.parents} - {PurePosixPath()}
    return _packed([_directory(path, READABLE_DIRECTORY) for path in sorted(directories)], files)


def _directories(sub_paths: Iterable[str]) -> bytes | None:
    paths = [_inside(sub_path) for sub_path in sub_paths]
    wanted = {one for path in paths for one in (path, *path.parents)} - {PurePosixPath()}
    return _packed([_directory(path, FOR_ALL) for path in sorted(wanted)], {}) if wanted else None


def _inside(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise PodFailed(f"{text} leads out of its volume.")
    return path


def _directory(path: PurePosixPath, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path))
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return entry


def _packed(directories: Sequence[tarfile.TarInfo], files: Mapping[PurePosixPath, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for directory in directories:
            archive.addfile(directory)
        for path, content in files.items():
            entry = tarfile.TarInfo(str(path))
            entry.size, entry.mode = len(content), READABLE_FILE
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
