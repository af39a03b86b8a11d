"""Agents that registered after a plan was made, on instances that it deletes: none of its operations knows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocisidecar.client.session import Caller
from ocisidecar.errors import OciSidecarError
from ocisidecar.plan.plan import Action, Plan
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.management_agent import ManagementAgent, with_orphans
from ocisidecar.state.desired import INSTALL_KEY
from ocisidecar.state.observed import DEAD, Phase


def remove_leftovers(
    plans: Sequence[tuple[Plan, Site]], caller: Caller
) -> Iterator[tuple[str, dict[str, Exception]]]:
    """Deregister the agents that no instance has any more, of those plans that have deleted instances.

    Yields the names of deployments where that failed, with the errors.  Does nothing after a cancellation.
    """
    for plan, site in plans:
        if _may_leave_something(plan) and caller.cancel.reason is None:
            try:
                _remove(caller, site)
            except OciSidecarError as error:
                yield plan.name, {ManagementAgent.name: error}


def _may_leave_something(plan: Plan) -> bool:
    has_agents = INSTALL_KEY in plan.desired or INSTALL_KEY in plan.snapshot.of(plan.name)
    deleted = (one.id for one in plan.operations if one.id.action is Action.DELETE)
    return has_agents and any(one.key.kind == ManagementAgent.follows for one in deleted)


def _remove(caller: Caller, site: Site) -> None:
    agents, instances = KINDS[ManagementAgent.name], KINDS[ManagementAgent.follows]
    found = [live for live in agents.list_live(caller, site) if live.phase not in DEAD]
    standing = {live.id for live in found if live.deployment == site.identity.name}
    for live in with_orphans((*instances.list_live(caller, site), *found)) if standing else ():
        if live.id in standing and live.phase is Phase.FAILED:
            agents.delete(caller, site, live)
