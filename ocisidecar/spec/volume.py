"""Volumes and where they are mounted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias, cast

from attrs import field, frozen

from ocisidecar.spec.converters import as_dict, same
from ocisidecar.spec.repr import ShortRepr, names_only
from ocisidecar.spec.response_file import AgentResponseFile
from ocisidecar.spec.scrape import PrometheusConfig, Targets
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.fields import RESOURCE_NAME, Problem, ocid, relative_path, validated

FileContent: TypeAlias = str | bytes | Path | SecretRef | PrometheusConfig | AgentResponseFile
"""Text is stored in UTF-8; a path is read at once, relative to the working directory."""

StoredContent: TypeAlias = bytes | Path | SecretRef | PrometheusConfig | AgentResponseFile
"""As kept in a spec; a path only where the file could not be read, which validation reports."""

HALF_A_PAIR: Final = "certificate and private_key: give both, or neither"
"""The problem of a preset that is given one of the two."""


def _stored(files: Mapping[str, FileContent]) -> Mapping[str, StoredContent]:
    return as_dict(files, _read)


def _options(value: Mapping[str, str | None]) -> Mapping[str, str | None]:
    return as_dict(value, same)


def _read(content: FileContent) -> StoredContent:
    if isinstance(content, str):
        try:
            return content.encode()
        except UnicodeEncodeError:
            return cast("bytes", content)  # which validation refuses
    if isinstance(content, Path):
        try:
            return content.read_bytes()
        except (OSError, ValueError):  # which a name with a NUL is
            return content
    return content


@frozen(repr=False)
class VolumeSpec(ShortRepr):
    """A volume of an instance: use `empty_dir`, `config_file` or `file_system`.

    Attributes:
        name: unique in the instance; containers mount it by this name.
        backing_store: of an empty directory.
        files: of a config-file volume: relative path → content.  Never shown.
        secret_version: of a config-file volume with secret literals: they then enter no digest, only this word.

    Source: oci.container_instances.models.CreateContainerEmptyDirVolumeDetails,
    CreateContainerConfigFileVolumeDetails, CreateContainerOciFssVolumeDetails.
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    kind: Literal["empty_dir", "config_file", "file_system"] = field(kw_only=True)
    backing_store: Literal["EPHEMERAL_STORAGE", "MEMORY"] = field(default="EPHEMERAL_STORAGE", kw_only=True)
    files: Mapping[str, StoredContent] = field(
        factory=dict, kw_only=True, converter=_stored, repr=names_only, metadata=validated(names=(relative_path,))
    )
    secret_version: str | None = field(default=None, kw_only=True)
    mount_target_id: str | None = field(default=None, kw_only=True, metadata=validated(ocid("mounttarget")))
    export_id: str | None = field(default=None, kw_only=True, metadata=validated(ocid("export")))
    mount_options: Mapping[str, str | None] = field(factory=dict, kw_only=True, converter=_options)
    is_encrypted_in_transit: bool | None = field(default=None, kw_only=True)
    subnet_id: str | None = field(default=None, kw_only=True, metadata=validated(ocid("subnet")))

    @classmethod
    def empty_dir(
        cls, name: str, *, backing_store: Literal["EPHEMERAL_STORAGE", "MEMORY"] = "EPHEMERAL_STORAGE"
    ) -> VolumeSpec:
        """Declare an empty directory that the instance's containers share.

        Its content is lost on every stop and restart of the instance.  Ephemeral storage is 15 GB for the whole
        instance; `"MEMORY"` takes the instance's memory instead.

        Source: Oracle documentation, "Stopping and Starting a Container Instance", "Container Instance Shapes".
        """
        return cls(name, kind="empty_dir", backing_store=backing_store)

    @classmethod
    def config_file(
        cls, name: str, files: Mapping[str, FileContent], *, secret_version: str | None = None
    ) -> VolumeSpec:
        """Declare a directory with files, e.g. `{"app.toml": "…", "conf.d/x.ini": Path("x.ini")}`.

        A changed file replaces the instance, because OCI cannot change it in place.  OCI never returns the
        content.  Give passwords as a `SecretRef`, or as literals together with `secret_version`, which you change
        whenever they change.
        """
        return cls(name, kind="config_file", files=files, secret_version=secret_version)

    @classmethod
    def file_system(
        cls,
        name: str,
        *,
        mount_target_id: str,
        export_id: str,
        mount_options: Mapping[str, str | None] | None = None,
        is_encrypted_in_transit: bool | None = None,
        subnet_id: str | None = None,
    ) -> VolumeSpec:
        """Declare an export of the File Storage service; `mount_options` are those of mount(8) and nfs(5).

        Its content outlives the instance.
        """
        return cls(
            name,
            kind="file_system",
            mount_target_id=mount_target_id,
            export_id=export_id,
            mount_options=mount_options or {},
            is_encrypted_in_transit=is_encrypted_in_transit,
            subnet_id=subnet_id,
        )

    def files_with(self, targets: Targets) -> Mapping[str, StoredContent]:
        """Return the files, and beside a generated configuration those that it refers to.

        `targets` are pairs of container name and scrape target.
        """
        generated = {
            str(PurePosixPath(path).parent / name): content
            for path, config in self.files.items()
            if isinstance(config, PrometheusConfig)
            for name, content in config.files(targets).items()
        }
        return {**generated, **self.files}

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        found = [
            (f'files["{name}"]', f"cannot read {content}: give an existing file, or the content itself")
            for name, content in self.files.items()
            if isinstance(content, Path)
        ]
        if self.kind == "config_file" and not self.files:
            found.append(("files", "must hold at least one file"))
        if self.kind == "file_system" and not (self.mount_target_id and self.export_id):
            found.append(("mount_target_id", "must be given together with export_id"))
        return found


@frozen(repr=False)
class Mount(ShortRepr):
    """Where and how a container sees a volume.

    Attributes:
        volume: name of a volume of the instance, or a volume that this mount brings along.
        is_read_only: None means: only for config-file volumes.
        sub_path: directory inside the volume that is mounted instead of its root.
        partition: number of the partition, for volumes that have several.

    Source: oci.container_instances.models.CreateVolumeMountDetails.
    """

    volume: str | VolumeSpec
    is_read_only: bool | None = field(default=None, kw_only=True)
    sub_path: str | None = field(default=None, kw_only=True, metadata=validated(relative_path))
    partition: int | None = field(default=None, kw_only=True)

    @property
    def volume_name(self) -> str:
        """Name of the mounted volume."""
        return self.volume.name if isinstance(self.volume, VolumeSpec) else self.volume


def as_mounts(value: Mapping[str, str | VolumeSpec | Mount]) -> Mapping[str, Mount]:
    """Normalise mounts: absolute path → volume name, volume or `Mount`."""
    return as_dict(value, lambda target: Mount(target) if isinstance(target, str | VolumeSpec) else target)


def response_file_in(volumes: Iterable[VolumeSpec]) -> AgentResponseFile | None:
    """Return the response file of an agent that registers with the deployment's key; None where there is none."""
    contents = (content for volume in volumes for content in volume.files.values())
    return next((content for content in contents if isinstance(content, AgentResponseFile)), None)
