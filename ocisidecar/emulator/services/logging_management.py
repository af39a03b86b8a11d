"""Logging: log groups and logs.  API: logging-management/20200531.

Creates, updates and deletes have no response body; the OCID of the resource is in the work request.

Source: oci.logging.LoggingManagementClient; the texts for duplicate names are quoted from live responses.
UNCONFIRMED: the status of creates (`Assumptions.logging_create_status`), how the delete of a log group that has
logs is refused, the state after a delete that failed, and the words in a log's work request.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud, paging, tagging
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result, Service, Unique
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.state import Record
from ocisidecar.emulator.work_requests import AffectedResource, WorkRequests

RETENTION_DAYS: Final = range(30, 181, 30)
DEFAULT_RETENTION_DAYS: Final = 30

LOGGING: Final = Service(
    name="logging",
    prefixes=("logging",),
    version="/20200531",
    client="logging.LoggingManagementClient",
)
WORK_REQUESTS: Final = WorkRequests(
    service=LOGGING, ocid="logworkrequest", filters=("id", "status"), etag="8"
).declare()

CREATE_PHASES: Final = (("CREATING", "logging"), ("ACTIVE", ""))
UPDATE_PHASES: Final = (("UPDATING", "logging"), ("ACTIVE", ""))
DELETE_PHASES: Final = (("DELETING", "logging"), (None, ""))

LOG_GROUPS: Final = Collection(
    service=LOGGING,
    kind="log-group",
    noun="log_group",
    plural="log_groups",
    ocid="loggroup",
    item="/logGroups/{logGroupId}",
    binding="amaaaaaa",
    details=tagged("compartmentId! displayName! description"),
    changes=tagged("displayName description"),
    filters=("displayName",),
    create_phases=CREATE_PHASES,
    delete_phases=DELETE_PHASES,
    unique=Unique(
        member="displayName",
        scope=("compartmentId",),
        code="Conflict",
        message="A log group in the compartment already uses this display name. Use a different name.",
    ),
)
LOGS: Final = Collection(
    service=LOGGING,
    kind="log",
    noun="log",
    plural="logs",
    ocid="log",
    item="/logGroups/{logGroupId}/logs/{logId}",
    binding="amaaaaaa",
    details=tagged("displayName! logType!=CUSTOM|SERVICE isEnabled:bool retentionDuration:int configuration:any"),
    changes=tagged("displayName isEnabled:bool retentionDuration:int configuration:any"),
    filters=("logType", "displayName", "lifecycleState"),
    summary_without=frozenset({"tenancyId"}),
    create_phases=CREATE_PHASES,
    delete_phases=DELETE_PHASES,
    unique=Unique(
        member="displayName",
        scope=("logGroupId",),
        code="Conflict",
        message="A log in the log group already uses this display name. Use a different name.",
    ),
)


def _declare(collection: Collection) -> None:
    """Declare the standard operations but list; writes are accepted without a response body."""
    service, item, options = LOGGING, collection.item, {"collection": collection}
    accepted = {"status": 202, "headers": ("opc-work-request-id",), **options}
    create = {"details": collection.details, "is_create": True, **accepted}
    service.declare("POST", collection.path, f"create_{collection.noun}", _create, **create)
    service.declare("GET", item, f"get_{collection.noun}", _get, headers=("etag",), **options)
    service.declare("PUT", item, f"update_{collection.noun}", _update, details=collection.changes, **accepted)
    service.declare("DELETE", item, f"delete_{collection.noun}", _delete, **accepted)


def _create(call: Call) -> Result:
    if crud.collection_of(call) is LOGS:
        call.body = {**call.body, **_members_of_a_log(call)}
    record = crud.create_record(call, crud.collection_of(call))
    record.body["timeLastModified"] = record.body["timeCreated"]
    headers = _open_work_request(call, record, "CREATE", "CREATED")
    if call.effect(Fail) is not None:
        record.transition(call.now, [("CREATING", record.timeline.settled_at - call.now), ("FAILED", 0.0)])
    return Result(status=call.cloud.assumptions.logging_create_status, headers=headers, record=record)


def _members_of_a_log(call: Call) -> JsonObject:
    """Return the members of a log that its body lacks: group, compartment and defaults."""
    group = crud.get_usable(call, LOG_GROUPS.kind, call.path["logGroupId"])
    _require_retention(call.body)
    if (call.body["logType"] == "SERVICE") is not ("configuration" in call.body):
        raise invalid("configuration must be given for logs of type SERVICE, and only for those")
    return {
        "logGroupId": group.id,
        "compartmentId": group.body["compartmentId"],
        "tenancyId": call.cloud.tenancy_id,
        "isEnabled": call.body.get("isEnabled", True),
        "retentionDuration": call.body.get("retentionDuration", DEFAULT_RETENTION_DAYS),
    }


def _require_retention(body: JsonObject) -> None:
    days = body.get("retentionDuration", DEFAULT_RETENTION_DAYS)
    if days not in RETENTION_DAYS:
        raise invalid(f"retentionDuration must be 30 to 180 days in steps of 30: {days}")


def _get(call: Call) -> Result:
    return crud.resource_result(call, _get_record(call))


def _get_record(call: Call) -> Record:
    """Return the record that the path names; a log must be in the path's group."""
    record = call.get(crud.collection_of(call).kind, call.resource_id)
    if record.body.get("logGroupId", record.id) != call.path["logGroupId"]:
        raise not_found()
    return record


def _update(call: Call) -> Result:
    collection, record = crud.collection_of(call), _get_record(call)
    crud.get_usable(call, collection.kind, record.id)
    crud.check_etag(call, collection, record)
    tagging.check_defined_tags(call, call.body)
    _require_retention(call.body)
    if call.body.get("displayName", record.body["displayName"]) != record.body["displayName"]:
        crud.check_unique(call, collection, {**record.body, **call.body})
    if call.effect(Fail) is None:
        record.change({**call.body, "timeLastModified": timestamp(call.now)})
    record.transition(call.now, crud.draw_phases(call, record.id, UPDATE_PHASES))
    return Result(headers=_open_work_request(call, record, "UPDATE", "UPDATED"))


def _delete(call: Call) -> Result:
    collection, record = crud.collection_of(call), _get_record(call)
    crud.require_state(call, record, crud.USABLE | {"FAILED"})
    crud.check_etag(call, collection, record)
    if next(call.cloud.where(LOGS.kind, call.now, logGroupId=record.id), None) is not None:
        raise ServiceError("Conflict", f"{record.id} cannot be deleted since it still has logs")
    (deleting, seconds), *deleted = crud.draw_phases(call, record.id, DELETE_PHASES)
    ended = deleted if call.effect(Fail) is None else [("ACTIVE", 0.0)]
    record.transition(call.now, [(deleting, seconds), *ended])
    return Result(headers=_open_work_request(call, record, "DELETE", "DELETED"))


def _open_work_request(call: Call, record: Record, verb: str, action: str) -> dict[str, str]:
    collection = crud.collection_of(call)
    uri = collection.item.format(logGroupId=record.body.get("logGroupId", record.id), logId=record.id)
    return WORK_REQUESTS.open(
        call,
        operation_type=f"{verb}_{collection.noun.upper()}",
        compartment_id=record.body["compartmentId"],
        resources=[AffectedResource(collection.ocid, action, record.id, uri)],
        seconds=record.timeline.settled_at - call.now,
    )


_declare(LOG_GROUPS)
_declare(LOGS)
declare_move(
    LOG_GROUPS,
    takes_along={LOGS.kind: "logGroupId"},
    work_requests=WORK_REQUESTS,
    operation_type="MOVE_LOG_GROUP",
    has_retry_token=False,
    details=body("compartmentId"),
)


@LOGGING.operation(
    "POST",
    f"{LOGS.item}/actions/changeLogGroup",
    "change_log_log_group",
    status=202,
    headers=("opc-work-request-id",),
    details=body("targetLogGroupId"),
    collection=LOGS,
)
def change_log_log_group(call: Call) -> Result:
    """Move a log to another log group, and to that group's compartment."""
    record = crud.require_state(call, _get_record(call))
    crud.check_etag(call, LOGS, record)
    group = crud.require_state(call, call.related(LOG_GROUPS.kind, call.body.get("targetLogGroupId", "")))
    target = {"logGroupId": group.id, "compartmentId": group.body["compartmentId"]}
    crud.check_unique(call, LOGS, {**record.body, **target})
    headers = _open_work_request(call, record, "MOVE", "UPDATED")
    record.change({**target, "timeLastModified": timestamp(call.now)})
    return Result(headers=headers)


LOGGING.declare(
    "GET",
    LOG_GROUPS.path,
    "list_log_groups",
    crud.list_records,
    listing="array",
    query=("compartmentId",),
    collection=LOG_GROUPS,
)


@LOGGING.operation("GET", LOGS.path, "list_logs", listing="array", collection=LOGS)
def list_logs(call: Call) -> Result:
    """Respond with a page of the logs of a group."""
    group = call.get(LOG_GROUPS.kind, call.path["logGroupId"])
    logs = list(call.cloud.where(LOGS.kind, call.now, logGroupId=group.id))
    chosen = paging.select(call, logs, LOGS.filters)
    return paging.page_of_records(call, chosen, lambda log: crud.summary(call.cloud, LOGS, log, call.now))
