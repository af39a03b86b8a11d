"""The resources that a tenancy has from the start: itself, a compartment to work in, an administrator."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.services.users import members_of_a_user, store_api_key
from ocisidecar.emulator.signature import public_pem
from ocisidecar.emulator.state import Cloud


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
    fingerprint: str = store_api_key(cloud, user, key, public_pem(key))["fingerprint"]
    return fingerprint


def create_builtin_tenancy(cloud: Cloud) -> None:
    """Add the tenancy and the compartment that is ready for use to an empty cloud."""
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
