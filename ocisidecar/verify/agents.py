"""What `verify()` and `diagnose()` say of management agents that a deployment has registered.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.observe.instances import Container, Instance
from ocisidecar.resources.agent_data_sources import has_own, own_sources
from ocisidecar.resources.management_agent import REMAINING, ManagementAgent
from ocisidecar.state.desired import INSTALL_KEY
from ocisidecar.state.observed import Live, Phase
from ocisidecar.verify.context import CheckContext, checked
from ocisidecar.verify.findings import Finding
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.report import Check, Status
from ocisidecar.verify.senders import is_agent
from ocisidecar.wire import Key, text

_ACTIVE = "ACTIVE"
_NO_SOURCE = "has no data source of the deployment, and so reads nothing"


def agents(context: CheckContext) -> Iterator[Check]:
    """Every agent is registered and in contact, and has its data source where that tells it what to read."""
    for key, container, agent in _expected(context.inspection):
        if agent is None:
            yield checked("agents", key, Status.FAILED, "not registered")
        elif _lacks_source(container, agent):
            yield checked("agents", key, Status.FAILED, f"registered and {agent.state}, but it {_NO_SOURCE}")
        elif agent.state == _ACTIVE:
            yield checked("agents", key, Status.PASSED, f"registered and ACTIVE, {_last_heartbeat(agent)}")
        else:
            yield checked("agents", key, Status.FAILED, f"{agent.state}, {_last_heartbeat(agent)}")


def agent_findings(inspection: Inspection) -> Iterator[Finding]:
    """Yield why agents send nothing: no use of their key, not registered, out of contact, nothing to read."""
    unregistered = [(key, container) for key, container, agent in _expected(inspection) if agent is None]
    if unregistered and (fault := _fault_of_key(inspection)):
        yield Finding(cause="install-key-ended", key=str(INSTALL_KEY), evidence=(fault,))
    for key, container in unregistered:
        evidence = f"{container.key} runs, and no agent has its tags" if container.is_running else "it does not run"
        yield Finding(cause="agent-not-registered", key=str(key), evidence=(evidence,))
    for key, container, agent in _expected(inspection):
        if agent is not None and _lacks_source(container, agent):
            yield Finding(cause="no-data-source", key=str(key), evidence=(f"it {_NO_SOURCE}",))
        if agent is not None and agent.state != _ACTIVE:
            evidence = f"{agent.state}, {_last_heartbeat(agent)}"
            yield Finding(cause="agent-silent", key=str(key), evidence=(evidence,))


def _expected(inspection: Inspection) -> Iterator[tuple[Key, Container, Live | None]]:
    """Yield the agents of the instances: key, container, and the agent if it has registered."""
    if INSTALL_KEY not in {*inspection.lives, *inspection.gone}:
        return
    for instance in inspection.instances:
        for container in instance.containers:
            if is_agent(container):
                key = Key(ManagementAgent.name, _name(instance))
                standing = (one for one in inspection.lives.get(key, ()) if one.phase is not Phase.FAILED)
                yield key, container, next(standing, None)


def _lacks_source(container: Container, agent: Live) -> bool:
    return container.telemetry_role.has_data_source and not (has_own(agent.body) or own_sources(agent.body))


def _name(instance: Instance) -> str:
    return instance.key.partition("/")[2]


def _fault_of_key(inspection: Inspection) -> str:
    """Return why no agent can register with the deployment's key; empty if one can."""
    for live in inspection.lives.get(INSTALL_KEY, ()):
        if live.phase is Phase.FAILED:
            return f"its state is {live.state}"
        remaining = live.body.get(REMAINING)
        used_up = isinstance(remaining, int) and remaining < 1
        return f"all {text(live.body, 'allowedKeyInstallCount')} registrations are used up" if used_up else ""
    return "the deployment has none any more"


def _last_heartbeat(agent: Live) -> str:
    moment = text(agent.body, "timeLastHeartbeat")
    return f"last heartbeat {moment}" if moment else "no heartbeat for a week"
