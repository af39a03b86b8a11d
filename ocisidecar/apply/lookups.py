"""The values of references while a plan is carried out; contents with secrets are read only when they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocisidecar.client.session import Caller
from ocisidecar.observe.vault_secrets import read_secret
from ocisidecar.plan.plan import Plan
from ocisidecar.resources.management_agent import ManagementAgent, response_file
from ocisidecar.state.desired import INSTALL_KEY, RESPONSE_FILE, VAULT_SECRET
from ocisidecar.state.observed import Live, value_of
from ocisidecar.wire import Key, Ref


def lookup_of(plan: Plan, resources: Mapping[tuple[str, Key], Live], caller: Caller) -> Callable[[Ref], str]:
    """Return the function from a reference in a plan's bodies to its value.

    Args:
        plan: the one that is carried out.
        resources: what exists by now, by deployment and key.
        caller: reads the contents of secrets.
    """

    def lookup(ref: Ref) -> str:
        if ref.key.kind == VAULT_SECRET:
            return read_secret(caller, ref)
        if ref.key.kind == RESPONSE_FILE:
            agent = plan.desired[Key(ManagementAgent.name, ref.key.name)]
            return response_file(caller, plan.identity, resources[plan.name, INSTALL_KEY], agent)
        if ref.deployment:
            return value_of(plan.snapshot.of(ref.deployment)[ref.key][0], ref)
        return value_of(resources[plan.name, ref.key], ref)

    return lookup
