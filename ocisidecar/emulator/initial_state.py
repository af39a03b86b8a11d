"""The resources that a tenancy has from the start: itself, a compartment to work in, an administrator."""

from __future__ import annotations

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.state import Cloud


def create_builtin_user(cloud: Cloud, user_id: str, name: str) -> None:
    """Add an administrator to the tenancy."""
    now = cloud.clock.time()
    body = {
        "id": user_id,
        "compartmentId": cloud.tenancy_id,
        "name": name,
        "description": name,
        "emailVerified": False,
        "isMfaActivated": False,
        "timeCreated": timestamp(now),
        "freeformTags": {},
        "definedTags": {},
    }
    active = Timeline(((now, "ACTIVE"),))
    cloud.record("user", user_id, body, timeline=active, now=now, is_builtin=True).hidden["api_keys"] = {}


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
