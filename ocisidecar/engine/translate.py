"""Translation of a container instance's body to request bodies of the engine's API.  Pure.

The engine's field names (`HostConfig`, `NanoCpus`, …) are those of the Docker Engine API 1.41, ContainerCreate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from ocisidecar.engine.values import Injection
from ocisidecar.errors import PodFailed

Json = dict[str, Any]
BYTES_PER_GB = 1024**3
"""Bytes of OCI's GB of memory.  INFER: containers of a shape with 16 GB show 16 GiB."""

FIRST_UNPRIVILEGED_PORT = 1024
"""Lowest port that a user other than root may listen at.  Linux's default, which containerd keeps; Docker sets 0.
UNCONFIRMED for container instances, hence the harsher reading.
"""
_HARDENED: Json = {"SecurityOpt": ["no-new-privileges:true"], "PidsLimit": 4096}
"""No program gets more rights by a set-user-id bit, and no container takes all processes of this machine.
UNCONFIRMED for container instances: the harsher reading.
"""
_LOGS = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}
"""Enough for the newest 256 KB in OCI's format, independent of the engine's default log driver."""


@frozen(kw_only=True)
class Capacity:
    """What a container without limits may use: the whole instance, but no more CPUs than the host has.

    The kernel enforces it per container, not for the sum of the containers.
    """

    cpus: float
    memory_bytes: int


def capacity(details: Mapping[str, Any], *, host_cpus: int) -> Capacity:
    """Return the capacity of the instance's shape.

    Source: Oracle documentation, "Container Instance Shapes": an OCPU is one logical CPU on Arm, two on x86.
    UNCONFIRMED: the memory per OCPU if the body gives none; as for the Compute shapes of the same name.
    """
    is_arm = re.search(r"\.A\d|Ampere", details["shape"]) is not None
    ocpus = details["shapeConfig"]["ocpus"]
    memory_in_gbs = details["shapeConfig"].get("memoryInGBs") or ocpus * (6 if is_arm else 16)
    return Capacity(
        cpus=min(ocpus * (1 if is_arm else 2), host_cpus), memory_bytes=int(memory_in_gbs * BYTES_PER_GB)
    )


def container_name(details: Mapping[str, Any], number: int) -> str:
    """Return the name of the instance's container with this number, counted from 0."""
    return details.get("displayName") or f"container-{number + 1}"


def container_config(
    details: Mapping[str, Any],
    *,
    image: str,
    network_owner: str,
    limits: Capacity,
    groups: Sequence[str],
    mounts: Sequence[Json],
    injection: Injection,
    labels: Mapping[str, str],
) -> Json:
    """Return the request body that creates one container.

    Args:
        details: CreateContainerDetails.
        image: id of the image, used instead of `imageUrl`.
        network_owner: id of the container whose network it shares.
        limits: of the instance.
        groups: supplemental groups of its processes.
        mounts: of its volumes.
        injection: what the platform adds.
        labels: of the container.
    """
    context = details.get("securityContext") or {}
    resources = details.get("resourceConfig") or {}
    environment = {**(details.get("environmentVariables") or {}), **injection.environment_variables}
    injected = [bind(str(path), directory) for directory, path in injection.mounts.items()]
    memory = _memory(resources.get("memoryLimitInGBs"), limits)
    capabilities = context.get("capabilities") or {}
    return {
        "Image": image,
        "Entrypoint": details.get("command") or None,
        "Cmd": details.get("arguments") or None,
        "WorkingDir": details.get("workingDirectory") or "",
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": _user(context),
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": f"container:{network_owner}",
            "NanoCpus": int(min(resources.get("vcpusLimit") or limits.cpus, limits.cpus) * 1e9),
            "Memory": memory,
            "MemorySwap": memory,
            "ReadonlyRootfs": bool(context.get("isRootFileSystemReadonly")),
            "CapAdd": capabilities.get("addCapabilities") or [],
            "CapDrop": capabilities.get("dropCapabilities") or [],
            **_HARDENED,
            "GroupAdd": list(groups),
            "Mounts": [*mounts, *injected],
            "LogConfig": _LOGS,
        },
    }


def _memory(limit_in_gbs: float | None, limits: Capacity) -> int:
    if limit_in_gbs is None:
        return limits.memory_bytes
    return min(int(limit_in_gbs * BYTES_PER_GB), limits.memory_bytes)


def _user(context: Mapping[str, Any]) -> str:
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if user is None:
        return ""
    return str(user) if group is None else f"{user}:{group}"


def check_user(details: Mapping[str, Any], *, name: str, image_user: str) -> None:
    """Check that a container does not run as root if its body forbids that.

    Raises:
        PodFailed: it would run as root.
    """
    context = details.get("securityContext") or {}
    user = (_user(context) or image_user).partition(":")[0]
    if context.get("isNonRootUserCheckEnabled") and user in {"", "0", "root"}:
        raise PodFailed(
            f"Container {name} would run as root, which isNonRootUserCheckEnabled forbids: "
            f"set runAsUser, or USER in the image {details['imageUrl']}."
        )


def network_owner_config(
    details: Mapping[str, Any],
    *,
    image: str,
    name: str,
    network: str,
    ip: str | None,
    publish: Mapping[int, int],
    mounts: Sequence[Json],
    labels: Mapping[str, str],
    first_unprivileged_port: int = FIRST_UNPRIVILEGED_PORT,
) -> Json:
    """Return the request body that creates the container that owns the pod's network and volumes.

    Args:
        details: CreateContainerInstanceDetails.
        image: the pause image.
        name: of the pod; also its host name if its VNIC has none.
        network: id of the network to attach to.
        ip: its address there; None lets the engine choose.
        publish: port of the pod → port of this machine's loopback interface, 0 for any free one.
        mounts: of all volumes of the pod.
        labels: of the container.
        first_unprivileged_port: lowest port at which users other than root may listen.
    """
    vnic: Mapping[str, Any] = next(iter(details.get("vnics") or ()), {})
    hostname = vnic.get("hostnameLabel") or re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")[:63]
    dns = details.get("dnsConfig") or {}
    return {
        "Image": image,
        "Hostname": hostname,
        "Labels": dict(labels),
        "ExposedPorts": {f"{port}/tcp": {} for port in publish},
        "HostConfig": {
            "NetworkMode": network,
            "PortBindings": {f"{port}/tcp": [_on_loopback(host_port)] for port, host_port in publish.items()},
            "Dns": dns.get("nameservers") or [],
            "DnsSearch": dns.get("searches") or [],
            "DnsOptions": dns.get("options") or [],
            "Mounts": list(mounts),
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            **_HARDENED,
            "Sysctls": {"net.ipv4.ip_unprivileged_port_start": str(first_unprivileged_port)},
            "LogConfig": {"Type": "none"},
        },
        "NetworkingConfig": {
            "EndpointsConfig": {
                network: {"Aliases": [hostname], "IPAMConfig": {"IPv4Address": ip} if ip is not None else None}
            }
        },
    }


def _on_loopback(host_port: int) -> Json:
    return {"HostIp": "127.0.0.1", "HostPort": str(host_port) if host_port else ""}


def bind(source: str, target: str, *, read_only: bool = True) -> Json:
    """Return a bind mount of a directory of the engine's host."""
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
