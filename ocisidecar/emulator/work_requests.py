"""Work requests: the progress of accepted changes, written once for all services.

A work request has its own timeline: ACCEPTED, IN_PROGRESS, then SUCCEEDED or FAILED; its resources'
action is IN_PROGRESS until the end, and core's stays so.

Source: oci.container_instances.models.WorkRequest, oci.logging.models.WorkRequest, oci.work_requests.models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from attrs import evolve, frozen

from ocisidecar.emulator import paging
from ocisidecar.emulator.declarations import Call, Collection, Result, Service
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import Binding, etag, timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.state import Cloud, Record

UNFINISHED: Final = frozenset({"ACCEPTED", "IN_PROGRESS"})


@frozen
class AffectedResource:
    """A resource that a work request affects.

    Args:
        entity_type: the service's word for its kind.
        action: CREATED, UPDATED, DELETED or RELATED: what will have happened to it.
        identifier: its OCID.
        uri: its path in the service's API.
    """

    entity_type: str
    action: str
    identifier: str
    uri: str


@frozen(kw_only=True)
class WorkRequests:
    """The work requests of one service.

    Args:
        service: to which they belong.
        ocid: the kind slot of their ids.
        binding: how the unique part of their ids begins.
        client: the SDK's client class that reads them, by default that of the service.
        path: of their collection.
        noun: in the names of SDK methods.
        operation_types: those that this path shows; empty for all of the service's.
        has_parts: whether errors and logs can be listed.
        is_action_final: whether the resources' action changes from IN_PROGRESS when the work has succeeded.
        filters: query parameters of the list that select by equality.
        summary_without: members that the list leaves out.
        etag: digits of their entity tags; empty for none.
    """

    service: Service
    ocid: str
    binding: Binding = "aaaaaaaa"
    client: str = ""
    path: str = "/workRequests"
    noun: str = "work_request"
    operation_types: frozenset[str] = frozenset()
    has_parts: bool = True
    is_action_final: bool = True
    filters: tuple[str, ...]
    summary_without: frozenset[str] = frozenset()
    etag: str = ""

    @property
    def kind(self) -> str:
        """The kind of their records."""
        return f"{self.service.name}-work-request"

    def declare(self) -> WorkRequests:
        """Declare list, get, list errors and list logs with the service."""
        collection = Collection(
            service=self.service,
            kind=self.kind,
            noun=self.noun,
            plural=f"{self.noun}s",
            ocid=self.ocid,
            item=f"{self.path}/{{workRequestId}}",
            filters=self.filters,
            create_phases=(),
            delete_phases=(),
        )
        service, item = self.service, collection.item
        options = {"collection": collection, "client": self.client or service.client}
        listing = {"listing": service.listing, **options}
        service.declare("GET", self.path, f"list_{self.noun}s", self._list, query=("compartmentId",), **listing)
        service.declare("GET", item, f"get_{self.noun}", self._get, **options)
        for part in ("errors", "logs") if self.has_parts else ():
            service.declare("GET", f"{item}/{part}", f"list_{self.noun}_{part}", self._parts(part), **listing)
        return self

    def open(
        self,
        call: Call,
        *,
        operation_type: str,
        compartment_id: str,
        resources: Sequence[AffectedResource],
        seconds: float,
    ) -> dict[str, str]:
        """Create a work request that ends after `seconds`, FAILED when a failure was injected into the call.

        Args:
            call: the accepted request.
            operation_type: CREATE_LOG and the like.
            compartment_id: where the work is done.
            resources: those that it affects.
            seconds: how long the work takes; infinite for work that stalls, or that `finish` ends.

        Returns:
            The response header that names the work request.
        """
        failure = call.effect(Fail)
        request_id = call.cloud.ids.ocid(self.ocid, call.region, self.binding)
        started: list[tuple[str | None, float]] = [("ACCEPTED", 0.0), ("IN_PROGRESS", seconds)]
        record = call.cloud.record(
            self.kind,
            request_id,
            {
                "id": request_id,
                "operationType": operation_type,
                "compartmentId": compartment_id,
                "timeAccepted": timestamp(call.now),
            },
            timeline=Timeline.starting(call.now, [*started, ("FAILED" if failure else "SUCCEEDED", inf)]),
            now=call.now,
            region=call.region,
            is_part=True,
        )
        record.hidden["resources"] = tuple(resources)
        record.hidden["owner"] = self
        _set_failure(record, failure)
        return {"opc-work-request-id": request_id}

    def finish(self, cloud: Cloud, request_id: str, at: float, failure: Fail | None = None) -> None:
        """End a work request at `at`, which may be in the future: FAILED with a failure, else SUCCEEDED."""
        record = cloud.store.find(self.kind, request_id, at)
        if record is None:
            raise KeyError(request_id)
        record.timeline = record.timeline.then(at, [("FAILED" if failure else "SUCCEEDED", inf)])
        _set_failure(record, failure)

    def view(self, record: Record, now: float) -> JsonObject:
        """Return the wire JSON of a work request at `now`."""
        status = record.state_at(now)
        is_finished = status not in UNFINISHED
        ended = timestamp(record.timeline.settled_at) if is_finished else None
        body = {
            **record.body,
            "status": status,
            "percentComplete": 100.0 if is_finished else 0.0,
            "resources": [self._resource(affected, status) for affected in record.hidden["resources"]],
            "timeStarted": record.body["timeAccepted"] if status != "ACCEPTED" else None,
            "timeFinished": ended,
        }
        return body if self.service.writes_nulls else {key: body[key] for key in body if body[key] is not None}

    def _list(self, call: Call) -> Result:
        """Respond with the work requests of a compartment, which may be deleted.

        At an endpoint that several services share, those of all services whose list has this path.
        """
        compartment_id = call.query["compartmentId"]
        if call.cloud.store.find("compartment", compartment_id, call.now) is None:
            raise not_found()
        listings = [(one, one.collection) for one in (call.operation, *call.alternatives) if one.collection]
        filters = {name for _, collection in listings for name in collection.filters}
        wanted = {name: call.query[name] for name in filters if name in call.query}
        chosen = [
            record
            for operation, collection in listings
            for record in paging.select(
                evolve(call, operation=operation), call.cloud.store.all(collection.kind, call.now), ()
            )
            if self._is_shown(record) and _is_selected(record, call.now, compartment_id, wanted)
        ]
        return paging.page_of_records(call, chosen, lambda record: _owner(record).summary(record, call.now))

    def summary(self, record: Record, now: float) -> JsonObject:
        """Return the members of a work request that lists contain."""
        shown = self.view(record, now)
        return {name: value for name, value in shown.items() if name not in self.summary_without}

    def _is_shown(self, record: Record) -> bool:
        return not self.operation_types or record.body["operationType"] in self.operation_types

    def _find(self, call: Call) -> Record:
        record = call.get(self.kind, call.resource_id)
        if not self._is_shown(record):
            raise not_found()
        return record

    def _resource(self, affected: AffectedResource, status: str | None) -> JsonObject:
        action = affected.action
        if status == "FAILED":
            action = "FAILED"
        elif status in UNFINISHED or not self.is_action_final:
            action = "IN_PROGRESS"
        return {
            "entityType": affected.entity_type,
            "actionType": action,
            "identifier": affected.identifier,
            "entityUri": affected.uri,
        }

    def entity_tag(self, record: Record, now: float) -> str:
        """Return the entity tag of a work request; empty where the service has none."""
        return etag(record.id, 0, record.state_at(now), self.etag) if self.etag else ""

    def _get(self, call: Call) -> Result:
        record = self._find(call)
        tag = self.entity_tag(record, call.now)
        return Result(body=self.view(record, call.now), headers={"etag": tag} if tag else {})

    def _parts(self, member: str) -> Any:
        def list_parts(call: Call) -> Result:
            record = self._find(call)
            is_finished = record.state_at(call.now) not in UNFINISHED
            moment = {"timestamp": timestamp(record.timeline.settled_at)} if is_finished else {}
            return paging.page_of_items(call, [{**part, **moment} for part in record.hidden[member] if moment])

        return list_parts


def _set_failure(record: Record, failure: Fail | None) -> None:
    record.hidden["errors"] = [{"code": failure.code, "message": failure.message}] if failure else []
    record.hidden["logs"] = [{"message": message} for message in (failure.logs if failure else ())]


def _owner(record: Record) -> WorkRequests:
    owner: WorkRequests = record.hidden["owner"]
    return owner


def _is_selected(record: Record, now: float, compartment_id: str, wanted: Mapping[str, str]) -> bool:
    """Return whether a work request passes the query of a list.

    UNCONFIRMED: that the delete of a compartment is listed both there and in the compartment above.
    """
    affected = {resource.identifier for resource in record.hidden["resources"]}
    if compartment_id not in {record.body["compartmentId"], *affected}:
        return False
    shown = _owner(record).view(record, now)
    return all(
        value in affected if name in _RESOURCE_FILTERS else shown.get(_MEMBERS.get(name, name)) == value
        for name, value in wanted.items()
    )


_RESOURCE_FILTERS: Final = frozenset({"resourceId", "resourceIdentifier", "agentId"})
_MEMBERS: Final = {"workRequestId": "id", "type": "operationType"}
