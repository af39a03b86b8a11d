"""Management agents: the install key with which they register, and the agents themselves.

A key takes no tags: it is known by its name.  No request makes an agent: one comes to be when its container
registers, with the tags in its response file, and stays listed after its instance has gone.  So an apply waits for
the agents of new instances, and removes those that no instance has any more.

Source: oci.management_agent.models; Oracle, "Create a Response File".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from attrs import evolve

from ocisidecar.client.session import Caller, Response
from ocisidecar.resources.agent_data_sources import (
    CLIENT,
    SOURCES,
    data_source,
    has_own,
    own_sources,
    pending_state,
    settle,
)
from ocisidecar.resources.capabilities import CompletedWhenReady, HasParts, HasWorkRequests
from ocisidecar.resources.container_instance import compose_at
from ocisidecar.resources.facts import Fact, objects_in
from ocisidecar.resources.kind import Accepted, Kind, Site
from ocisidecar.resources.phases import ACTIVE_PHASES
from ocisidecar.spec import DeploymentSpec
from ocisidecar.spec.volume import response_file_in
from ocisidecar.state.desired import INSTALL_KEY, Desired
from ocisidecar.state.identity import TAG_DIGEST, Identity, digest, records, tags_for
from ocisidecar.state.observed import DEAD, Live, Phase
from ocisidecar.wire import Body, Json, Key, Ref, objects, text

REMAINING = "remainingInstalls"
"""How many agents may still register with a key: no field of OCI's, but the difference of two."""

_OWNER = "containerInstanceId"
"""The field of an agent for the instance that has it: no field of OCI's, but found out by tags and times."""

_CONTENT = "instance"
"""The part of our tags that says with which content an agent's instance was created."""

_INSTALLS_PER_REPLICA = 10
"""A restart of an instance empties its volumes, so that another agent registers; one of a container does not."""
_LIFETIME = timedelta(days=366)
_RENEWED_BEFORE = timedelta(days=30)
_NAME = re.compile(r"ocisidecar-(?P<length>[0-9]+)-(?P<names>.+)-(?P<suffix>[0-9a-f]{8})")


class ManagementAgentInstallKey(Kind):
    """An install key, which is replaced before it ends.  API: management-agent/20200202, ManagementAgentInstallKey.

    Its secret is read when an instance is created, and is in no value of ours before.
    """

    name = INSTALL_KEY.kind
    heading = "Management agents"
    purpose = "lets the agents register"
    client = CLIENT
    noun = "management_agent_install_key"
    resource_types = ("management-agent-install-keys",)
    phases: ClassVar[Mapping[str, Phase]] = {**ACTIVE_PHASES, "INACTIVE": Phase.FAILED, "TERMINATED": Phase.FAILED}

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one key for all agents of a deployment, with registrations for restarts of their instances too."""
        replicas = sum(one.replicas for one in spec.instances if response_file_in(one.all_volumes))
        if not replicas:
            return
        body: dict[str, Body] = {
            "compartmentId": site.identity.compartment_id,
            "displayName": site.unique_name(INSTALL_KEY.name),
            "allowedKeyInstallCount": _INSTALLS_PER_REPLICA * replicas,
            "isUnlimited": False,
        }
        yield Desired(
            key=INSTALL_KEY,
            body=body,
            mutable=frozenset(),
            sections={},
            minimums={REMAINING: 1},
            is_tagged=False,
            may_coexist=True,
        )

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield for how many registrations it is, and for how long."""
        yield "allows", f"{body.get('allowedKeyInstallCount')} registrations within {_LIFETIME.days} days"

    def live(self, entry: Mapping[str, Json], site: Site) -> Live | None:
        """Return a key whose name is that of one of our deployments here, with the tags for which that stands."""
        found = _NAME.fullmatch(text(entry, "displayName"))
        if found is None or found["suffix"] != site.identity.suffix:
            return None
        length, names = int(found["length"]), found["names"]
        deployment, name = names[:length], names[length + 1 :]
        if len(deployment) != length or names[length : length + 1] != "-" or name != INSTALL_KEY.name:
            return None
        return self.as_key(INSTALL_KEY, deployment, _public(entry, site, deployment))

    def list_live(self, caller: Caller, site: Site, parent_id: str = "") -> tuple[Live, ...]:
        """Return the keys; those that end soon are FAILED, so that they are replaced."""
        return tuple(_judged(live, caller) for live in super().list_live(caller, site, parent_id))

    def get(self, caller: Caller, site: Site, live_id: str, parent_id: str = "") -> Live | None:
        """Return one key as `list_live` does."""
        live = super().get(caller, site, live_id, parent_id)
        return None if live is None else _judged(live, caller)

    def read_for_adoption(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a key of any name as if it were the deployment's, without its secret."""
        body = super().read_for_adoption(caller, site, key, live_id).body
        return _judged(self.as_key(key, site.identity.name, _public(body, site, site.identity.name)), caller)

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Request a new key, which ends in a year: on the day, so that a repetition is the same request."""
        today = _now(caller).replace(hour=0, minute=0, second=0, microsecond=0)
        expires = (today + _LIFETIME).isoformat().replace("+00:00", "Z")
        fields = {name: value for name, value in body.items() if name not in {"freeformTags", "definedTags"}}
        return super().create(caller, site, {**fields, "timeExpires": expires}, token)

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Give a key that is adopted the name by which it is known; nothing else of it can be changed."""
        name = site.named(live.deployment).unique_name(live.key.name)
        return self.accepted(self.updates_of(caller, site, live).change({"displayName": name}), live)

    def accepted(self, answer: Response, live: Live | None = None) -> Accepted:
        """Return an answer to a create or update without the secret in it."""
        public = {name: value for name, value in answer.body.items() if name != "key"}
        return super().accepted(evolve(answer, data=public), live)


def _public(entry: Mapping[str, Json], site: Site, deployment: str) -> dict[str, Json]:
    """Return a key's fields without its secret, with what remains of it and the tags that it cannot have."""
    tags = tags_for(site.identity.sibling(deployment), INSTALL_KEY, {}, hidden={})
    allowed, used = entry.get("allowedKeyInstallCount"), entry.get("currentKeyInstallCount")
    remaining: Json = allowed - used if isinstance(allowed, int) and isinstance(used, int) else 0
    public = {name: value for name, value in entry.items() if name not in {"key", "definedTags"}}
    return {**public, "freeformTags": tags, REMAINING: remaining}


def _judged(live: Live, caller: Caller) -> Live:
    """Return a key as FAILED if it ends within the next weeks: it is replaced while agents can still register."""
    ends = text(live.body, "timeExpires")
    if live.phase is not Phase.READY or not ends:
        return live
    left = datetime.fromisoformat(ends) - _now(caller)
    if left > _RENEWED_BEFORE:
        return live
    word = "has expired" if left <= timedelta() else "is about to expire"
    return evolve(live, state=f"{live.state}, but {word}: {ends}", phase=Phase.FAILED)


def _now(caller: Caller) -> datetime:
    return datetime.fromtimestamp(caller.session.service_clock.time(), UTC)


class ManagementAgent(HasParts, HasWorkRequests, CompletedWhenReady):
    """An agent, which is found after it has registered.  API: management-agent/20200202, ManagementAgent.

    Its data source, if the spec asks the API for one, is a part of it.
    """

    name = "management-agent"
    heading = "Management agents"
    purpose = "sends metrics; comes to be when its container registers"
    client = CLIENT
    noun = "management_agent"
    follows = "container-instance"
    resource_types = ("management-agents",)
    mutable = frozenset({"displayName", SOURCES})
    hidden = frozenset({_CONTENT})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one agent for each replica of the instances that have one."""
        home = site.identity.compartment_id
        for instance in spec.instances:
            file = response_file_in(instance.all_volumes)
            for replica in range(instance.replicas) if file else ():
                made, host = compose_at(site, spec, instance, replica), instance.display_name_of(replica)
                body: dict[str, Body] = {
                    "compartmentId": home,
                    "displayName": f"{spec.name} {host}",
                    _OWNER: Ref(made.key),
                    _CONTENT: digest(made.sections),
                }
                if file and file.scrape_url is not None:
                    body[SOURCES] = [data_source(file.scrape_url, file.metric_namespace, home, host)]
                if (access := spec.effective_access).defined_tag is not None:
                    namespace, _, key = access.defined_tag.partition(".")
                    body["definedTags"] = {namespace: {key: access.name or spec.name}}
                yield self.desired(made.key.name, body)

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield what it reads where the API is to tell it that."""
        for source in objects_in(body, SOURCES):
            yield "data source", f"{source.get('url')}, every minute, to {source.get('namespace')}"

    def as_key(self, key: Key, deployment: str, body: Mapping[str, Json]) -> Live:
        """Return an agent, whose availability is its state.

        It is PENDING before it has been in contact, and while a data source of ours is made or changed.  Data
        sources of others do not count.
        """
        sources = own_sources(body)
        shown = {**body, SOURCES: list(sources)} if SOURCES in body else body
        live, availability = super().as_key(key, deployment, shown), text(body, "availabilityStatus")
        if live.phase is not Phase.READY or not availability:
            return live
        if pending := pending_state(sources):
            return evolve(live, state=f"{availability}, its data source {pending}", phase=Phase.PENDING)
        phase = Phase.PENDING if availability == "NOT_AVAILABLE" else Phase.READY
        return evolve(live, state=availability, phase=phase)

    def with_parts(self, caller: Caller, site: Site, live: Live) -> tuple[Live, ...]:
        """Return an agent with our data sources, which take a GET if it has any; none if it is gone meanwhile."""
        if live.phase in DEAD or not has_own(live.body):
            return (evolve(live, body={**live.body, SOURCES: []}),)
        now = self.get(caller, site, live.id)
        return () if now is None else (now,)

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Return what is waited for: the agent registers by itself."""
        return Accepted("", "NOT_REGISTERED", Phase.PENDING, {})

    def complete(self, caller: Caller, live: Live, body: Mapping[str, Json]) -> str:
        """Make the data source: an agent that an earlier run waited for may have it already."""
        return settle(caller, live.id, objects(body.get(SOURCES))) if SOURCES in body else ""

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Change name, tags and data source; the other fields are no fields of the API."""
        plain = {name: value for name, value in fields.items() if name not in {_OWNER, _CONTENT, SOURCES}}
        accepted = super().update(caller, site, live, plain)
        shown = {name: value for name, value in accepted.body.items() if name != SOURCES}
        request = settle(caller, live.id, objects(fields[SOURCES])) if SOURCES in fields else ""
        phase = Phase.PENDING if request else accepted.phase
        return evolve(accepted, body=shown, phase=phase, work_request_id=request)


def with_orphans(lives: Iterable[Live]) -> tuple[Live, ...]:
    """Return resources in which agents name their instance, and are FAILED where none has them: they are removed.

    A restart of an instance makes another agent, and one that the instance before registered late may look like one
    of this instance.  So of several the one counts that came with its content, then the latest that is in contact.
    """
    found = tuple(lives)
    instances: dict[tuple[str, str], list[Live]] = {}
    for live in found:
        if live.key.kind == ManagementAgent.follows and live.phase not in DEAD:
            instances.setdefault((live.deployment, live.key.name), []).append(live)
    best: dict[str, tuple[bool, bool, datetime, str]] = {}
    for agent in found:
        if agent.key.kind == ManagementAgent.name and agent.phase not in DEAD:
            owner = _owner(agent, instances.get((agent.deployment, agent.key.name), ()))
            if owner is not None:
                rank = (_came_with(agent, owner), _is_in_contact(agent), _time(agent), agent.id)
                best[owner.id] = max(best.get(owner.id, rank), rank)
    owners = {agent_id: owner_id for owner_id, (*_, agent_id) in best.items()}
    return tuple(_assigned(live, owners.get(live.id, "")) for live in found)


def _owner(agent: Live, instances: Iterable[Live]) -> Live | None:
    """Return which instance of its name an agent belongs to: none that is younger, and the one that it came with.

    While an instance is replaced there are two.  Where its content was changed in place, none is the one it came
    with, and it belongs to the latest.
    """
    elder = (one for one in instances if _time(one) <= _time(agent))
    return max(elder, key=lambda one: (_came_with(agent, one), _time(one), one.id), default=None)


def _is_in_contact(agent: Live) -> bool:
    return text(agent.body, "availabilityStatus") == "ACTIVE"


def _came_with(agent: Live, instance: Live) -> bool:
    return records(agent.tags, _CONTENT, instance.tags.get(TAG_DIGEST, ""))


def _assigned(live: Live, owner_id: str) -> Live:
    if live.key.kind != ManagementAgent.name or live.phase in DEAD:
        return live
    return evolve(live, body={**live.body, _OWNER: owner_id}) if owner_id else _orphaned(live)


def _orphaned(agent: Live) -> Live:
    return evolve(agent, state=f"{agent.state}, of an instance that is gone or was restarted", phase=Phase.FAILED)


def _time(live: Live) -> datetime:
    return datetime.fromisoformat(live.time_created) if live.time_created else datetime.min.replace(tzinfo=UTC)


def response_file(caller: Caller, identity: Identity, install_key: Live, agent: Desired) -> str:
    """Return the content of a response file in base64, which holds the secret of the install key.

    Args:
        caller: reads the secret.
        identity: the deployment's.
        install_key: the one to register with.
        agent: that is to register.
    """
    answer = caller.call(CLIENT, "get_management_agent_install_key", install_key.id)
    given = agent.body.get("freeformTags")
    tags = {**(given if isinstance(given, Mapping) else {}), **agent.tags(identity)}
    lines = [
        f"ManagementAgentInstallKey = {text(answer.body, 'key')}",
        f"AgentDisplayName = {agent.body['displayName']}",
        f"FreeFormTags = {_entries(tags)}",
    ]
    defined = agent.body.get("definedTags")
    if isinstance(defined, Mapping) and defined:
        lines.append(f"DefinedTags = {_entries(defined)}")
    return base64.b64encode("\n".join([*lines, ""]).encode()).decode()


def _entries(tags: Mapping[str, object]) -> str:
    """Return tags in the form of response files: `[{"a": "b"}, {"c": "d"}]`."""
    return json.dumps([{name: tags[name]} for name in sorted(tags)])
