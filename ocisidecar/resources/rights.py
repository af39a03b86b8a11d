"""The rights of whoever plans and applies, as policy statements ready to be written.  Pure.

Source: Oracle, "Policy Reference" and "Policy Syntax": the root compartment is written as `tenancy`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.state.identity import Identity
from ocisidecar.wire import Body


def caller_statement(verb: str, resource_type: str, identity: Identity, *, tenancy: bool = False) -> str:
    """Return the statement that gives the caller a right.

    Args:
        verb: inspect, read, use or manage.
        resource_type: as in policy statements.
        identity: of the deployment: its compartment is where the right counts, and its subject gets the right.
        tenancy: whether it must count in the whole tenancy.
    """
    place = compartment_words(identity.tenancy_id if tenancy else identity.compartment_id, identity)
    return f"Allow {identity.subject} to {verb} {resource_type} in {place}"


def compartment_words(compartment_id: str, identity: Identity) -> str:
    """Return a compartment as statements name it."""
    return "tenancy" if compartment_id == identity.tenancy_id else f"compartment id {compartment_id}"


def domains_statement(identity: Identity) -> str:
    """Return the statement for reading the availability domains."""
    return caller_statement("inspect", "compartments", identity)


def regions_statement(identity: Identity) -> str:
    """Return the statement for reading the tenancy's home region."""
    return caller_statement("inspect", "tenancies", identity, tenancy=True)


def secrets_statement(identity: Identity) -> str:
    """Return the statement for reading the content of vault secrets."""
    return caller_statement("read", "secret-bundles", identity)


def functions_statements(body: Mapping[str, Body], identity: Identity) -> tuple[str, ...]:
    """Return the statement that subscribing a function takes, wherever that is; none for any other body.

    Source: Oracle, "Creating a Function Subscription": whoever subscribes a function needs FN_INVOCATION on it;
    "Controlling Access to Invoke and Manage Functions".  No source says that Notifications itself needs a right.
    """
    if body.get("protocol") != "ORACLE_FUNCTIONS":
        return ()
    right = caller_statement("use", "fn-invocation", identity, tenancy=True)
    return (f"{right} where target.function.id = '{body['endpoint']}'",)
