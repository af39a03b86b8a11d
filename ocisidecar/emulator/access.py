"""Authorization: administrators may do everything, other users and resource principals what policies grant them.

Policies grant to the groups of users and to dynamic groups.  A matching rule or statement takes effect
`Latencies.iam_propagation` after it was written.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final

from ocisidecar.emulator.agent_registry import AGENT_KIND
from ocisidecar.emulator.declarations import AccessTarget, Call, Permission
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.iam import VERBS, PolicyStatement, parse_matching_rule, parse_statement
from ocisidecar.emulator.permissions import FAMILIES, needed
from ocisidecar.emulator.state import Record

ADMINISTRATORS: Final = "Administrators"
"""The group that each tenancy has from the start; its members may do everything."""

_rule = functools.cache(parse_matching_rule)
_statement = functools.cache(parse_statement)


def authorise(call: Call) -> None:
    """Raise ServiceError 404, as OCI does, when the call's principal lacks a permission."""
    if is_administrator(call):
        return
    for permission, targets in needed(call):
        if not is_granted(call, permission, targets):
            raise not_found()


def is_administrator(call: Call) -> bool:
    """Return whether the call's principal is a member of the administrators, or a user from outside the tenancy."""
    if call.principal.resource_type:
        return False
    is_known = call.cloud.store.find("user", call.principal.id, call.now) is not None
    return not is_known or ADMINISTRATORS in _groups_of_user(call)


def is_granted(call: Call, permission: Permission, targets: Iterable[AccessTarget]) -> bool:
    """Return whether policies grant the call's principal a permission on all targets."""
    subject_kind = "dynamic-group" if call.principal.resource_type else "group"
    groups = set(_groups(call) if call.principal.resource_type else _groups_of_user(call))
    statements = list(_statements(call, subject_kind, groups))
    return all(any(_grants(call, *granted, permission, target) for granted in statements) for target in targets)


def record_version(call: Call, record: Record, value: object) -> None:
    """Store the rule or statements of a dynamic group or policy; they take effect when the propagation is over."""
    (_, lag), *_ = call.cloud.draw_phases(f"{record.id}/{record.version}", (("PROPAGATING", "iam_propagation"),))
    record.hidden.setdefault("versions", []).append((call.now + lag, value))


def values_in_force(call: Call, kind: str) -> Iterator[tuple[Record, object]]:
    """Yield the dynamic groups or policies that have taken effect, each with its rule or statements in force."""
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
    for group, rule in values_in_force(call, "dynamic-group"):
        if _rule(str(rule)).holds(variables):
            yield group.id
            yield group.body["name"]


def _groups_of_user(call: Call) -> Iterator[str]:
    """Yield the OCIDs and names of the groups that the calling user is a member of."""
    for membership in call.cloud.where("user-group-membership", call.now, userId=call.principal.id):
        group = call.cloud.store.find("group", membership.body["groupId"], call.now)
        if group is not None:
            yield group.id
            yield group.body["name"]


def _tags(call: Call) -> dict[str, dict[str, object]]:
    if not call.cloud.assumptions.dynamic_groups_match_tags:
        return {}
    kinds = ("container-instance", AGENT_KIND)
    found = (call.cloud.store.find(kind, call.principal.id, call.now) for kind in kinds)
    resource = next((one for one in found if one is not None), None)
    tags: dict[str, dict[str, object]] = resource.body["definedTags"] if resource is not None else {}
    return tags


def _statements(call: Call, subject_kind: str, groups: set[str]) -> Iterator[tuple[Record, PolicyStatement]]:
    for policy, texts in values_in_force(call, "policy"):
        if isinstance(texts, list):
            for statement in map(_statement, texts):
                is_for_all = statement.subject_kind in {"any-user", "any-group"}
                is_for_groups = statement.subject_kind == subject_kind and groups & set(statement.subjects)
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
