"""Which images the platform can pull for a container instance: those that exist and that the instance may read.

Images of OCIR in the tenancy's own namespace are those that were pushed: private ones need a statement in force
that lets the instance read the repository in the repository's compartment.  Images of other registries all exist.

Pulls take the instance's VNIC, whose security rules must let TCP 443 out, or the port in the image's name.

UNCONFIRMED: that right and rules are evaluated when the instance is created, and only then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from ocisidecar.emulator.access import is_granted
from ocisidecar.emulator.declarations import AccessTarget, Call, Permission
from ocisidecar.emulator.regions import REGIONS
from ocisidecar.emulator.resource_principal import principal_of
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.services.object_storage import NAMESPACE
from ocisidecar.emulator.state import Record
from ocisidecar.emulator.way_out import lets_out

PULL_REFUSED: Final = (
    "A container's image could not be pulled because the image does not exist or requires authorization."
)
"""The text is on record."""
READ: Final = Permission(verb="read", resource_type="repos")

HTTPS: Final = 443

_SYMBOLIC = ("ocisidecar",)
_ADDRESS = re.compile(r"\d+(\.\d+){3}")
_OCIR = re.compile(
    r"(?P<host>(?P<key>[a-z0-9-]+)\.ocir\.io|ocir\.(?P<region>[a-z0-9-]+)\.oci\.[a-z0-9.-]+)"
    r"/(?P<namespace>[^/]+)/(?P<name>[^:@]+)(?:[:@](?P<version>.+))?"
)


def is_pull_refused(call: Call, instance: Record, secrets: Sequence[JsonObject]) -> bool:
    """Return whether an image of a new instance cannot be pulled; `secrets` are its pull secrets as resolved."""
    unreadable = {one["registryEndpoint"] for one in secrets if one["secretType"] == "VAULT"}
    logins = {one["registryEndpoint"] for one in secrets} - unreadable
    containers = [container.body for container in instance.hidden["containers"]]
    return any(
        one["imageUrl"].partition("/")[0] in unreadable
        or not _can_be_pulled(call, instance, one, logins)
        or not _can_be_reached(call, instance, one["imageUrl"])
        for one in containers
    )


def _can_be_reached(call: Call, instance: Record, image_url: str) -> bool:
    """Return whether the registry of an image can be reached; it is not known of which one symbolic names are."""
    if not call.cloud.assumptions.pulls_take_security_rules:
        return True
    first, slash, _ = image_url.partition("/")
    host, _, port = first.partition(":") if slash else ("", "", "")
    is_oracle = _OCIR.fullmatch(image_url) is not None or host in _SYMBOLIC
    address = host if _ADDRESS.fullmatch(host) else ""
    number = int(port) if port.isdecimal() else HTTPS
    return lets_out(call, instance.hidden["vnic"], number, address, is_oracle=is_oracle)


def _can_be_pulled(call: Call, instance: Record, container: JsonObject, logins: set[str]) -> bool:
    match = _OCIR.fullmatch(container["imageUrl"])
    if match is None:
        return True
    has_login = match["host"] in logins
    if container["isResourcePrincipalDisabled"] and not call.cloud.assumptions.pulls_with_disabled_principal:
        return has_login
    if match["namespace"] != NAMESPACE:
        kind = call.cloud.assumptions.foreign_images
        place = instance.body["compartmentId"]
        is_readable = kind == "public" or has_login or _may_read(call, instance, match["name"], place)
        return kind != "missing" and is_readable
    repository = _repository(call, match["name"], _region(match))
    version = match["version"] or "latest"
    if repository is None or not _exists(call, repository, version):
        return False
    is_open = repository.body["isPublic"] or has_login
    return is_open or _may_read(call, instance, match["name"], repository.body["compartmentId"])


def _region(match: re.Match[str]) -> str:
    named = match["region"] or match["key"]
    return next((region.name for region in REGIONS.values() if named in {region.key.lower(), region.name}), named)


def _repository(call: Call, name: str, region: str) -> Record | None:
    found = call.cloud.where("container-repository", call.now, displayName=name)
    return next((one for one in found if one.region == region), None)


def _exists(call: Call, repository: Record, version: str) -> bool:
    images = call.cloud.where("container-image", call.now, repositoryId=repository.id)
    return any(version in {image.body["version"], image.body["digest"]} for image in images)


def _may_read(call: Call, instance: Record, name: str, compartment_id: str) -> bool:
    reader = evolve(call, principal=principal_of(call.cloud, instance))
    return is_granted(reader, READ, [AccessTarget(compartment_id, {"target.repo.name": name})])
