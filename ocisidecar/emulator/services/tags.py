"""Identity: tag namespaces, their tags, and tag defaults.

Source: oci.identity.IdentityClient: a namespace or tag is retired before it can be deleted.
UNCONFIRMED: codes and texts of refusals.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result, Unique
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject, Variants, body, tagged
from ocisidecar.emulator.services.identity import DELETE_PHASES, IDENTITY, TAGGING_WORK_REQUESTS
from ocisidecar.emulator.state import Record
from ocisidecar.emulator.work_requests import AffectedResource

NO_VALIDATOR: Final = "DEFAULT"
"""The validator that stands for none: answers leave it out.  Source: DefaultTagDefinitionValidator."""
_CREATE_PHASES: Final = (("ACTIVE", ""),)
"""The SDK's models of tags have no state for what is being created."""
VALIDATOR: Final = Variants("validatorType", {"ENUM": body("values:strings"), NO_VALIDATOR: body("")})


def _not_retired(_call: Call) -> JsonObject:
    return {"isRetired": False}


def _release_namespace(call: Call, namespace: Record) -> None:
    _require_retired(namespace)
    if next(call.cloud.where("tag", call.now, tagNamespaceId=namespace.id), None) is not None:
        raise ServiceError("IncorrectState", f"{namespace.body['name']} still has tags")


def _retire_tags(call: Call, namespace: Record, changes: JsonObject) -> JsonObject:
    """Retire the tags of a namespace with it; they stay retired when it is reactivated.

    Source: oci.identity.IdentityClient.update_tag_namespace.
    """
    if changes.get("isRetired"):
        for tag in call.cloud.where("tag", call.now, tagNamespaceId=namespace.id, isRetired=False):
            tag.change({"isRetired": True})
    return changes


def _without_default_validator(members: JsonObject) -> JsonObject:
    is_default = members.get("validator", {}).get("validatorType") == NO_VALIDATOR
    return {**members, "validator": None} if is_default else members


def _require_retired(record: Record) -> None:
    if not record.body["isRetired"]:
        raise ServiceError("IncorrectState", f"{record.body['name']} must be retired first")


NAMESPACES: Final = crud.declare_collection(
    Collection(
        service=IDENTITY,
        kind="tag-namespace",
        noun="tag_namespace",
        plural="tag_namespaces",
        ocid="tagnamespace",
        item="/tagNamespaces/{tagNamespaceId}",
        details=tagged("compartmentId! name! description! locks:unsupported"),
        changes=tagged("description isRetired:bool"),
        filters=("lifecycleState",),
        create_phases=_CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        etag="40",
        unique=Unique(
            member="name",
            scope=(),
            code="TagNamespaceAlreadyExists",
            message="Tag Namespace '{name}' already exists",
        ),
        before_create=_not_retired,
        before_update=_retire_tags,
        is_listed=False,
        before_delete=_release_namespace,
    )
)
declare_move(NAMESPACES, takes_along={"tag": "tagNamespaceId"})


@IDENTITY.operation(
    "GET",
    NAMESPACES.path,
    "list_tag_namespaces",
    listing="array",
    query=("compartmentId",),
    collection=NAMESPACES,
)
def list_tag_namespaces(call: Call) -> Result:
    """Respond with the tag namespaces of a compartment, with includeSubcompartments of all below it, too."""
    compartment = call.compartment(call.query["compartmentId"])
    is_deep = call.query.get("includeSubcompartments", "").lower() == "true"
    records = [
        record
        for record in select(call, call.cloud.store.all(NAMESPACES.kind, call.now), NAMESPACES.filters)
        if record.body["compartmentId"] == compartment.id
        or (is_deep and compartment.id in call.cloud.path_to_root(record.body["compartmentId"], call.now))
    ]
    return page_of_records(call, records, lambda record: crud.summary(call.cloud, NAMESPACES, record, call.now))


TAGS: Final = Collection(
    service=IDENTITY,
    kind="tag",
    noun="tag",
    plural="tags",
    ocid="tagdefinition",
    item="/tagNamespaces/{tagNamespaceId}/tags/{tagName}",
    details=tagged("name! description! isCostTracking:bool validator", validator=VALIDATOR),
    changes=tagged("description isRetired:bool isCostTracking:bool validator", validator=VALIDATOR),
    filters=("lifecycleState",),
    create_phases=_CREATE_PHASES,
    delete_phases=DELETE_PHASES,
    etag="40",
    summary_without=frozenset({"tagNamespaceId", "tagNamespaceName", "validator"}),
    unique=Unique(
        member="name",
        scope=("tagNamespaceId",),
        code="TagDefinitionAlreadyExists",
        message="Tag '{name}' already exists",
    ),
)
ITEM: Final = {"collection": TAGS, "headers": ("etag",)}


@IDENTITY.operation("POST", TAGS.path, "create_tag", details=TAGS.details, is_create=True, **ITEM)
def create_tag(call: Call) -> Result:
    """Define a tag in a namespace."""
    namespace = crud.get_usable(call, "tag-namespace", call.path["tagNamespaceId"])
    if namespace.body["isRetired"]:
        raise ServiceError("IncorrectState", f"{namespace.body['name']} is retired")
    call.body = {
        **_without_default_validator(call.body),
        "compartmentId": namespace.body["compartmentId"],
        "tagNamespaceId": namespace.id,
        "tagNamespaceName": namespace.body["name"],
        "isRetired": False,
        "isCostTracking": call.body.get("isCostTracking", False),
    }
    record = crud.create_record(call, TAGS)
    return crud.resource_result(call, record, created=record)


@IDENTITY.operation("GET", TAGS.path, "list_tags", listing="array", collection=TAGS)
def list_tags(call: Call) -> Result:
    """Respond with the tags of a namespace."""
    namespace = call.get("tag-namespace", call.path["tagNamespaceId"])
    tags = list(call.cloud.where("tag", call.now, tagNamespaceId=namespace.id))
    return page_of_records(
        call,
        select(call, tags, TAGS.filters),
        lambda record: crud.summary(call.cloud, TAGS, record, call.now),
    )


@IDENTITY.operation(
    "GET",
    f"{NAMESPACES.path}/actions/listCostTrackingTags",
    "list_cost_tracking_tags",
    listing="array",
    query=("compartmentId",),
)
def list_cost_tracking_tags(call: Call) -> Result:
    """Respond with the tenancy's tags that are enabled for cost tracking."""
    if call.query["compartmentId"] != call.cloud.tenancy_id:
        raise not_found()
    records = list(call.cloud.where("tag", call.now, isCostTracking=True))
    return page_of_records(call, records, lambda record: crud.view(call.cloud, TAGS, record, call.now))


@IDENTITY.operation("GET", TAGS.item, "get_tag", **ITEM)
def get_tag(call: Call) -> Result:
    """Respond with one tag."""
    return crud.resource_result(call, _tag(call))


@IDENTITY.operation("PUT", TAGS.item, "update_tag", details=TAGS.changes, **ITEM)
def update_tag(call: Call) -> Result:
    """Change or retire a tag."""
    tag = _tag(call)
    crud.check_etag(call, TAGS, tag)
    tag.change(_without_default_validator(call.body))
    return crud.resource_result(call, tag)


@IDENTITY.operation(
    "DELETE", TAGS.item, "delete_tag", status=202, headers=("opc-work-request-id",), collection=TAGS
)
def delete_tag(call: Call) -> Result:
    """Delete a retired tag."""
    tag = _tag(call)
    crud.check_etag(call, TAGS, tag)
    _require_retired(tag)
    (_, seconds), *_ = ending = crud.draw_phases(call, tag.id, DELETE_PHASES)
    tag.transition(call.now, ending)
    headers = TAGGING_WORK_REQUESTS.open(
        call,
        operation_type="DELETE_TAG_DEFINITION",
        compartment_id=tag.body["compartmentId"],
        resources=[AffectedResource(tag.kind, "DELETED", tag.id, f"/{tag.kind}/{tag.id}")],
        seconds=seconds,
    )
    return Result(headers=headers)


def _tag(call: Call) -> Record:
    wanted = {"tagNamespaceId": call.path["tagNamespaceId"], "name": call.path["tagName"]}
    tag = next(call.cloud.where("tag", call.now, **wanted), None)
    if tag is None:
        raise not_found()
    return tag


def _complete_default(call: Call) -> JsonObject:
    definition = call.related("tag", call.body["tagDefinitionId"])
    wanted = {"compartmentId": call.body["compartmentId"], "tagDefinitionId": definition.id}
    if next(call.cloud.where("tag-default", call.now, **wanted), None) is not None:
        raise invalid(f"A tag default for {definition.body['name']} exists in the compartment")
    return {
        "isRequired": call.body.get("isRequired", False),
        "tagDefinitionName": definition.body["name"],
        "tagNamespaceId": definition.body["tagNamespaceId"],
        "freeformTags": None,
        "definedTags": None,
    }


def _note_namespace(call: Call, default: Record) -> None:
    definition = call.related("tag", default.body["tagDefinitionId"])
    default.hidden["namespace"] = definition.body["tagNamespaceName"]


TAG_DEFAULTS: Final = crud.declare_collection(
    Collection(
        service=IDENTITY,
        kind="tag-default",
        noun="tag_default",
        plural="tag_defaults",
        ocid="tagdefault",
        item="/tagDefaults/{tagDefaultId}",
        details=body("compartmentId! tagDefinitionId! value! isRequired:bool locks:unsupported"),
        changes=body("value! isRequired:bool"),
        filters=("id", "tagDefinitionId", "lifecycleState"),
        query=(),
        create_phases=_CREATE_PHASES,
        delete_phases=((None, ""),),
        etag="40",
        before_create=_complete_default,
        after_create=_note_namespace,
    )
)
