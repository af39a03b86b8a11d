"""Work requests: the progress of accepted changes, written once for all services.

A work request has its own timeline: ACCEPTED, IN_PROGRESS, then SUCCEEDED or FAILED; its resources'
action is IN_PROGRESS until the end.

Source: oci.container_instances.models.WorkRequest, oci.logging.models.WorkRequest, oci.work_requests.models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from attrs import frozen

from ocisidecar.emulator import paging
from ocisidecar.emulator.declarations import Call, Collection, Result, Service
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
        has_parts: whether errors and logs can be listed.
        filters: query parameters of the list that select by equality, and the member that each is compared with;
            `resourceId` is compared with the resources'.
        summary_without: members that the list leaves out.
        etag: digits of their entity tags; empty for none.
    """

    service: Service
    ocid: str
    binding: Binding = "aaaaaaaa"
    client: str = ""
    has_parts: bool = True
    filters: Mapping[str, str]
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
            noun="work_request",
            plural="work_requests",
            ocid=self.ocid,
            item="/workRequests/{workRequestId}",
            create_phases=(),
            delete_phases=(),
        )
        service, item = self.service, collection.item
        options = {"collection": collection, "client": self.client or service.client}
        listing = {"listing": service.listing, **options}
        service.declare(
            "GET", collection.path, "list_work_requests", self._list, query=("compartmentId",), **listing
        )
        service.declare("GET", item, "get_work_request", self._get, **options)
        if not self.has_parts:
            return self
        service.declare("GET", f"{item}/errors", "list_work_request_errors", self._parts("errors"), **listing)
        service.declare("GET", f"{item}/logs", "list_work_request_logs", self._parts("logs"), **listing)
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
            "resources": [_resource(affected, status) for affected in record.hidden["resources"]],
            "timeStarted": record.body["timeAccepted"] if status != "ACCEPTED" else None,
            "timeFinished": ended,
        }
        return body if self.service.writes_nulls else {key: body[key] for key in body if body[key] is not None}

    def _list(self, call: Call) -> Result:
        call.compartment(call.query["compartmentId"])
        records = paging.select(call, call.cloud.store.all(self.kind, call.now), ("compartmentId",))
        chosen = [record for record in records if self._is_selected(call, record)]
        return paging.page_of_records(call, chosen, lambda record: self._summary(record, call.now))

    def _summary(self, record: Record, now: float) -> JsonObject:
        shown = self.view(record, now)
        return {name: value for name, value in shown.items() if name not in self.summary_without}

    def _is_selected(self, call: Call, record: Record) -> bool:
        shown = self.view(record, call.now)
        wanted = {member: call.query[name] for name, member in self.filters.items() if name in call.query}
        identifier = wanted.pop("resourceId", None)
        affected = {resource.identifier for resource in record.hidden["resources"]}
        return (identifier is None or identifier in affected) and all(
            shown.get(member) == value for member, value in wanted.items()
        )

    def _get(self, call: Call) -> Result:
        record = call.get(self.kind, call.resource_id)
        tag = etag(record.id, 0, record.state_at(call.now), self.etag) if self.etag else ""
        return Result(body=self.view(record, call.now), headers={"etag": tag} if tag else {})

    def _parts(self, member: str) -> Any:
        def list_parts(call: Call) -> Result:
            record = call.get(self.kind, call.resource_id)
            is_finished = record.state_at(call.now) not in UNFINISHED
            moment = {"timestamp": timestamp(record.timeline.settled_at)} if is_finished else {}
            return paging.page_of_items(call, [{**part, **moment} for part in record.hidden[member] if moment])

        return list_parts


def _set_failure(record: Record, failure: Fail | None) -> None:
    record.hidden["errors"] = [{"code": failure.code, "message": failure.message}] if failure else []
    record.hidden["logs"] = [{"message": message} for message in (failure.logs if failure else ())]


def _resource(affected: AffectedResource, status: str | None) -> JsonObject:
    action = affected.action
    if status in UNFINISHED:
        action = "IN_PROGRESS"
    elif status == "FAILED":
        action = "FAILED"
    return {
        "entityType": affected.entity_type,
        "actionType": action,
        "identifier": affected.identifier,
        "entityUri": affected.uri,
    }
