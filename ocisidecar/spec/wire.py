"""Parts of a spec in OCI's wire form, each a function of the part alone.

Fields that are None or empty are omitted, so that OCI uses its defaults.  Numbers that OCI types as float are sent
as float, so that 1 and 1.0 give the same body.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping

from ocisidecar.spec.health import HealthCheck
from ocisidecar.spec.instance import DnsConfig
from ocisidecar.spec.secret import ImagePullSecret
from ocisidecar.spec.security import NET_RAW, InstanceSecurityContext, SecurityContext
from ocisidecar.spec.volume import Mount, VolumeSpec
from ocisidecar.wire import Body

_EMPTY: tuple[Body, ...] = (None, "", [], {})


def present(**fields: Body) -> dict[str, Body]:
    """Return the fields that are neither None nor empty; False and 0 stay."""
    return {name: value for name, value in fields.items() if value not in _EMPTY}


def number(value: float | None) -> float | None:
    """Return the number as a float, the type of OCI's model."""
    return None if value is None else float(value)


def base64_text(content: bytes) -> str:
    """Return bytes in base64, their form in OCI's JSON."""
    return base64.b64encode(content).decode("ascii")


def health_check(check: HealthCheck) -> Mapping[str, Body]:
    """Return CreateContainerHttpHealthCheckDetails or CreateContainerTcpHealthCheckDetails."""
    return present(
        healthCheckType=check.kind.upper(),
        name=check.name,
        port=check.port,
        path=check.path,
        headers=[{"name": name, "value": value} for name, value in sorted(check.headers.items())],
        initialDelayInSeconds=check.initial_delay_in_seconds,
        intervalInSeconds=check.interval_in_seconds,
        timeoutInSeconds=check.timeout_in_seconds,
        failureThreshold=check.failure_threshold,
        successThreshold=check.success_threshold,
        failureAction=check.failure_action,
    )


def security_context(context: SecurityContext | None) -> Mapping[str, Body]:
    """Return CreateLinuxSecurityContextDetails; without a context only NET_RAW is dropped.

    The containers of an instance share one network: with NET_RAW one of them reads what the others send.
    """
    context = context or SecurityContext()
    dropped = set(context.drop_capabilities)
    if not {"ALL", NET_RAW} & {*dropped, *context.add_capabilities}:
        dropped.add(NET_RAW)
    return present(
        securityContextType="LINUX",
        runAsUser=context.run_as_user,
        runAsGroup=context.run_as_group,
        isNonRootUserCheckEnabled=context.is_non_root_user_check_enabled,
        isRootFileSystemReadonly=context.is_root_file_system_readonly,
        capabilities=present(addCapabilities=sorted(context.add_capabilities), dropCapabilities=sorted(dropped)),
    )


def instance_security_context(context: InstanceSecurityContext | None) -> Mapping[str, Body] | None:
    """Return CreateLinuxContainerInstanceSecurityContextDetails."""
    if context is None:
        return None
    return present(
        securityContextType="LINUX",
        fsGroup=context.fs_group,
        fsGroupChangePolicy=context.fs_group_change_policy,
    )


def dns_config(config: DnsConfig | None) -> Mapping[str, Body] | None:
    """Return CreateContainerDnsConfigDetails."""
    if config is None:
        return None
    return present(
        nameservers=list(config.nameservers), searches=list(config.searches), options=list(config.options)
    )


def volume(spec: VolumeSpec, files: Mapping[str, Body]) -> Mapping[str, Body]:
    """Return the create details of a volume; `files` maps relative path to content in base64."""
    if spec.kind == "config_file":
        configs = [_config_file(path, data) for path, data in sorted(files.items())]
        return {"volumeType": "CONFIGFILE", "name": spec.name, "configs": configs}
    if spec.kind == "empty_dir":
        return {"volumeType": "EMPTYDIR", "name": spec.name, "backingStore": spec.backing_store}
    options = [present(option=name, value=value) for name, value in sorted(spec.mount_options.items())]
    encryption = spec.is_encrypted_in_transit
    return present(
        volumeType="OCI_FSS_FILE_SYSTEM",
        name=spec.name,
        mountTarget={"ociFssMountTargetType": "OCID", "id": spec.mount_target_id},
        export={"ociFssExportType": "OCID", "id": spec.export_id},
        security=None if encryption is None else {"auth": "SYS", "isEncryptedInTransit": encryption},
        mountCommand=present(mountOptions=options),
        subnetId=spec.subnet_id,
    )


def _config_file(relative_path: str, data: Body) -> Mapping[str, Body]:
    directory, _, file_name = relative_path.rpartition("/")
    return present(fileName=file_name, path=directory) | {"data": data}


def mount(path: str, spec: Mount, config_volumes: Collection[str]) -> Mapping[str, Body]:
    """Return CreateVolumeMountDetails; `config_volumes` names the volumes that are read-only by default."""
    is_read_only = spec.volume_name in config_volumes if spec.is_read_only is None else spec.is_read_only
    return present(
        mountPath=path,
        volumeName=spec.volume_name,
        subPath=spec.sub_path,
        isReadOnly=is_read_only,
        partition=spec.partition,
    )


def pull_secret(secret: ImagePullSecret) -> Mapping[str, Body]:
    """Return CreateVaultImagePullSecretDetails or CreateBasicImagePullSecretDetails, the latter in clear base64."""
    endpoint = secret.registry_endpoint
    if secret.kind == "vault":
        return {"secretType": "VAULT", "registryEndpoint": endpoint, "secretId": secret.secret_id}
    return {
        "secretType": "BASIC",
        "registryEndpoint": endpoint,
        "username": base64_text((secret.username or "").encode()),
        "password": base64_text((secret.password or "").encode()),
    }
