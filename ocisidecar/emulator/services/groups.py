"""Identity: groups of users and their members.

Source: oci.identity.IdentityClient: a group that has members, and a user who is a member, cannot be deleted.
UNCONFIRMED: codes and texts of these refusals.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result, Unique
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.identity import CREATED_AT_ONCE, DELETED_AT_ONCE, IDENTITY, require_in_tenancy
from ocisidecar.emulator.state import Record

MEMBERSHIP: Final = "user-group-membership"


def _complete_group(call: Call) -> JsonObject:
    require_in_tenancy(call)
    return {}


def require_no_membership(call: Call, member: str, record: Record) -> None:
    """Raise ServiceError 409 while a membership refers to the record by its member `userId` or `groupId`."""
    if next(call.cloud.where(MEMBERSHIP, call.now, **{member: record.id}), None) is not None:
        raise ServiceError("Conflict", f"{record.body['name']} still has group memberships")


GROUPS: Final = crud.declare_collection(
    Collection(
        service=IDENTITY,
        kind="group",
        noun="group",
        plural="groups",
        ocid="group",
        item="/groups/{groupId}",
        details=tagged("compartmentId! name! description!"),
        changes=tagged("description"),
        filters=("name", "lifecycleState"),
        create_phases=CREATED_AT_ONCE,
        delete_phases=DELETED_AT_ONCE,
        etag="40",
        unique=Unique(member="name", scope=(), code="GroupAlreadyExists", message="Group '{name}' already exists"),
        before_create=_complete_group,
        before_delete=lambda call, group: require_no_membership(call, "groupId", group),
    )
)


def _complete_membership(call: Call) -> JsonObject:
    wanted = {"userId": call.body["userId"], "groupId": call.body["groupId"]}
    for member, kind in (("userId", "user"), ("groupId", "group")):
        crud.require_state(call, call.related(kind, wanted[member]))
    if next(call.cloud.where(MEMBERSHIP, call.now, **wanted), None) is not None:
        raise ServiceError("Conflict", "The user is a member of the group already")
    return {"compartmentId": call.cloud.tenancy_id, "freeformTags": None, "definedTags": None}


MEMBERSHIPS: Final = Collection(
    service=IDENTITY,
    kind=MEMBERSHIP,
    noun="user_group_membership",
    plural="user_group_memberships",
    ocid="groupmembership",
    item="/userGroupMemberships/{userGroupMembershipId}",
    details=body("userId! groupId!"),
    filters=("userId", "groupId"),
    create_phases=CREATED_AT_ONCE,
    delete_phases=DELETED_AT_ONCE,
    etag="40",
    before_create=_complete_membership,
)
IDENTITY.declare(
    "POST",
    MEMBERSHIPS.path,
    "add_user_to_group",
    crud.create,
    details=MEMBERSHIPS.details,
    headers=("etag",),
    is_create=True,
    collection=MEMBERSHIPS,
)
IDENTITY.declare(
    "GET",
    MEMBERSHIPS.item,
    "get_user_group_membership",
    crud.get,
    headers=("etag",),
    collection=MEMBERSHIPS,
)
IDENTITY.declare(
    "DELETE", MEMBERSHIPS.item, "remove_user_from_group", crud.delete, status=204, collection=MEMBERSHIPS
)


@IDENTITY.operation(
    "GET",
    MEMBERSHIPS.path,
    "list_user_group_memberships",
    listing="array",
    query=("compartmentId",),
    collection=MEMBERSHIPS,
)
def list_user_group_memberships(call: Call) -> Result:
    """Respond with the memberships of a user, of a group, or of both; the query must name one of them."""
    call.compartment(call.query["compartmentId"])
    if not set(MEMBERSHIPS.filters) & set(call.query):
        raise invalid("userId or groupId must be given")
    records = select(call, call.cloud.store.all(MEMBERSHIP, call.now), ("compartmentId", *MEMBERSHIPS.filters))
    return page_of_records(call, records, lambda record: crud.summary(call.cloud, MEMBERSHIPS, record, call.now))
