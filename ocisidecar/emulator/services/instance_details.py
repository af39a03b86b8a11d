"""Container Instances: the schema of a create, and the checks that no schema can express.

Source: oci.container_instances.models, Create*Details; limits from the docstrings of the same models.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from ocisidecar.emulator.declarations import Call
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.schema import JsonObject, Variants, body, many, require_length, tagged
from ocisidecar.emulator.services.instance_shapes import HARDWARE

MAX_CONTAINERS: Final = 60
MAX_VOLUMES: Final = 32
MAX_TEXT_BYTES: Final = 64 * 1024
"""The limit for all environment variables, and for all arguments, of one container."""
MAX_DISPLAY_NAME: Final = 255
MAX_GRACE_SECONDS: Final = 300
MAX_PORT: Final = 65535
HEALTH_CHECK_MINIMUMS: Final = {
    "initialDelayInSeconds": 0,
    "intervalInSeconds": 1,
    "failureThreshold": 1,
    "successThreshold": 1,
    "timeoutInSeconds": 1,
}
"""The smallest values of a health check's members.  UNCONFIRMED: the interval's."""

_CHECK: Final = (
    "name initialDelayInSeconds:int intervalInSeconds:int failureThreshold:int successThreshold:int "
    "timeoutInSeconds:int failureAction=KILL|NONE port!:int"
)
HEALTH_CHECK: Final = Variants(
    "healthCheckType",
    {
        "HTTP": body(f"{_CHECK} path! headers", headers=many(body("name! value!"))),
        "TCP": body(_CHECK),
    },
)
LINUX: Final = Variants(
    "securityContextType",
    {
        "LINUX": body(
            "runAsUser:int runAsGroup:int isNonRootUserCheckEnabled:bool isRootFileSystemReadonly:bool "
            "capabilities",
            capabilities=body("addCapabilities:words dropCapabilities:words"),
        )
    },
)
CONTAINER: Final = tagged(
    "displayName imageUrl! command:strings arguments:strings workingDirectory environmentVariables:map "
    "volumeMounts isResourcePrincipalDisabled:bool resourceConfig healthChecks securityContext",
    volumeMounts=many(body("mountPath! volumeName! subPath isReadOnly:bool partition:int")),
    resourceConfig=body("vcpusLimit:number memoryLimitInGBs:number"),
    healthChecks=many(HEALTH_CHECK),
    securityContext=LINUX,
)
VOLUME: Final = Variants(
    "volumeType",
    {
        "EMPTYDIR": body("name! backingStore=EPHEMERAL_STORAGE|MEMORY"),
        "CONFIGFILE": body("name! configs", configs=many(body("fileName! data! path"))),
        "OCI_FSS_FILE_SYSTEM": body(
            "name! mountTarget! export! security mountCommand subnetId",
            mountTarget=Variants("ociFssMountTargetType", {"OCID": body("id!")}),
            export=Variants("ociFssExportType", {"OCID": body("id!")}),
            security=Variants("auth", {"SYS": body("isEncryptedInTransit:bool")}),
            mountCommand=body("mountOptions", mountOptions=many(body("option! value"))),
        ),
    },
)
PULL_SECRET: Final = Variants(
    "secretType",
    {"BASIC": body("registryEndpoint! username! password!"), "VAULT": body("registryEndpoint! secretId!")},
)
VNIC: Final = tagged(
    "subnetId! displayName hostnameLabel isPublicIpAssigned:bool skipSourceDestCheck:bool nsgIds:strings privateIp"
)
INSTANCE: Final = tagged(
    "compartmentId! availabilityDomain! faultDomain=FAULT-DOMAIN-1|FAULT-DOMAIN-2|FAULT-DOMAIN-3 shape! "
    "shapeConfig! containers! vnics! volumes displayName dnsConfig gracefulShutdownTimeoutInSeconds:int "
    "imagePullSecrets containerRestartPolicy=ALWAYS|NEVER|ON_FAILURE securityContext",
    shapeConfig=body("ocpus!:number memoryInGBs:number"),
    containers=many(CONTAINER),
    vnics=many(VNIC),
    volumes=many(VOLUME),
    dnsConfig=body("nameservers:strings searches:strings options:strings"),
    imagePullSecrets=many(PULL_SECRET),
    securityContext=Variants(
        "securityContextType",
        {"LINUX": body("fsGroup:int fsGroupChangePolicy=ALWAYS|ON_ROOT_MISMATCH")},
    ),
)


def check_instance(call: Call) -> None:
    """Raise ServiceError 400 for a body that matches the schema but is invalid."""
    details = call.body
    call.require_availability_domain(details["availabilityDomain"])
    require_length(details["containers"], "containers", min_length=1, max_length=MAX_CONTAINERS)
    require_length(details["vnics"], "vnics", min_length=1, max_length=1)
    volumes = details.get("volumes", [])
    require_length(volumes, "volumes", max_length=MAX_VOLUMES)
    require_length(details.get("displayName", "-"), "displayName", min_length=1, max_length=MAX_DISPLAY_NAME)
    names = [volume["name"] for volume in volumes]
    if len(set(names)) < len(names):
        raise invalid("volumes must have different names")
    for volume in volumes:
        _check_files(volume)
    for secret in details.get("imagePullSecrets", []):
        for member in ("username", "password"):
            if member in secret:
                _decode(secret[member], f"imagePullSecrets.{member}")
    if not 0 <= details.get("gracefulShutdownTimeoutInSeconds", 0) <= MAX_GRACE_SECONDS:
        raise invalid(f"gracefulShutdownTimeoutInSeconds must be 0 to {MAX_GRACE_SECONDS}")
    for index, container in enumerate(details["containers"]):
        _check_container(call, container, f"containers[{index}]", names)


def _check_files(volume: JsonObject) -> None:
    for config in volume.get("configs", []):
        if "/" in config["fileName"]:
            raise invalid(f"fileName must not contain '/': {config['fileName']}")
        _decode(config["data"], f"data of {config['fileName']}")


def _decode(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise invalid(f"{path} must be base64") from exc


def _check_container(call: Call, container: JsonObject, path: str, volumes: Sequence[str]) -> None:
    if not container["imageUrl"].strip() or " " in container["imageUrl"]:
        raise invalid(f"{path}.imageUrl is not an image: {container['imageUrl']!r}")
    texts = {
        "environmentVariables": [
            text for pair in container.get("environmentVariables", {}).items() for text in pair
        ],
        "arguments": container.get("arguments", []),
    }
    for member, parts in texts.items():
        if sum(len(part.encode()) for part in parts) > MAX_TEXT_BYTES:
            raise invalid(f"{path}.{member} must not exceed {MAX_TEXT_BYTES} bytes in total")
    mounted: set[str] = set()
    for mount in container.get("volumeMounts", []):
        if mount["volumeName"] not in volumes:
            raise invalid(f"{path}.volumeMounts: there is no volume {mount['volumeName']}")
        if not mount["mountPath"].startswith("/") or mount["mountPath"] in mounted:
            raise invalid(f"{path}.volumeMounts: {mount['mountPath']} must be absolute and used once")
        mounted.add(mount["mountPath"])
    for check in container.get("healthChecks", []):
        _check_health_check(check, f"{path}.healthChecks")
    _check_limits(call.body, container.get("resourceConfig", {}), path)
    context = container.get("securityContext", {})
    if "runAsGroup" in context and "runAsUser" not in context:
        raise invalid(f"{path}.securityContext.runAsGroup needs runAsUser")


def _check_health_check(check: JsonObject, path: str) -> None:
    if not 1 <= check["port"] <= MAX_PORT:
        raise invalid(f"{path}.port must be 1 to {MAX_PORT}: {check['port']}")
    for member, bound in HEALTH_CHECK_MINIMUMS.items():
        if check.get(member, bound) < bound:
            raise invalid(f"{path}.{member} must be at least {bound}: {check[member]}")


def _check_limits(details: JsonObject, limits: JsonObject, path: str) -> None:
    """A container's limits must not exceed the instance's resources; the sum over containers may."""
    hardware = HARDWARE.get(details["shape"])
    if hardware is None:
        return
    ocpus = details["shapeConfig"]["ocpus"]
    maximums = {
        "vcpusLimit": ocpus * hardware.cpus_per_ocpu,
        "memoryLimitInGBs": details["shapeConfig"].get("memoryInGBs", ocpus * hardware.default_memory_per_ocpu),
    }
    for member, bound in maximums.items():
        if not 0 < limits.get(member, bound) <= bound:
            raise invalid(f"{path}.resourceConfig.{member} must be above 0 and at most {bound:g}")
