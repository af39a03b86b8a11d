"""Management Agent: the Prometheus data sources of an agent.

Source: oci.management_agent.models.CreatePrometheusEmitterDataSourceDetails and PrometheusEmitterDataSource.
UNCONFIRMED: what the key is made of, the code of the 409 for a name that exists, and that a change waits, for ever
if need be, for an agent that is SILENT when it is asked for.
"""

from __future__ import annotations

import base64
from math import inf, isfinite
from typing import Any, Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.agent_registry import AGENT_KIND, SOURCE_KIND, availability
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.faults import Fail
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, Variants, body, many
from ocisidecar.emulator.services.agents import AGENTS, open_agent_work, show_source, sources_of
from ocisidecar.emulator.services.management_agent import MANAGEMENT_AGENT, WORK_REQUESTS
from ocisidecar.emulator.state import Record

PROMETHEUS: Final = "PROMETHEUS_EMITTER"
MAX_READ_LIMIT_KILOBYTES: Final = 400

_CHANGES: Final = (
    "url! allowMetrics proxyUrl connectionTimeout:int readTimeout:int readDataLimitInKilobytes:int scheduleMins:int"
    " resourceGroup metricDimensions"
)
_DIMENSIONS: Final = many(body("name! value!"))
CREATE: Final = Variants(
    "type", {PROMETHEUS: body(f"name! compartmentId! namespace! {_CHANGES}", metricDimensions=_DIMENSIONS)}
)
UPDATE: Final = Variants("type", {PROMETHEUS: body(_CHANGES, metricDimensions=_DIMENSIONS)})
PATH: Final = f"{AGENTS.item}/dataSources"
ITEM: Final = f"{PATH}/{{dataSourceKey}}"
SOURCES: Final = Collection(
    service=MANAGEMENT_AGENT,
    kind=SOURCE_KIND,
    noun="data_source",
    plural="data_sources",
    ocid="managementagentdatasource",
    item=ITEM,
    create_phases=(("CREATING", "management_agent"), ("ACTIVE", "")),
    delete_phases=(("DELETING", "management_agent"), (None, "")),
    state_member="state",
)
"""Not declared as one: only its kind and its entity tags are of use."""
_ACCEPTED: Final[dict[str, Any]] = {"status": 202, "headers": ("opc-work-request-id",), "collection": AGENTS}


@MANAGEMENT_AGENT.operation("POST", PATH, "create_data_source", details=CREATE, is_create=True, **_ACCEPTED)
def create_data_source(call: Call) -> Result:
    """Accept a data source for an agent, to which it is sent."""
    agent = crud.get_usable(call, AGENT_KIND, call.resource_id)
    crud.check_etag(call, AGENTS, agent)
    call.compartment(call.body["compartmentId"])
    if any(one.body["name"] == call.body["name"] for one in sources_of(call.cloud, agent, call.now)):
        raise ServiceError("Conflict", f"A data source named {call.body['name']} exists already")
    key = base64.urlsafe_b64encode(f"{PROMETHEUS}/{call.body['name']}".encode()).decode().rstrip("=")
    created = timestamp(call.now)
    details = {"key": key, **_members(call.body), "timeCreated": created, "timeUpdated": created}
    number = call.cloud.store.next_sequence()
    source = call.cloud.record(
        SOURCE_KIND,
        f"{agent.id}/{key}/{number}",
        details,
        timeline=Timeline(((call.now, "CREATING"),)),
        now=call.now,
        region=agent.region,
        is_part=True,
    )
    source.hidden["agent"] = agent.id
    return _change(call, agent, source, _CREATION)


def _members(details: JsonObject) -> JsonObject:
    """Return a data source's members; ServiceError 400 for what an agent refuses."""
    if not details["url"].startswith("http://"):
        raise invalid(f"url must begin with http://: {details['url']}")
    limit = details.get("readDataLimitInKilobytes", MAX_READ_LIMIT_KILOBYTES)
    if not 1 <= limit <= MAX_READ_LIMIT_KILOBYTES:
        raise invalid(f"readDataLimitInKilobytes must be 1 to {MAX_READ_LIMIT_KILOBYTES}: {limit}")
    if details.get("scheduleMins", 1) < 1:
        raise invalid("scheduleMins must be at least 1")
    rest = {name: value for name, value in details.items() if name != "readDataLimitInKilobytes"}
    return {"scheduleMins": 1, **rest, "readDataLimit": limit}


_CREATION: Final = ("CREATE", "CREATED", "CREATING", "ACTIVE")
_CHANGE: Final = ("UPDATE", "UPDATED", "UPDATING", "ACTIVE")
_REMOVAL: Final = ("DELETE", "DELETED", "DELETING", None)
"""Verb and action in the work request, and the states meanwhile and after it."""


def _change(call: Call, agent: Record, source: Record, work: tuple[str, str, str, str | None]) -> Result:
    """Have a change done, now if the agent is there, else never; an injected failure ends it FAILED."""
    now, failure, (verb, action, meanwhile, then) = call.now, call.effect(Fail), work
    phases = [(meanwhile, "management_agent"), (then, "")]
    (busy, seconds), (last, _) = crud.draw_phases(call, f"{source.id}/{source.version}", phases)
    if availability(call.cloud, agent, now) != "ACTIVE":
        seconds = inf
    end = [("FAILED" if failure else last, 0.0)] if isfinite(seconds) else []
    source.transition(now, [(busy, seconds), *end])
    headers = open_agent_work(call, (f"{verb}_DATA_SOURCE", action), agent.body["compartmentId"], [agent], seconds)
    return Result(headers=headers)


def _found(call: Call) -> tuple[Record, Record]:
    """Return the agent and its data source that the path names."""
    agent_id, key = call.path.values()
    agent = call.get(AGENT_KIND, agent_id)
    source = next((one for one in sources_of(call.cloud, agent, call.now) if one.body["key"] == key), None)
    if source is None:
        raise not_found()
    return agent, source


@MANAGEMENT_AGENT.operation("PUT", ITEM, "update_data_source", details=UPDATE, is_create=True, **_ACCEPTED)
def update_data_source(call: Call) -> Result:
    """Accept other members of a data source; name, namespace and compartment stay."""
    agent, source = _found(call)
    crud.check_etag(call, SOURCES, source)
    crud.require_state(call, source)
    source.change({**_members(call.body), "timeUpdated": timestamp(call.now)})
    return _change(call, agent, source, _CHANGE)


@MANAGEMENT_AGENT.operation("DELETE", ITEM, "delete_data_source", **_ACCEPTED)
def delete_data_source(call: Call) -> Result:
    """Accept the end of a data source."""
    agent, source = _found(call)
    crud.check_etag(call, SOURCES, source)
    return _change(call, agent, source, _REMOVAL)


@MANAGEMENT_AGENT.operation("GET", ITEM, "get_data_source", headers=("etag",), is_create=True, collection=AGENTS)
def get_data_source(call: Call) -> Result:
    """Respond with a data source; the SDK has a retry token even here."""
    _, source = _found(call)
    return Result(body=show_source(source, call.now), headers={"etag": crud.entity_tag(SOURCES, source, call.now)})


@MANAGEMENT_AGENT.operation("GET", PATH, "list_data_sources", listing="array", collection=AGENTS)
def list_data_sources(call: Call) -> Result:
    """Respond with key, type and name of the data sources of an agent."""
    agent = call.get(AGENT_KIND, call.resource_id)
    wanted = call.query.getlist("name")
    rows = [
        {name: one.body[name] for name in ("key", "type", "name")}
        for one in sources_of(call.cloud, agent, call.now)
        if not wanted or one.body["name"] in wanted
    ]
    return page_of_items(call, rows)


@MANAGEMENT_AGENT.operation("DELETE", "/workRequests/{workRequestId}", "delete_work_request", status=204)
def delete_work_request(call: Call) -> Result:
    """Forget a work request."""
    record = call.get(WORK_REQUESTS.kind, call.resource_id)
    wanted = call.headers.get("if-match")
    if wanted not in {None, "*", WORK_REQUESTS.entity_tag(record, call.now)}:
        raise ServiceError("NoEtagMatch")
    record.transition(call.now, [(None, 0.0)])
    return Result()
