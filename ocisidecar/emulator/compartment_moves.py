"""Moves of resources to another compartment, written once for all kinds.

Source: the SDK's change_..._compartment methods, and the response types of Oracle's SDK for Go: a work request for
some kinds, an entity tag for the others.  UNCONFIRMED: the status 200 of the latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.schema import Schema, body
from ocisidecar.emulator.work_requests import AffectedResource, WorkRequests

MOVABLE: Final = crud.USABLE | {"PENDING"}
DETAILS: Final = body("compartmentId!")
_NOTHING: Final[Mapping[str, str]] = {}


def declare_move(
    collection: Collection,
    *,
    takes_along: Mapping[str, str] = _NOTHING,
    work_requests: WorkRequests | None = None,
    operation_type: str = "",
    has_retry_token: bool = True,
    details: Schema = DETAILS,
) -> None:
    """Declare the move of a collection's resources to another compartment.

    Args:
        collection: of what is moved.
        takes_along: kinds of parts that move too, by the member that holds their owner's id.
        work_requests: of the service, when a move is accepted as one.
        operation_type: of the work request; by default the name of the operation in capitals.
        has_retry_token: whether opc-retry-token applies.
        details: of the body.
    """
    answer: dict[str, Any] = {"headers": ("etag",)}
    if work_requests is not None:
        answer = {"status": 202, "headers": ("opc-work-request-id",)}
    collection.service.declare(
        "POST",
        f"{collection.item}/actions/changeCompartment",
        f"change_{collection.noun}_compartment",
        _Move(collection, takes_along, work_requests, operation_type),
        details=details,
        is_create=has_retry_token,
        collection=collection,
        **answer,
    )


@frozen
class _Move:
    """The handler of a move; the arguments are those of `declare_move`."""

    collection: Collection
    takes_along: Mapping[str, str]
    work_requests: WorkRequests | None
    operation_type: str

    def __call__(self, call: Call) -> Result:
        collection, record = self.collection, call.get(self.collection.kind, call.resource_id)
        if collection.state_member:
            crud.require_state(call, record, MOVABLE)
        crud.check_etag(call, collection, record)
        target = {"compartmentId": call.compartment(call.body.get("compartmentId", "")).id}
        source = record.body["compartmentId"]
        if collection.unique is not None and "compartmentId" in collection.unique.scope:
            crud.check_unique(call, collection, {**record.body, **target})
        record.change(target)
        for kind, member in self.takes_along.items():
            for part in call.cloud.where(kind, call.now, **{member: record.id}):
                part.change(target)
        if self.work_requests is None:
            return Result(headers={"etag": crud.entity_tag(collection, record, call.now)})
        headers = self.work_requests.open(
            call,
            operation_type=self.operation_type or call.operation.name.upper(),
            compartment_id=source,
            resources=[AffectedResource(collection.ocid, "UPDATED", record.id, f"{collection.path}/{record.id}")],
            seconds=0.0,
        )
        return Result(headers=headers)
