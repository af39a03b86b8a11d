"""The resources that a tenancy has from the start: itself, a compartment to work in, an administrator."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.access import ADMINISTRATORS
from ocisidecar.emulator.ids import Ids, timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.services.groups import MEMBERSHIP
from ocisidecar.emulator.services.users import members_of_a_user, store_api_key
from ocisidecar.emulator.signature import public_pem
from ocisidecar.emulator.state import Cloud, Record


def create_builtin_user(
    cloud: Cloud, user_id: str, name: str, key: RSAPublicKey, groups: Sequence[str] = (ADMINISTRATORS,)
) -> str:
    """Add a user with an API key to the tenancy and to groups, which are created where they do not exist.

    Returns the key's fingerprint.
    """
    now = cloud.clock.time()
    body = {
        **members_of_a_user(now),
        "id": user_id,
        "compartmentId": cloud.tenancy_id,
        "name": name,
        "description": name,
        "email": f"{name}@example.com",
        "timeCreated": timestamp(now),
        "freeformTags": {},
        "definedTags": {},
    }
    active = Timeline(((now, "ACTIVE"),))
    user = cloud.record("user", user_id, body, timeline=active, now=now, is_builtin=True)
    user.hidden["api_keys"] = {}
    for group in groups:
        _add_member(cloud, user_id, _group(cloud, group))
    fingerprint: str = store_api_key(cloud, user, key, public_pem(key))["fingerprint"]
    return fingerprint


def _group(cloud: Cloud, name: str) -> Record:
    """Return the group, created if it is missing; its id depends on its name only, so that other ids stay."""
    now = cloud.clock.time()
    found = next(cloud.where("group", now, name=name), None)
    if found is not None:
        return found
    group_id = Ids(zlib.crc32(f"{cloud.seed}/{name}".encode())).ocid("group")
    body = {"id": group_id, "compartmentId": cloud.tenancy_id, "name": name, "description": name}
    return _builtin(cloud, "group", body)


def _add_member(cloud: Cloud, user_id: str, group: Record) -> None:
    place = f"{cloud.seed}/{user_id}/{group.id}"
    membership_id = Ids(zlib.crc32(place.encode())).ocid("groupmembership")
    body = {"id": membership_id, "compartmentId": cloud.tenancy_id, "userId": user_id, "groupId": group.id}
    _builtin(cloud, MEMBERSHIP, body)


def create_builtin_policy(cloud: Cloud, statements: Sequence[str]) -> None:
    """Add a policy of the root compartment that has been in force for long."""
    place = f"{cloud.seed}/{statements}"
    body = {
        "id": Ids(zlib.crc32(place.encode())).ocid("policy"),
        "compartmentId": cloud.tenancy_id,
        "name": f"tenancy-{zlib.crc32(place.encode()):08x}",
        "description": "Written by the tenancy's administrators",
        "statements": list(statements),
    }
    _builtin(cloud, "policy", body).hidden["versions"] = [(0.0, list(statements))]


def _builtin(cloud: Cloud, kind: str, body: Mapping[str, object]) -> Record:
    now = cloud.clock.time()
    shared = {"timeCreated": timestamp(now), "freeformTags": {}, "definedTags": {}}
    active = Timeline(((now, "ACTIVE"),))
    return cloud.record(kind, str(body["id"]), {**body, **shared}, timeline=active, now=now, is_builtin=True)


def create_builtin_tenancy(cloud: Cloud) -> None:
    """Add the tenancy, the compartment that is ready for use and the group of administrators to an empty cloud."""
    now = cloud.clock.time()
    shared = {"timeCreated": timestamp(now), "freeformTags": {}, "definedTags": {}}
    active = Timeline(((now, "ACTIVE"),))
    compartments = (
        {"id": cloud.tenancy_id, "name": "emulated", "description": "The emulated tenancy"},
        {
            "id": cloud.compartment_id,
            "compartmentId": cloud.tenancy_id,
            "name": "sandbox",
            "description": "A compartment that is ready for use",
        },
    )
    for body in compartments:
        cloud.record("compartment", body["id"], {**body, **shared}, timeline=active, now=now, is_builtin=True)
    group = {
        "id": Ids(cloud.seed).ocid("group"),
        "compartmentId": cloud.tenancy_id,
        "name": ADMINISTRATORS,
        "description": ADMINISTRATORS,
    }
    cloud.record("group", group["id"], {**group, **shared}, timeline=active, now=now, is_builtin=True)
