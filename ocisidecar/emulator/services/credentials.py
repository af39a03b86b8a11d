"""Identity: what users have beside API keys.  Auth tokens can be made; other credentials are listed and none exist.

Source: oci.identity.IdentityClient; Oracle, "Managing User Credentials" for the number of auth tokens.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, not_found
from ocisidecar.emulator.paging import page_of_items, page_of_records, select
from ocisidecar.emulator.schema import body
from ocisidecar.emulator.services.identity import CREATED_AT_ONCE, DELETED_AT_ONCE, IDENTITY
from ocisidecar.emulator.services.users import USERS
from ocisidecar.emulator.state import Record

MAX_AUTH_TOKENS: Final = 2

AUTH_TOKENS: Final = Collection(
    service=IDENTITY,
    kind="auth-token",
    noun="auth_token",
    plural="auth_tokens",
    ocid="credential",
    item=f"{USERS.item}/authTokens/{{authTokenId}}",
    details=body("description!"),
    changes=body("description"),
    filters=(),
    create_phases=CREATED_AT_ONCE,
    delete_phases=DELETED_AT_ONCE,
    etag="40",
)
ITEM: Final = {"collection": AUTH_TOKENS, "headers": ("etag",)}


@IDENTITY.operation(
    "POST", AUTH_TOKENS.path, "create_auth_token", details=AUTH_TOKENS.details, is_create=True, **ITEM
)
def create_auth_token(call: Call) -> Result:
    """Make an auth token for a user; only this response has it."""
    user = crud.get_usable(call, USERS.kind, call.path["userId"])
    if sum(1 for _ in call.cloud.where(AUTH_TOKENS.kind, call.now, userId=user.id)) >= MAX_AUTH_TOKENS:
        raise ServiceError("LimitExceeded", f"A user can have {MAX_AUTH_TOKENS} auth tokens")
    record = crud.create_record(call, AUTH_TOKENS)
    owner = {"compartmentId": call.cloud.tenancy_id, "userId": user.id}
    record.body |= {**owner, "freeformTags": None, "definedTags": None}
    result = crud.resource_result(call, record, created=record)
    result.body["token"] = call.cloud.ids.hexadecimal(20)
    return result


@IDENTITY.operation("GET", AUTH_TOKENS.path, "list_auth_tokens", listing="array", collection=AUTH_TOKENS)
def list_auth_tokens(call: Call) -> Result:
    """Respond with a user's auth tokens, without the tokens themselves."""
    user = call.get(USERS.kind, call.path["userId"])
    records = select(call, list(call.cloud.where(AUTH_TOKENS.kind, call.now, userId=user.id)), ())
    return page_of_records(call, records, lambda record: crud.summary(call.cloud, AUTH_TOKENS, record, call.now))


@IDENTITY.operation("PUT", AUTH_TOKENS.item, "update_auth_token", details=AUTH_TOKENS.changes, **ITEM)
def update_auth_token(call: Call) -> Result:
    """Change the description of an auth token."""
    _token(call)
    return crud.update(call)


@IDENTITY.operation("DELETE", AUTH_TOKENS.item, "delete_auth_token", status=204, collection=AUTH_TOKENS)
def delete_auth_token(call: Call) -> Result:
    """Delete an auth token."""
    _token(call)
    return crud.delete(call)


def _token(call: Call) -> Record:
    """Return the token that the path names; it must be the path's user's."""
    token = call.get(AUTH_TOKENS.kind, call.path["authTokenId"])
    if token.body["userId"] != call.path["userId"]:
        raise not_found()
    return token


def _list_nothing(call: Call) -> Result:
    call.get(USERS.kind, call.path["userId"])
    return page_of_items(call, [])


for _segment, _name in (
    ("customerSecretKeys", "list_customer_secret_keys"),
    ("dbCredentials", "list_db_credentials"),
    ("smtpCredentials", "list_smtp_credentials"),
    ("mfaTotpDevices", "list_mfa_totp_devices"),
):
    IDENTITY.declare("GET", f"{USERS.item}/{_segment}", _name, _list_nothing, listing="array")
