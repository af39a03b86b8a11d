"""The standard operations of a collection (create, list, get, update, delete), written once for all services."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Final

from attrs import evolve

from ocisidecar.emulator.declarations import Call, Collection, PhaseNames, Result
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.faults import Stall
from ocisidecar.emulator.ids import etag, timestamp
from ocisidecar.emulator.lifecycle import Phase, Timeline
from ocisidecar.emulator.paging import page_of_records, select
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.service_limits import check_limits
from ocisidecar.emulator.state import ENDED, Cloud, Record
from ocisidecar.emulator.tagging import check_defined_tags, with_defaults

USABLE: Final = frozenset({"AVAILABLE", "ACTIVE", "INACTIVE"})
"""States in which a resource can be changed and referred to."""


def declare_collection(collection: Collection) -> Collection:
    """Declare the operations of a collection with its service."""
    service, item = collection.service, collection.item
    if collection.details is not None:
        service.declare(
            "POST",
            collection.path,
            f"create_{collection.noun}",
            create,
            details=collection.details,
            headers=("etag",),
            is_create=True,
            collection=collection,
        )
    if collection.is_listed:
        service.declare(
            "GET",
            collection.path,
            f"list_{collection.plural}",
            list_records,
            listing=service.listing,
            query=collection.query,
            collection=collection,
        )
    service.declare("GET", item, f"get_{collection.noun}", get, headers=("etag",), collection=collection)
    if collection.changes is not None:
        service.declare(
            "PUT",
            item,
            f"update_{collection.noun}",
            update,
            details=collection.changes,
            headers=("etag",),
            collection=collection,
        )
    if collection.is_deletable:
        service.declare("DELETE", item, f"delete_{collection.noun}", delete, status=204, collection=collection)
    return collection


def collection_of(call: Call) -> Collection:
    """Return the collection of the call's operation."""
    collection = call.operation.collection
    if collection is None:
        raise TypeError(f"{call.operation.name} belongs to no collection")
    return collection


def create(call: Call) -> Result:
    """Create a resource and respond with it."""
    record = create_record(call, collection_of(call))
    return resource_result(call, record, created=record)


def get(call: Call) -> Result:
    """Respond with one resource."""
    return resource_result(call, call.get(collection_of(call).kind, call.resource_id))


def list_records(call: Call) -> Result:
    """Respond with a page of resources."""
    collection = collection_of(call)
    if "compartmentId" in call.query:
        call.compartment(call.query["compartmentId"])
    records = select(
        call,
        call.cloud.store.all(collection.kind, call.now),
        collection.filters if _is_for_subtree(call) else ("compartmentId", *collection.filters),
    )
    result = page_of_records(call, records, lambda record: summary(call.cloud, collection, record, call.now))
    if collection.list_totals is None:
        return result
    return evolve(result, body=result.body | collection.list_totals(call, records))


def _is_for_subtree(call: Call) -> bool:
    """Return whether a list is for all compartments below the tenancy, as some services offer."""
    if call.query.get("compartmentIdInSubtree", "").lower() != "true":
        return False
    if call.query.get("compartmentId") != call.cloud.tenancy_id:
        raise invalid("compartmentIdInSubtree can be true for the tenancy only")
    return True


def update(call: Call) -> Result:
    """Change the members that may change and respond with the resource."""
    collection = collection_of(call)
    record = get_usable(call, collection.kind, call.resource_id)
    check_etag(call, collection, record)
    null_removes_field = call.cloud.assumptions.null_removes_field
    changes = {name: value for name, value in call.body.items() if null_removes_field or value is not None}
    check_defined_tags(call, changes)
    check_references(call, collection, {**record.body, **changes}, tuple(changes))
    if collection.before_update is not None:
        changes = collection.before_update(call, record, changes)
    record.change(changes)
    return resource_result(call, record)


def delete(call: Call) -> Result:
    """Delete a resource: it enters the phases of its collection's delete."""
    collection = collection_of(call)
    record = call.get(collection.kind, call.resource_id)
    check_etag(call, collection, record)
    state = record.state_at(call.now)
    if state in ENDED:
        raise not_found()
    if state in {name for name, _ in collection.delete_phases}:
        raise ServiceError("IncorrectState", f"{record.id} is in state {state}")
    if collection.before_delete is not None:
        collection.before_delete(call, record)
    record.transition(call.now, draw_phases(call, record.id, collection.delete_phases))
    return Result()


def create_record(call: Call, collection: Collection) -> Record:
    """Validate the call's body, add the service's own members, and store the new resource."""
    cloud, body = call.cloud, call.body
    if "compartmentId" in body:
        call.compartment(body["compartmentId"])
    for member, kind in collection.parents.items():
        get_usable(call, kind, body[member])
    check_defined_tags(call, body)
    check_references(call, collection, body, tuple(body))
    check_unique(call, collection, body)
    added = collection.before_create(call) if collection.before_create is not None else {}
    check_limits(cloud, collection.kind, body | added, region=call.region, now=call.now)
    region = "" if call.operation.service.is_global else call.region
    record_id = cloud.ids.ocid(collection.ocid, region, collection.binding, slots=collection.ocid_slots)
    record = cloud.record(
        collection.kind,
        record_id,
        {
            "id": record_id,
            "timeCreated": timestamp(call.now),
            "freeformTags": {},
            **body,
            "definedTags": with_defaults(call, body),
            **added,
        },
        timeline=Timeline.starting(call.now, draw_phases(call, record_id, collection.create_phases)),
        now=call.now,
        region=call.region,
    )
    if collection.details is not None and "displayName" in collection.details.fields:
        record.body.setdefault("displayName", default_name(collection.kind, call.now))
    if collection.after_create is not None:
        collection.after_create(call, record)
    return record


def default_name(kind: str, now: float) -> str:
    """Return the displayName that a resource gets when it is created without one."""
    return kind.replace("-", "") + datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")


def get_usable(call: Call, kind: str, record_id: str) -> Record:
    """Return a record that others may refer to; ServiceError 404 when it does not exist, 409 when it is busy."""
    return require_state(call, call.get(kind, record_id))


def require_state(call: Call, record: Record, states: Container[str | None] = USABLE) -> Record:
    """Return the record; ServiceError 409 when its state is another one.  UNCONFIRMED: the text."""
    state = record.state_at(call.now)
    if state not in states:
        raise ServiceError("IncorrectState", f"{record.id} is in state {state}")
    return record


def check_references(call: Call, collection: Collection, body: JsonObject, members: Sequence[str]) -> None:
    """Raise ServiceError 400 for a reference to a resource that is missing or belongs to another parent."""
    for member, kind in collection.references.items():
        if member not in members:
            continue
        value = body[member]
        for record_id in value if isinstance(value, list) else [value]:
            related = call.related(kind, record_id)
            owner = collection.common_parent
            if owner and related.body.get(owner) != body.get(owner):
                raise invalid(f"{member} {record_id} does not belong to {owner} {body.get(owner)}")
            require_state(call, related)


def check_unique(call: Call, collection: Collection, body: JsonObject) -> None:
    """Raise ServiceError 409 for a duplicate of a name that must be unique."""
    unique = collection.unique
    if unique is None or unique.member not in body:
        return
    wanted = {name: body.get(name) for name in (unique.member, *unique.scope)}
    for record in call.cloud.where(collection.kind, call.now, **wanted):
        is_seen = call.operation.service.is_global or record.region == call.region
        if is_seen and record.state_at(call.now) not in {"DELETED", "TERMINATED"}:
            raise ServiceError(unique.code, unique.message.replace("{name}", body[unique.member]), status=409)


def check_etag(call: Call, collection: Collection, record: Record) -> None:
    """Raise ServiceError 412 when if-match names another version; `--gzip` is a suffix of compressed responses."""
    wanted = call.headers.get("if-match")
    if wanted in {None, "*"}:
        return
    if (wanted or "").strip('"').removesuffix("--gzip") != entity_tag(collection, record, call.now):
        raise ServiceError("NoEtagMatch")


def entity_tag(collection: Collection, record: Record, now: float) -> str:
    """Return the record's entity tag."""
    return etag(record.id, record.version, record.state_at(now), collection.etag)


def draw_phases(call: Call, record_id: str, named: PhaseNames) -> list[Phase]:
    """Draw the durations of a lifecycle's phases; an injected `Stall` makes the first one endless."""
    drawn = call.cloud.draw_phases(record_id, named)
    if call.effect(Stall) is not None:
        drawn[0] = (drawn[0][0], inf)
    return drawn


def resource_result(call: Call, record: Record, *, created: Record | None = None) -> Result:
    """Respond with a resource and its entity tag."""
    collection = collection_of(call)
    return Result(
        body=view(call.cloud, collection, record, call.now),
        headers={"etag": entity_tag(collection, record, call.now)},
        record=created,
    )


def view(cloud: Cloud, collection: Collection, record: Record, now: float) -> JsonObject:
    """Return a resource's wire JSON at `now`."""
    body = dict(record.body)
    if collection.state_member:
        body[collection.state_member] = record.state_at(now)
    if collection.view is not None:
        body.update(collection.view(cloud, record, now))
    if collection.service.writes_nulls:
        return body
    return {name: value for name, value in body.items() if value is not None or name in collection.null_members}


def summary(cloud: Cloud, collection: Collection, record: Record, now: float) -> JsonObject:
    """Return the members of a resource that lists contain."""
    body = view(cloud, collection, record, now)
    return {name: value for name, value in body.items() if name not in collection.summary_without}
