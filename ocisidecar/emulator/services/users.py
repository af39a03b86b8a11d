"""Identity: users, and the API keys that sign their requests.

Source: oci.identity.IdentityClient, oci.identity.models.User and ApiKey.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result, Unique
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.ids import etag, timestamp
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.groups import require_no_membership
from ocisidecar.emulator.services.identity import CREATED_AT_ONCE, DELETED_AT_ONCE, IDENTITY, require_in_tenancy
from ocisidecar.emulator.signature import Principal, read_public_key
from ocisidecar.emulator.state import Cloud, Record

MAX_API_KEYS: Final = 3
CAPABILITIES: Final = (
    "canUseConsolePassword",
    "canUseApiKeys",
    "canUseAuthTokens",
    "canUseSmtpCredentials",
    "canUseDbCredentials",
    "canUseCustomerSecretKeys",
    "canUseOAuth2ClientCredentials",
)
SPELLING: Final = {"canUseDbCredentials": "canUseDBCredentials"}
"""How updates spell capabilities that users show otherwise."""


def members_of_a_user(now: float) -> JsonObject:
    """Return the members that the service adds to a new user."""
    return {
        "capabilities": dict.fromkeys(CAPABILITIES, True),
        "emailVerified": False,
        "isMfaActivated": False,
        "timeModified": timestamp(now),
        "identityProviderId": None,
        "externalIdentifier": None,
    }


def _complete(call: Call) -> JsonObject:
    require_in_tenancy(call)
    return members_of_a_user(call.now)


def _add_api_key_table(_call: Call, user: Record) -> None:
    user.hidden["api_keys"] = {}


def _release(call: Call, user: Record) -> None:
    require_no_membership(call, "userId", user)
    for token in call.cloud.where("auth-token", call.now, userId=user.id):
        token.transition(call.now, [(None, 0.0)])
    for fingerprint in user.hidden["api_keys"]:
        call.cloud.keys.remove_api_key(_principal(call, user), fingerprint)


USERS: Final = crud.declare_collection(
    Collection(
        service=IDENTITY,
        kind="user",
        noun="user",
        plural="users",
        ocid="user",
        item="/users/{userId}",
        null_members=frozenset({"identityProviderId", "externalIdentifier"}),
        details=tagged("compartmentId! name! description! email"),
        changes=tagged("description email dbUserName:unsupported"),
        filters=("name", "lifecycleState"),
        create_phases=CREATED_AT_ONCE,
        delete_phases=DELETED_AT_ONCE,
        etag="40",
        unique=Unique(member="name", scope=(), code="UserAlreadyExists", message="User '{name}' already exists"),
        before_create=_complete,
        after_create=_add_api_key_table,
        before_delete=_release,
    )
)


def _principal(call: Call, user: Record) -> Principal:
    return Principal(id=user.id, tenancy_id=call.cloud.tenancy_id)


@IDENTITY.operation(
    "PUT",
    f"{USERS.item}/capabilities",
    "update_user_capabilities",
    details=body(" ".join(f"{SPELLING.get(name, name)}:bool" for name in CAPABILITIES)),
    headers=("etag",),
    collection=USERS,
)
def update_user_capabilities(call: Call) -> Result:
    """Change what a user may have.  The emulator does not enforce it."""
    user = crud.get_usable(call, "user", call.path["userId"])
    crud.check_etag(call, USERS, user)
    given = {name: SPELLING.get(name, name) for name in CAPABILITIES}
    changes = {name: call.body[sent] for name, sent in given.items() if sent in call.body}
    user.change({"capabilities": {**user.body["capabilities"], **changes}})
    return crud.resource_result(call, user)


@IDENTITY.operation("GET", f"{USERS.item}/apiKeys", "list_api_keys", listing="array")
def list_api_keys(call: Call) -> Result:
    """Respond with a user's API keys."""
    return Result(body=list(call.get("user", call.path["userId"]).hidden["api_keys"].values()))


@IDENTITY.operation(
    "POST", f"{USERS.item}/apiKeys", "upload_api_key", details=body("key!"), is_create=True, headers=("etag",)
)
def upload_api_key(call: Call) -> Result:
    """Add an API key: requests that it signs are the user's from now on."""
    user = crud.get_usable(call, "user", call.path["userId"])
    keys = user.hidden["api_keys"]
    if len(keys) >= MAX_API_KEYS:
        raise ServiceError("LimitExceeded", f"A user can have {MAX_API_KEYS} API keys")
    try:
        public = read_public_key(call.body["key"])
    except ValueError as exc:
        raise invalid(f"key: {exc}") from exc
    stored = store_api_key(call.cloud, user, public, call.body["key"])
    return Result(body=stored, headers={"etag": etag(stored["fingerprint"], 0, "ACTIVE", USERS.etag)})


def store_api_key(cloud: Cloud, user: Record, public: RSAPublicKey, text: str) -> JsonObject:
    """Accept requests that a key signs for a user; returns the stored key."""
    principal = Principal(id=user.id, tenancy_id=cloud.tenancy_id)
    fingerprint = cloud.keys.add_api_key(principal, public)
    stored = {
        "keyId": f"{principal.tenancy_id}/{user.id}/{fingerprint}",
        "keyValue": text,
        "fingerprint": fingerprint,
        "userId": user.id,
        "timeCreated": timestamp(cloud.clock.time()),
        "lifecycleState": "ACTIVE",
    }
    user.hidden["api_keys"][fingerprint] = stored
    return stored


@IDENTITY.operation("DELETE", f"{USERS.item}/apiKeys/{{fingerprint}}", "delete_api_key", status=204)
def delete_api_key(call: Call) -> Result:
    """Delete an API key: requests that it signs are refused from now on."""
    user = call.get("user", call.path["userId"])
    fingerprint = call.path["fingerprint"]
    if fingerprint not in user.hidden["api_keys"]:
        raise not_found()
    if call.headers.get("if-match") not in {None, "*", etag(fingerprint, 0, "ACTIVE", USERS.etag)}:
        raise ServiceError("NoEtagMatch")
    del user.hidden["api_keys"][fingerprint]
    call.cloud.keys.remove_api_key(_principal(call, user), fingerprint)
    return Result()
