"""Management Agent: the agents, which are made by registration only; see `agent_registry`.

Source: oci.management_agent.models.ManagementAgent and ManagementAgentSummary; Oracle, "Perform Management Agent
administration tasks", for what the availability means.  UNCONFIRMED: that a delete takes effect at once, and takes
along the data sources, which have no address but one below their agent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.agent_registry import (
    AGENT_KIND,
    AGENT_VERSION,
    SOURCE_KIND,
    availability,
    availability_history,
    last_heartbeat,
)
from ocisidecar.emulator.declarations import AccessTarget, Call, Collection, Permission, Result
from ocisidecar.emulator.errors import invalid
from ocisidecar.emulator.ids import moment, timestamp
from ocisidecar.emulator.paging import page_of_items, page_of_records, select
from ocisidecar.emulator.schema import JsonObject, body, tagged
from ocisidecar.emulator.services.management_agent import (
    CREATE_PHASES,
    DELETE_PHASES,
    MANAGEMENT_AGENT,
    WORK_REQUESTS,
    declare,
    plugin_views,
)
from ocisidecar.emulator.state import ENDED, Cloud, Record
from ocisidecar.emulator.work_requests import AffectedResource

_FORGOTTEN_SECONDS: Final = 7 * 86400
"""timeLastHeartbeat is null when there was none for this long.  Source: the SDK's model."""
_NO_PLUGIN: Final = "None"


def _show(cloud: Cloud, agent: Record, now: float) -> JsonObject:
    beat = last_heartbeat(cloud, agent, now)
    return {
        "availabilityStatus": availability(cloud, agent, now),
        "timeLastHeartbeat": timestamp(beat) if now - beat < _FORGOTTEN_SECONDS else None,
        "pluginList": agent.hidden["plugins"],
        "dataSourceList": [show_source(one, now) for one in sources_of(cloud, agent, now)],
    }


def show_source(source: Record, now: float) -> JsonObject:
    """Return the wire JSON of a data source."""
    return {**source.body, "state": source.state_at(now)}


def sources_of(cloud: Cloud, agent: Record, now: float) -> list[Record]:
    """Return the data sources of an agent."""
    found = cloud.store.all(SOURCE_KIND, now)
    return [one for one in found if one.hidden["agent"] == agent.id and one.state_at(now) not in ENDED]


def _summary(cloud: Cloud, agent: Record, now: float) -> JsonObject:
    shown = crud.summary(cloud, AGENTS, agent, now)
    sources = [{name: one[name] for name in ("key", "type", "name")} for one in shown.pop("dataSourceList")]
    return {**shown, "latestSupportedVersion": AGENT_VERSION, "dataSourceSummaryList": sources}


def _release(call: Call, agent: Record) -> None:
    for source in sources_of(call.cloud, agent, call.now):
        source.transition(call.now, [(None, 0.0)])


AGENTS: Final = Collection(
    service=MANAGEMENT_AGENT,
    kind=AGENT_KIND,
    noun="management_agent",
    plural="management_agents",
    ocid="managementagent",
    item="/managementAgents/{managementAgentId}",
    binding="amaaaaaa",
    changes=tagged("displayName"),
    filters=("displayName", "lifecycleState", "hostId", "installType"),
    create_phases=CREATE_PHASES,
    delete_phases=DELETE_PHASES,
    before_update=lambda call, _, changes: {**changes, "timeUpdated": timestamp(call.now)},
    before_delete=_release,
    view=_show,
    summary_without=frozenset({"installPath", "managementAgentProperties"}),
)
declare(AGENTS, is_listed=False)


@MANAGEMENT_AGENT.operation(
    "GET",
    AGENTS.path,
    "list_management_agents",
    listing="array",
    query=("compartmentId",),
    collection=AGENTS,
)
def list_management_agents(call: Call) -> Result:
    """Respond with a page of agents: neither their install key nor their host selects them."""
    return page_of_records(call, _selected(call), lambda agent: _summary(call.cloud, agent, call.now))


def _selected(call: Call) -> list[Record]:
    """Return the agents that the query selects."""
    call.compartment(call.query["compartmentId"])
    own = () if call.query.get("compartmentIdInSubtree", "").lower() == "true" else ("compartmentId",)
    found = select(call, call.cloud.store.all(AGENT_KIND, call.now), (*own, *AGENTS.filters))
    return [agent for agent in found if agent.state_at(call.now) not in ENDED and _passes(call, agent)]


def _passes(call: Call, agent: Record) -> bool:
    """Return whether an agent has one of the values of each parameter that may be given several times."""
    sources = sources_of(call.cloud, agent, call.now)
    have: dict[str, Iterable[str]] = {
        "availabilityStatus": [availability(call.cloud, agent, call.now)],
        "version": [agent.body["version"]],
        "platformType": [agent.body["platformType"]],
        "isCustomerDeployed": [str(agent.body["isCustomerDeployed"]).lower()],
        "pluginName": [one["pluginName"] for one in agent.hidden["plugins"]] or [_NO_PLUGIN],
        "dataSourceName": [one.body["name"] for one in sources],
        "dataSourceType": [one.body["type"] for one in sources],
        "gatewayId": [],
    }
    asked = {name: {value.lower() for value in call.query.getlist(name)} for name in have}
    return all(not asked[name] or asked[name] & {one.lower() for one in values} for name, values in have.items())


@MANAGEMENT_AGENT.operation(
    "GET",
    f"{AGENTS.item}/availabilityHistories",
    "list_availability_histories",
    listing="array",
    collection=AGENTS,
)
def list_availability_histories(call: Call) -> Result:
    """Respond with the availabilities of an agent, the latest first."""
    agent = call.get(AGENT_KIND, call.resource_id)
    ended = _moment(call, "timeAvailabilityStatusEndedGreaterThan", -inf)
    started = _moment(call, "timeAvailabilityStatusStartedLessThan", inf)
    rows = [
        {
            "managementAgentId": agent.id,
            "availabilityStatus": word,
            "timeAvailabilityStatusStarted": timestamp(since),
            "timeAvailabilityStatusEnded": None if until is None else timestamp(until),
        }
        for word, since, until in reversed(availability_history(call.cloud, agent, call.now))
        if (until is None or until > ended) and since < started
    ]
    return page_of_items(call, [{name: row[name] for name in row if row[name] is not None} for row in rows])


def _moment(call: Call, name: str, default: float) -> float:
    return moment(call.query[name]) if name in call.query else default


_DIMENSIONS: Final[dict[str, Callable[[Call, Record], Any]]] = {
    "availabilityStatus": lambda call, agent: availability(call.cloud, agent, call.now),
    "platformType": lambda _call, agent: agent.body["platformType"],
    "version": lambda _call, agent: agent.body["version"],
}
_COUNTED: Final[dict[str, Any]] = {"listing": "items", "query": ("compartmentId", "groupBy"), "collection": AGENTS}


@MANAGEMENT_AGENT.operation("GET", "/managementAgentCounts", "summarize_management_agent_counts", **_COUNTED)
def summarize_management_agent_counts(call: Call) -> Result:
    """Respond with the number of agents for each combination of values of the dimensions asked for."""
    names = call.query.getlist("groupBy")
    if not set(names) <= set(_DIMENSIONS):
        raise invalid(f"groupBy must be of {', '.join(_DIMENSIONS)}: {', '.join(names)}")
    counts = Counter(tuple((name, _DIMENSIONS[name](call, one)) for name in names) for one in _selected(call))
    return page_of_items(call, [{"dimensions": dict(group), "count": count} for group, count in counts.items()])


@MANAGEMENT_AGENT.operation(
    "GET", "/managementAgentPluginCounts", "summarize_management_agent_plugin_counts", **_COUNTED
)
def summarize_management_agent_plugin_counts(call: Call) -> Result:
    """Respond with the number of agents that have each plugin."""
    found = Counter(one["pluginName"] for agent in _selected(call) for one in agent.hidden["plugins"])
    names = {one["name"]: one["displayName"] for one in plugin_views()}
    rows = [
        {"dimensions": {"pluginName": name, "pluginDisplayName": names[name]}, "count": count}
        for name, count in found.items()
    ]
    return page_of_items(call, rows)


def _deployed_to(call: Call) -> list[AccessTarget]:
    return [AccessTarget(call.body["agentCompartmentId"])]


@MANAGEMENT_AGENT.operation(
    "POST",
    f"{AGENTS.path}/actions/deployPlugins",
    "deploy_plugins",
    status=202,
    details=body("pluginIds!:strings agentCompartmentId! agentIds!:strings"),
    headers=("opc-work-request-id",),
    is_create=True,
    permission=Permission(verb="manage", resource_type="management-agents", targets=_deployed_to),
    collection=AGENTS,
)
def deploy_plugins(call: Call) -> Result:
    """Deploy plugins to agents."""
    known = {one["id"]: one for one in plugin_views()}
    unknown = [plugin_id for plugin_id in call.body["pluginIds"] if plugin_id not in known]
    if unknown:
        raise invalid(f"unknown plugins: {', '.join(unknown)}")
    agents = [call.related(AGENT_KIND, agent_id) for agent_id in call.body.get("agentIds", [])]
    for agent in agents:
        agent.hidden["plugins"] = [
            {
                "pluginId": plugin_id,
                "pluginName": known[plugin_id]["name"],
                "pluginDisplayName": known[plugin_id]["displayName"],
                "pluginVersion": "1",
                "pluginStatus": "RUNNING",
                "isEnabled": True,
            }
            for plugin_id in call.body["pluginIds"]
        ]
    headers = open_agent_work(call, ("DEPLOY_PLUGIN", "UPDATED"), call.body["agentCompartmentId"], agents, 0.0)
    return Result(headers=headers)


def open_agent_work(
    call: Call, work: tuple[str, str], compartment_id: str, agents: Iterable[Record], seconds: float
) -> dict[str, str]:
    """Open a work request about agents, which ends after `seconds`; `work` is its type and what happens to them."""
    uri = f"{MANAGEMENT_AGENT.version}{AGENTS.path}/"
    return WORK_REQUESTS.open(
        call,
        operation_type=work[0],
        compartment_id=compartment_id,
        resources=[AffectedResource("managementagent", work[1], agent.id, uri + agent.id) for agent in agents],
        seconds=seconds,
    )


_SETTINGS: Final[dict[str, Any]] = {
    "permission": Permission(verb="manage", resource_type="management-agents"),
    "collection": AGENTS,
}


@MANAGEMENT_AGENT.operation(
    "POST",
    f"{AGENTS.path}/actions/setAutoUpgradableConfig",
    "set_auto_upgradable_config",
    details=body("compartmentId! isAgentAutoUpgradable!:bool"),
    is_create=True,
    **_SETTINGS,
)
def set_auto_upgradable_config(call: Call) -> Result:
    """Say for the whole tenancy whether agents are upgraded automatically."""
    tenancy = _tenancy(call, call.body["compartmentId"])
    tenancy.hidden["isAgentAutoUpgradable"] = call.body["isAgentAutoUpgradable"]
    return Result(body={"isAgentAutoUpgradable": call.body["isAgentAutoUpgradable"]})


@MANAGEMENT_AGENT.operation(
    "GET",
    f"{AGENTS.path}/actions/getAutoUpgradableConfig",
    "get_auto_upgradable_config",
    query=("compartmentId",),
    **_SETTINGS,
)
def get_auto_upgradable_config(call: Call) -> Result:
    """Respond whether agents are upgraded automatically."""
    tenancy = _tenancy(call, call.query["compartmentId"])
    return Result(body={"isAgentAutoUpgradable": tenancy.hidden.get("isAgentAutoUpgradable", False)})


def _tenancy(call: Call, compartment_id: str) -> Record:
    if compartment_id != call.cloud.tenancy_id:
        raise invalid("compartmentId must be the tenancy's")
    return call.compartment(compartment_id)
