"""Authorization: users are administrators; resource principals have the permissions that policies grant them.

Policies grant to dynamic groups.  A matching rule or statement takes effect `Latencies.iam_propagation` after it
was written.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final

from ocisidecar.emulator.declarations import AccessTarget, Call, Permission
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.iam import VERBS, PolicyStatement, parse_matching_rule, parse_statement
from ocisidecar.emulator.state import Record

FAMILIES: Final = {
    "logging-family": frozenset({"log-groups", "log-content"}),
    "compute-container-family": frozenset({"compute-container-instances", "compute-containers"}),
    "ons-family": frozenset({"ons-topics", "ons-subscriptions"}),
    "secret-family": frozenset({"secrets", "secret-bundles"}),
}

_rule = functools.cache(parse_matching_rule)
_statement = functools.cache(parse_statement)


def authorise(call: Call) -> None:
    """Raise ServiceError 404, as OCI does, when the call's principal lacks the permission."""
    if not call.principal.resource_type:
        return
    permission = call.operation.permission
    if permission is None or not is_granted(call, permission, permission.targets(call)):
        raise not_found()


def is_granted(call: Call, permission: Permission, targets: Iterable[AccessTarget]) -> bool:
    """Return whether policies grant the call's resource principal a permission on all targets."""
    groups = set(_groups(call))
    statements = list(_statements(call, groups))
    return all(any(_grants(call, *granted, permission, target) for granted in statements) for target in targets)


def record_version(call: Call, record: Record, value: object) -> None:
    """Store the rule or statements of a dynamic group or policy; they take effect when the propagation is over."""
    (_, lag), *_ = call.cloud.draw_phases(f"{record.id}/{record.version}", (("PROPAGATING", "iam_propagation"),))
    record.hidden.setdefault("versions", []).append((call.now + lag, value))


def _values_in_force(call: Call, kind: str) -> Iterator[tuple[Record, object]]:
    for record in call.cloud.store.all(kind, call.now):
        values = [value for since, value in record.hidden["versions"] if since <= call.now]
        if values and record.state_at(call.now) == "ACTIVE":
            yield record, values[-1]


def _groups(call: Call) -> Iterator[str]:
    """Yield the OCIDs and names of the dynamic groups that the principal belongs to."""
    principal = call.principal
    variables = {
        "resource.id": principal.id,
        "resource.type": principal.resource_type,
        "resource.compartment.id": principal.compartment_id,
        **{
            f"tag.{namespace}.{key}.value": str(value)
            for namespace, tags in _tags(call).items()
            for key, value in tags.items()
        },
    }
    for group, rule in _values_in_force(call, "dynamic-group"):
        if _rule(str(rule)).holds(variables):
            yield group.id
            yield group.body["name"]


def _tags(call: Call) -> dict[str, dict[str, object]]:
    resource = call.cloud.store.find("container-instance", call.principal.id, call.now)
    tags: dict[str, dict[str, object]] = resource.body["definedTags"] if resource is not None else {}
    return tags


def _statements(call: Call, groups: set[str]) -> Iterator[tuple[Record, PolicyStatement]]:
    for policy, texts in _values_in_force(call, "policy"):
        if isinstance(texts, list):
            for statement in map(_statement, texts):
                is_for_all = statement.subject_kind in {"any-user", "any-group"}
                is_for_groups = statement.subject_kind == "dynamic-group" and groups & set(statement.subjects)
                if is_for_all or is_for_groups:
                    yield policy, statement


def _grants(
    call: Call, policy: Record, statement: PolicyStatement, permission: Permission, target: AccessTarget
) -> bool:
    """Return whether a statement of a policy covers the permission on the target."""
    wanted = permission.resource_type
    is_type = statement.resource_type in {wanted, "all-resources"} or wanted in FAMILIES.get(
        statement.resource_type, ()
    )
    if not is_type or not statement.verb or VERBS.index(statement.verb) < VERBS.index(permission.verb):
        return False
    path = call.cloud.path_to_root(target.compartment_id, call.now)
    named = call.cloud.tenancy_id
    if statement.compartment:
        found = call.cloud.compartment_below(policy.body["compartmentId"], statement.compartment, call.now)
        if found is None:
            return False
        named = found.id
    return named in path and (statement.condition is None or statement.condition.holds(target.variables))
