"""The Prometheus data source of a management agent, made through the API: a part of the agent.

A data source takes no tags: ours are known by their names, which begin with a prefix that the agent's OCID ends.
UNCONFIRMED: within what names must be unique, so no two agents get one name; and that a name can be given again
before a deletion has ended, so each data source of an agent gets another one.  A data source goes with its agent.

Source: oci.management_agent.models, CreatePrometheusEmitterDataSourceDetails, PrometheusEmitterDataSource and
UpdatePrometheusEmitterDataSourceDetails: name, namespace and compartment cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import count

from ocisidecar.client.repetition import until_done
from ocisidecar.client.retry import ACTION, DELETE, READ_NEW, UPDATE
from ocisidecar.client.session import Caller
from ocisidecar.errors import Conflict, NotAuthorizedOrNotFound
from ocisidecar.resources.phases import ACTIVE_PHASES, WORK_PHASES
from ocisidecar.state.compare import is_satisfied_by
from ocisidecar.state.observed import Phase
from ocisidecar.wire import Body, Json, objects, text

CLIENT = "management_agent.ManagementAgentClient"
SOURCES = "dataSourceList"
"""The field of an agent for its data sources: OCI's own, of which only ours count."""

_SUMMARIES = "dataSourceSummaryList"
_FIXED = ("type", "namespace", "compartmentId")
_NOT_UPDATED = frozenset({"namespace", "compartmentId"})
_WORK = frozenset({"CREATE_DATA_SOURCE", "UPDATE_DATA_SOURCE", "DELETE_DATA_SOURCE"})


def data_source(url: str, namespace: str, compartment_id: str, host: str) -> Mapping[str, Body]:
    """Return the wanted data source of an agent; `host` becomes a dimension, as in the properties file."""
    return {
        "type": "PROMETHEUS_EMITTER",
        "compartmentId": compartment_id,
        "namespace": namespace,
        "url": url,
        "scheduleMins": 1,
        "metricDimensions": [{"name": "nodeName", "value": host}],
    }


def has_own(agent: Mapping[str, Json]) -> bool:
    """Return whether a list shows that an agent has data sources of ours."""
    return any(text(one, "name").startswith(_prefix(text(agent, "id"))) for one in objects(agent.get(_SUMMARIES)))


def own_sources(agent: Mapping[str, Json]) -> tuple[Mapping[str, Json], ...]:
    """Return our data sources of an agent, without those that go; of one that failed only key, name and state."""
    found = (one for one in objects(agent.get(SOURCES)) if text(one, "name").startswith(_prefix(text(agent, "id"))))
    phases = ((one, ACTIVE_PHASES.get(text(one, "state"), Phase.PENDING)) for one in found)
    return tuple(
        {name: one[name] for name in ("key", "name", "state")} if phase is Phase.FAILED else one
        for one, phase in phases
        if phase not in {Phase.GOING, Phase.GONE}
    )


def pending_state(sources: Iterable[Mapping[str, Json]]) -> str:
    """Return the state of a data source that is being made or changed; empty where all are done."""
    states = (text(one, "state") for one in sources)
    return next((state for state in states if ACTIVE_PHASES.get(state, Phase.PENDING) is Phase.PENDING), "")


def settle(caller: Caller, agent_id: str, wanted: Sequence[Mapping[str, Json]]) -> str:
    """Make, change and delete data sources so that an agent gets the wanted ones, and return the work request.

    It is empty where nothing is under way.  Whenever an answer is lost, the agent is read again.
    """
    return until_done(caller, partial(_send_difference, caller, agent_id, wanted))


def _send_difference(caller: Caller, agent_id: str, wanted: Sequence[Mapping[str, Json]]) -> str:
    left = list(own_sources(_read(caller, agent_id)))
    made = ""
    for one in wanted:
        equal = next((live for live in left if is_satisfied_by(one, live)), None)
        same = equal or next((live for live in left if is_satisfied_by({f: one[f] for f in _FIXED}, live)), None)
        if same is None:
            made = _create(caller, agent_id, one)
            continue
        left.remove(same)
        made = made if equal else _update(caller, agent_id, text(same, "key"), one)
    ended = [_delete(caller, agent_id, text(one, "key")) for one in left]
    return next(filter(None, (made, *ended)), "") or _under_way(caller, agent_id)


def _read(caller: Caller, agent_id: str) -> Mapping[str, Json]:
    return caller.call(CLIENT, "get_management_agent", agent_id, intent=READ_NEW).body


def _create(caller: Caller, agent_id: str, wanted: Mapping[str, Json]) -> str:
    """Ask for a data source under the first free name; another run may ask for the same at the same time."""
    taken = {text(one, "name") for one in objects(_read(caller, agent_id).get(SOURCES))}
    name = next(one for number in count() if (one := f"{_prefix(agent_id)}{number}") not in taken)
    try:
        answer = caller.call(CLIENT, "create_data_source", agent_id, {"name": name, **wanted}, intent=ACTION)
    except Conflict:
        if any(is_satisfied_by(wanted, one) for one in own_sources(_read(caller, agent_id))):
            return ""
        raise
    return answer.work_request_id


def _update(caller: Caller, agent_id: str, key: str, wanted: Mapping[str, Json]) -> str:
    fields = {name: value for name, value in wanted.items() if name not in _NOT_UPDATED}
    return caller.call(CLIENT, "update_data_source", agent_id, key, fields, intent=UPDATE).work_request_id


def _delete(caller: Caller, agent_id: str, key: str) -> str:
    try:
        return caller.call(CLIENT, "delete_data_source", agent_id, key, intent=DELETE).work_request_id
    except NotAuthorizedOrNotFound:
        if any(text(one, "key") == key for one in own_sources(_read(caller, agent_id))):
            raise
        return ""


def _under_way(caller: Caller, agent_id: str) -> str:
    """Return the work request of what an earlier run has asked for; empty where all has ended."""
    agent = _read(caller, agent_id)
    if not pending_state(own_sources(agent)):
        return ""
    requests = caller.pages(CLIENT, "list_work_requests", text(agent, "compartmentId"), agent_id=agent_id)
    standing = (
        text(one, "id")
        for one in requests
        if text(one, "operationType") in _WORK and text(one, "status") not in WORK_PHASES
    )
    return next(standing, "")


def _prefix(agent_id: str) -> str:
    return f"ocisidecar-{agent_id[-8:]}-"
