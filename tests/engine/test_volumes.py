"""Volumes of a body as volumes and mounts of the engine."""

from __future__ import annotations

import base64
import io
import tarfile

import pytest

from ocisidecar.engine.volumes import container_mounts, pod_volumes
from ocisidecar.errors import PodFailed


def details(*volumes, mounts=()):
    return {"volumes": list(volumes), "containers": [{"volumeMounts": list(mounts)}]}


def made(*volumes, mounts=(), **options):
    return pod_volumes(details(*volumes, mounts=mounts), pod_id="1a2b", memory_bytes=2048, **options)


def config(**files):
    """Return a CONFIGFILE volume; `a__b` names the file b in the directory a."""
    configs = []
    for name, content in files.items():
        directory, _, file_name = name.rpartition("__")
        configs.append({"fileName": file_name, "path": directory, "data": base64.b64encode(content).decode()})
    return {"volumeType": "CONFIGFILE", "name": "config", "configs": configs}


def entries(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {
            entry.name: (oct(entry.mode), opened.extractfile(entry).read() if entry.isfile() else None)
            for entry in opened
        }


def test_an_empty_dir_on_disk_inherits_the_directory_of_the_pause_image():
    """An EMPTYDIR on disk has no options and no content, and is mounted at the pause image's directory."""
    (volume,) = made({"volumeType": "EMPTYDIR", "name": "data"})
    assert (dict(volume.options), volume.archive, volume.is_read_only) == ({}, None, False)
    assert volume.pause_mount == {"Type": "volume", "Source": "ocisidecar-1a2b-0", "Target": "/volumes/00"}


def test_an_empty_dir_in_memory_is_as_large_as_the_instance_s_memory():
    """An EMPTYDIR in memory is a world-writable tmpfs of the instance's memory size."""
    (volume,) = made({"volumeType": "EMPTYDIR", "name": "fast", "backingStore": "MEMORY"})
    assert volume.options == {"type": "tmpfs", "device": "tmpfs", "o": "size=2048,mode=1777"}


def test_empty_dirs_can_have_other_permissions():
    """EMPTYDIRs in memory and sub-paths have the permissions that are asked for."""
    mounts = [{"mountPath": "/a", "volumeName": "data", "subPath": "a"}]
    fast = {"volumeType": "EMPTYDIR", "name": "fast", "backingStore": "MEMORY"}
    volumes = made(EMPTY, fast, config(), mounts=mounts, emptydir_mode=0o755)
    assert volumes[1].options["o"] == "size=2048,mode=755"
    assert entries(volumes[0].archive) == {"a": ("0o755", None)}


def test_config_files_are_in_memory_and_readable_by_all_users():
    """Directories precede their files, files have mode 0444, and no repr shows their content."""
    (volume,) = made(config(**{"a.txt": b"A", "x__b": b"B"}))
    assert volume.options["type"] == "tmpfs"
    assert volume.is_read_only
    assert entries(volume.archive) == {
        "x": ("0o755", None),
        "a.txt": ("0o444", b"A"),
        "x/b": ("0o444", b"B"),
    }
    assert "archive" not in repr(volume)


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (config(**{"..__passwd": b""}), "points outside its volume"),
        (
            {**config(), "configs": [{"fileName": "a", "data": "not base64!"}]},
            "a of volume config: its data is not",
        ),
        (
            {"volumeType": "OCI_FSS_FILE_SYSTEM", "name": "files"},
            "OCI_FSS_FILE_SYSTEM, which a local pod cannot mount",
        ),
    ],
)
def test_an_unsupported_volume_is_rejected(volume, message):
    """The error names the volume and the reason, without its content."""
    with pytest.raises(PodFailed, match=message):
        made(volume)


def test_more_volumes_than_oci_allows_are_rejected():
    """An instance with 33 volumes is rejected."""
    with pytest.raises(PodFailed, match="at most 32 volumes, and this one has 33"):
        made(*({"volumeType": "EMPTYDIR", "name": f"v{n}"} for n in range(33)))


MOUNT = {"mountPath": "/x", "volumeName": "data"}
EMPTY = {"volumeType": "EMPTYDIR", "name": "data"}


def mounted(volume, **members):
    mount = {"mountPath": "/x", "volumeName": volume["name"], **members}
    return container_mounts(
        {"volumeMounts": [mount]}, made(volume, mounts=[mount]), mountpoints={"ocisidecar-1a2b-0": "/engine/0"}
    )


def test_a_mounted_volume_is_not_filled_from_the_image():
    """The files that the image has at the mount path are not copied into the volume."""
    (mount,) = mounted(EMPTY, isReadOnly=True)
    assert mount == {
        "Type": "volume",
        "Source": "ocisidecar-1a2b-0",
        "Target": "/x",
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True},
    }


@pytest.mark.parametrize(("volume", "is_read_only"), [(EMPTY, False), (config(a=b""), True)])
def test_config_files_are_read_only_even_if_the_mount_is_not(volume, is_read_only):
    """A CONFIGFILE is mounted read-only always, and an EMPTYDIR only if its mount says so."""
    (mount,) = mounted(volume, isReadOnly=False)
    assert mount["ReadOnly"] is is_read_only


def test_a_sub_path_is_a_created_directory():
    """A sub-path is bound from the volume's directory on the host, and created with its parents."""
    (mount,) = mounted(EMPTY, subPath="a/b")
    assert mount == {"Type": "bind", "Source": "/engine/0/a/b", "Target": "/x", "ReadOnly": False}
    (volume,) = made(EMPTY, mounts=[{**MOUNT, "subPath": "a/b"}])
    assert entries(volume.archive) == {"a": ("0o1777", None), "a/b": ("0o1777", None)}


@pytest.mark.parametrize("sub_path", ["../x", "/etc", "a/../../b"])
def test_a_sub_path_outside_its_volume_is_rejected(sub_path):
    """An absolute sub-path, and one that climbs out of the volume, are rejected."""
    with pytest.raises(PodFailed, match="points outside its volume"):
        mounted(EMPTY, subPath=sub_path)


def test_a_mount_of_an_undeclared_volume_is_rejected():
    """The error names the mount path and the volume."""
    with pytest.raises(PodFailed, match="/x mounts the volume 'gone', which is not declared"):
        container_mounts({"volumeMounts": [{"mountPath": "/x", "volumeName": "gone"}]}, (), mountpoints={})
