"""The resources that a tenancy has from the start: itself, a compartment to work in, an administrator."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.ids import Ids, timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.services.groups import MEMBERSHIP
from ocisidecar.emulator.services.users import members_of_a_user, store_api_key
from ocisidecar.emulator.signature import public_pem
from ocisidecar.emulator.state import Cloud, Record

ADMINISTRATORS: Final = "Administrators"
"""The group that each tenancy has from the start."""


def create_builtin_user(cloud: Cloud, user_id: str, name: str, key: RSAPublicKey) -> str:
    """Add an administrator with an API key to the tenancy; returns the key's fingerprint."""
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
    _add_to_administrators(cloud, user)
    fingerprint: str = store_api_key(cloud, user, key, public_pem(key))["fingerprint"]
    return fingerprint


def _add_to_administrators(cloud: Cloud, user: Record) -> None:
    now = cloud.clock.time()
    group = next(cloud.where("group", now, name=ADMINISTRATORS))
    body = {
        # Of the user's id, so that the ids of what clients make stay as they are.
        "id": user.id.replace(".user.", ".groupmembership."),
        "compartmentId": cloud.tenancy_id,
        "userId": user.id,
        "groupId": group.id,
        "timeCreated": timestamp(now),
    }
    active = Timeline(((now, "ACTIVE"),))
    cloud.record(MEMBERSHIP, body["id"], body, timeline=active, now=now, is_builtin=True)


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
