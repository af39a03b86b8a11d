"""Management agents, as they come to be and as the service sees them: registration, heartbeats, availability.

An agent registers with an install key, in ways that are not public: the stand-in in real containers by HTTP
(`agent_channel`), those in simulated containers by `catch_up`, as if the program in each container that has a file
`input.rsp` were an agent.

Source: Oracle, "Create a Response File", for the file; github.com/oracle/docker-images, OracleManagementAgent, for
what the container does with it: state below a volume outlives the container, but not a restart of its instance, so
that another agent registers.  UNCONFIRMED: when a silent agent is called SILENT (`Assumptions`), and that the
service has no entry for an agent before it has registered.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.state import ENDED, Cloud, Record

AGENT_KIND: Final = "management-agent"
KEY_KIND: Final = "management-agent-install-key"
SOURCE_KIND: Final = "management-agent-data-source"
PENDING_KIND: Final = "management-agent-registration"
AGENT_VERSION: Final = "250701.1300"
RESPONSE_FILE: Final = "input.rsp"
_RETRY_SECONDS: Final = 60.0
_STOPPED: Final = ENDED | {"INACTIVE", "DELETING", "FAILED"}
"""States of an instance whose containers have stopped; those that are updated run on."""


class RegistrationRefused(Exception):
    """The service registers no agent: the text says why."""


@frozen(kw_only=True)
class ResponseFile:
    """What a response file says.

    Args:
        key: of `ManagementAgentInstallKey`.
        display_name: of `AgentDisplayName`; empty for none.
        freeform_tags: of the agent.
        defined_tags: of the agent.
    """

    key: str
    display_name: str = ""
    freeform_tags: Mapping[str, str]
    defined_tags: Mapping[str, Mapping[str, str]]

    @classmethod
    def parse(cls, text: str) -> ResponseFile:
        """Return the contents of a file; ValueError when its tags are not lists of JSON objects."""
        lines = (line.strip() for line in text.splitlines())
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        values = {name.strip(): value.strip() for name, _, value in pairs}
        freeform: dict[str, str] = {}
        defined: dict[str, dict[str, str]] = {}
        for entry in json.loads(values.get("FreeFormTags") or "[]"):
            freeform |= entry
        for entry in json.loads(values.get("DefinedTags") or "[]"):
            for namespace, tags in entry.items():
                defined.setdefault(namespace, {}).update(tags)
        return cls(
            key=values.get("ManagementAgentInstallKey", ""),
            display_name=values.get("AgentDisplayName", ""),
            freeform_tags=freeform,
            defined_tags=defined,
        )


def is_usable(key: Record, now: float) -> bool:
    """Return whether an agent can register with a key: it is active, not expired and not used up."""
    if key.state_at(now) != "ACTIVE":
        return False
    shown, expires = key.body, key.hidden["expires"]
    return expires is None or (expires > now and shown["currentKeyInstallCount"] < shown["allowedKeyInstallCount"])


def register(cloud: Cloud, response: ResponseFile, host: str, now: float, *, container_id: str = "") -> Record:
    """Return a new agent, in the compartment of its install key.

    Args:
        cloud: of the key.
        response: what the agent was given.
        host: name of the agent's host.
        now: the moment of registration.
        container_id: OCID of the simulated container in which it runs; empty for one that sends heartbeats.

    Raises:
        RegistrationRefused: no key that can be used has this text.
    """
    found = (one for one in cloud.store.all(KEY_KIND, now) if one.body["key"] == response.key)
    key = next(found, None)
    if key is None or not is_usable(key, now):
        raise RegistrationRefused("the install key does not exist, is not active, has expired or is used up")
    key.change({"currentKeyInstallCount": key.body["currentKeyInstallCount"] + 1})
    agent_id = cloud.ids.ocid("managementagent", key.region, "amaaaaaa")
    agent = cloud.record(
        AGENT_KIND,
        agent_id,
        {
            "id": agent_id,
            "installKeyId": key.id,
            "displayName": response.display_name or f"Agent ({host})",
            "platformType": "LINUX",
            "platformName": "Oracle Linux",
            "platformVersion": "8.10",
            "version": AGENT_VERSION,
            "resourceArtifactVersion": AGENT_VERSION,
            "host": host,
            "installPath": "/opt/oracle/mgmt_agent",
            "compartmentId": key.body["compartmentId"],
            "isAgentAutoUpgradable": False,
            "isCustomerDeployed": True,
            "installType": "AGENT",
            "timeCreated": timestamp(now),
            "timeUpdated": timestamp(now),
            "managementAgentProperties": [{"name": "memory", "values": ["512"], "units": "MB"}],
            "freeformTags": dict(response.freeform_tags),
            "definedTags": {name: dict(tags) for name, tags in response.defined_tags.items()},
        },
        timeline=Timeline.starting(now, [("ACTIVE", 0.0)]),
        now=now,
        region=key.region,
    )
    agent.hidden.update(plugins=[], container=container_id, heartbeat=now, posted=now)
    return agent


def availability(cloud: Cloud, agent: Record, now: float) -> str:
    """Return ACTIVE while heartbeats come, else SILENT."""
    silence = now - last_heartbeat(cloud, agent, now)
    return "ACTIVE" if silence < cloud.assumptions.agent_silent_after_seconds else "SILENT"


def availability_history(cloud: Cloud, agent: Record, now: float) -> list[tuple[str, float, float | None]]:
    """Return the availabilities of an agent so far: word, since when, and until when."""
    silent = last_heartbeat(cloud, agent, now) + cloud.assumptions.agent_silent_after_seconds
    if silent > now:
        return [("ACTIVE", agent.created_at, None)]
    return [("ACTIVE", agent.created_at, silent), ("SILENT", silent, None)]


def last_heartbeat(cloud: Cloud, agent: Record, now: float) -> float:
    """Return when the agent last sent a heartbeat; one in a simulated container does while that runs."""
    sent: float = agent.hidden["heartbeat"]
    if not agent.hidden["container"]:
        return sent
    container = cloud.store.find("container", agent.hidden["container"], now)
    if container is None or agent.hidden.get("ended") is not None:
        return sent
    instance = cloud.store.find("container-instance", container.body["containerInstanceId"], now)
    if instance is None:
        return sent
    ended = _end(cloud, container, instance, agent.created_at, now)
    agent.hidden["heartbeat"] = now if ended is None else max(sent, ended)
    if ended is not None:
        agent.hidden["ended"] = ended
    return float(agent.hidden["heartbeat"])


def _end(cloud: Cloud, container: Record, instance: Record, since: float, now: float) -> float | None:
    """Return when an agent's process ended for good: with its container, or when its instance was stopped."""
    stopped = _stopped_at(instance, since, now)
    if stopped is not None:
        return stopped
    status = cloud.pods.status(container.id, now)
    return status.terminated_at if status.is_over else None


def response_files(instance: Record) -> Iterator[tuple[str, str]]:
    """Yield (container OCID, text of its response file) of the containers that are agents."""
    pod = instance.hidden["pod"]
    volumes = {volume["name"]: volume for volume in pod.details.get("volumes", [])}
    for container_id, details in pod.containers.items():
        for mount in details.get("volumeMounts") or []:
            for config in volumes.get(mount["volumeName"], {}).get("configs", []):
                if config["fileName"] == RESPONSE_FILE:
                    yield container_id, base64.b64decode(config["data"]).decode(errors="replace")


def expect_agents(cloud: Cloud, instance: Record, started_at: float) -> None:
    """Note that simulated containers of an instance that start at a moment, with empty volumes, will register."""
    files = list(response_files(instance)) if cloud.pods.containers == "simulated" else []
    if not files:
        return
    now = cloud.clock.time()
    for pending in cloud.where(PENDING_KIND, now, instanceId=instance.id):
        _drop(pending)
    containers = {container.id for container in instance.hidden["containers"]}
    for agent in cloud.store.all(AGENT_KIND, now):
        if agent.hidden["container"] in containers:
            agent.hidden["ended"] = last_heartbeat(cloud, agent, now)
    for container_id, text in files:
        name = f"{container_id}/{started_at}"
        (_, seconds), *_ = cloud.draw_phases(name, (("REGISTERING", "agent_registration"),))
        body: JsonObject = {
            "instanceId": instance.id,
            "containerId": container_id,
            "started": started_at,
            "due": started_at + seconds,
            "text": text,
        }
        timeline = Timeline(((started_at, "PENDING"),))
        cloud.record(
            PENDING_KIND, name, body, timeline=timeline, now=started_at, region=instance.region, is_part=True
        )


def catch_up(cloud: Cloud, now: float) -> None:
    """Register the agents in simulated containers whose time has come; called before each request is handled."""
    for pending in cloud.store.all(PENDING_KIND, now):
        while pending.body["due"] <= now and pending.state_at(now) not in ENDED:
            _register_pending(cloud, pending, pending.body["due"])


def _register_pending(cloud: Cloud, pending: Record, due: float) -> None:
    """Register one agent at the moment `due`, or later if its container is not running then, or never."""
    instance = cloud.store.find("container-instance", pending.body["instanceId"], due)
    container_id = pending.body["containerId"]
    if instance is None or _stopped_at(instance, pending.body["started"], due) is not None:
        _drop(pending)
        return
    status = cloud.pods.status(container_id, due)
    if not status.is_running and not status.is_over:
        pending.body["due"] = due + _RETRY_SECONDS
        return
    _drop(pending)
    if status.is_running:
        host = instance.hidden["vnic"].body.get("hostnameLabel") or f"ci-{instance.id[-8:]}"
        try:
            register(cloud, ResponseFile.parse(pending.body["text"]), host, due, container_id=container_id)
        except (RegistrationRefused, ValueError):
            return  # the real container logs it, exits and is started again, in vain


def _stopped_at(instance: Record, since: float, now: float) -> float | None:
    """Return when the containers of an instance stopped after they ran at `since`; None while they run."""
    points = instance.timeline.points
    return next((moment for moment, state in points if since < moment <= now and state in _STOPPED), None)


def _drop(record: Record) -> None:
    record.timeline = Timeline(((record.created_at, None),))
