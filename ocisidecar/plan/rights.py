"""The rights that planning and applying a spec takes, as policy statements for the caller's group.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.rights import domains_statement, functions_statements, secrets_statement
from ocisidecar.state.desired import VAULT_SECRET, Desired
from ocisidecar.state.identity import Identity
from ocisidecar.wire import Key, Ref, references


def rights_for(desired: Mapping[Key, Desired], identity: Identity) -> tuple[str, ...]:
    """Return the statements that suffice to create, change and delete these resources of a deployment.

    Without the right to `inspect tenancies in tenancy` the home region is guessed, and without that to
    `inspect repos in tenancy` repositories of other compartments are not found; a plan warns of both.
    """
    wanted = {key.kind for key in desired}
    kinds = [kind for name, kind in KINDS.items() if name in wanted]
    domains = [domains_statement(identity)] if "container-instance" in wanted else []
    secrets = [secrets_statement(identity)] if secrets_of(desired) else []
    functions = [right for want in desired.values() for right in functions_statements(want.body, identity)]
    given = (right for kind in kinds for right in kind.rights(identity))
    found = dict.fromkeys([*given, *domains, *secrets, *functions])
    return tuple(one for one in found if one.replace(" to use ", " to manage ") not in found.keys() - {one})


def secrets_of(desired: Mapping[Key, Desired]) -> tuple[Ref, ...]:
    """Return the references to vault secrets whose content whoever applies reads; the field is the version."""
    found = (ref for want in desired.values() for ref in references(want.body) if ref.key.kind == VAULT_SECRET)
    return tuple(dict.fromkeys(found))
