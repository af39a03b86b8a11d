"""The volumes of a pod as volumes of the engine.  Pure.

No volume is a directory of this machine, so pods run on remote engines too, and secrets in configuration files stay
in memory: a CONFIGFILE is a tmpfs that the pause container keeps mounted and through which it is filled.  Two
differences to OCI: an EMPTYDIR on disk is limited by the engine's disk instead of 15 GB, and `fsGroup` becomes a
supplemental group of the processes instead of the volumes' owner.
"""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from attrs import field, frozen

from ocisidecar.engine.pause import EMPTYDIR_MODE, MAX_VOLUMES, volume_directory
from ocisidecar.engine.translate import Json, bind
from ocisidecar.errors import PodFailed

CONFIG_DIRECTORY_MODE = 0o755
CONFIG_FILE_MODE = 0o444


@frozen(kw_only=True)
class PodVolume:
    """One volume.

    Attributes:
        name: its name in the body.
        engine_name: its name on the engine.
        directory: where the pause container mounts it.
        options: of the engine's `local` driver.
        is_read_only: whether all mounts of it are read-only, even if they do not say so.
        archive: its initial content, as a tar file relative to its root; None for an empty volume.
    """

    name: str
    engine_name: str
    directory: str
    options: Mapping[str, str]
    is_read_only: bool
    archive: bytes | None = field(repr=False)

    @property
    def pause_mount(self) -> Json:
        """Its mount in the pause container, whose directory's permissions an empty volume inherits."""
        return {"Type": "volume", "Source": self.engine_name, "Target": self.directory}


def pod_volumes(
    details: Mapping[str, Any], *, pod_id: str, memory_bytes: int, emptydir_mode: int = EMPTYDIR_MODE
) -> tuple[PodVolume, ...]:
    """Return the volumes of an instance with their initial content.

    Args:
        details: CreateContainerInstanceDetails.
        pod_id: makes their names on the engine unique.
        memory_bytes: of the instance: the size of an EMPTYDIR in memory.
        emptydir_mode: permissions of an EMPTYDIR, which belongs to root.

    Raises:
        PodFailed: a volume has an unsupported type or invalid content, or there are too many.
    """
    declared = details.get("volumes") or ()
    if len(declared) > MAX_VOLUMES:
        raise PodFailed(f"An instance has at most {MAX_VOLUMES} volumes, and this one has {len(declared)}.")
    mounts = [mount for container in details["containers"] for mount in container.get("volumeMounts") or ()]
    volumes = []
    for number, volume in enumerate(declared):
        sub_paths = [
            mount["subPath"] for mount in mounts if mount["volumeName"] == volume["name"] and mount.get("subPath")
        ]
        is_config = volume["volumeType"] == "CONFIGFILE"
        volumes.append(
            PodVolume(
                name=volume["name"],
                engine_name=f"ocisidecar-{pod_id}-{number}",
                directory=volume_directory(number),
                options=_options(volume, memory_bytes, emptydir_mode),
                is_read_only=is_config,
                archive=_config_files(volume) if is_config else _directories(sub_paths, emptydir_mode),
            )
        )
    return tuple(volumes)


def container_mounts(
    details: Mapping[str, Any], volumes: Iterable[PodVolume], *, mountpoints: Mapping[str, str]
) -> list[Json]:
    """Return the mounts of one container.

    Args:
        details: CreateContainerDetails.
        volumes: of the pod.
        mountpoints: volume's name on the engine → its directory on the engine's host, for sub-paths.

    Raises:
        PodFailed: a mount names a volume that the pod does not have.
    """
    by_name = {volume.name: volume for volume in volumes}
    mounts = []
    for mount in details.get("volumeMounts") or ():
        volume = by_name.get(mount["volumeName"])
        if volume is None:
            raise PodFailed(
                f"{mount['mountPath']} mounts the volume {mount['volumeName']!r}, which is not declared."
            )
        mounts.append(_mount(mount, volume, mountpoints[volume.engine_name]))
    return mounts


def _mount(mount: Mapping[str, Any], volume: PodVolume, mountpoint: str) -> Json:
    is_read_only = volume.is_read_only or bool(mount.get("isReadOnly"))
    sub_path = mount.get("subPath")
    if sub_path:
        return bind(f"{mountpoint}/{_relative_path(sub_path)}", mount["mountPath"], read_only=is_read_only)
    return {
        "Type": "volume",
        "Source": volume.engine_name,
        "Target": mount["mountPath"],
        "ReadOnly": is_read_only,
        "VolumeOptions": {"NoCopy": True},
    }


def _options(volume: Mapping[str, Any], memory_bytes: int, emptydir_mode: int) -> Mapping[str, str]:
    kind = volume["volumeType"]
    if kind == "CONFIGFILE":
        return {"type": "tmpfs", "device": "tmpfs", "o": f"mode={CONFIG_DIRECTORY_MODE:o}"}
    if kind != "EMPTYDIR":
        raise PodFailed(f"Volume {volume['name']} is of type {kind}, which a local pod cannot mount: use EMPTYDIR.")
    if volume.get("backingStore") == "MEMORY":
        return {"type": "tmpfs", "device": "tmpfs", "o": f"size={memory_bytes},mode={emptydir_mode:o}"}
    return {}


def _config_files(volume: Mapping[str, Any]) -> bytes:
    files: dict[PurePosixPath, bytes] = {}
    for config in volume.get("configs") or ():
        path = _relative_path(f"{config.get('path') or ''}/{config['fileName']}".lstrip("/"))
        try:
            files[path] = base64.b64decode(config["data"], validate=True)
        except ValueError:
            raise PodFailed(f"{path} of volume {volume['name']}: its data is not valid base64.") from None
    directories = {parent for path in files for parent in path.parents} - {PurePosixPath()}
    return _tar([_directory(path, CONFIG_DIRECTORY_MODE) for path in sorted(directories)], files)


def _directories(sub_paths: Iterable[str], mode: int) -> bytes | None:
    paths = [_relative_path(sub_path) for sub_path in sub_paths]
    directories = {one for path in paths for one in (path, *path.parents)} - {PurePosixPath()}
    return _tar([_directory(path, mode) for path in sorted(directories)], {}) if directories else None


def _relative_path(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise PodFailed(f"{text} points outside its volume.")
    return path


def _directory(path: PurePosixPath, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path))
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return entry


def _tar(directories: Sequence[tarfile.TarInfo], files: Mapping[PurePosixPath, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for directory in directories:
            archive.addfile(directory)
        for path, data in files.items():
            entry = tarfile.TarInfo(str(path))
            entry.size, entry.mode = len(data), CONFIG_FILE_MODE
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()
