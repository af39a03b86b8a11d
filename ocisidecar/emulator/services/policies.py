"""Identity: dynamic groups and policies.

Source: oci.identity.models; Oracle, "Policy Statements Limit per Compartment Hierarchy".
The beginning of the text for a refused rule is quoted from the tests of Oracle's Terraform provider.
UNCONFIRMED: codes and texts of refused names and statements, beyond those of compartments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ocisidecar.emulator.access import record_version, values_in_force
from ocisidecar.emulator.crud import declare_collection
from ocisidecar.emulator.declarations import Call, Collection, Unique
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.iam import PolicyStatement, parse_matching_rule, parse_statement
from ocisidecar.emulator.schema import JsonObject, require_length, tagged
from ocisidecar.emulator.services.identity import CREATE_PHASES, DELETE_PHASES, IDENTITY, require_in_tenancy
from ocisidecar.emulator.state import Record

MAX_STATEMENTS_PER_POLICY: Final = 50
MAX_STATEMENTS_PER_PATH: Final = 500
MAX_STATEMENT_LENGTH: Final = 1024
NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


def check_name(call: Call) -> None:
    """Raise ServiceError 400 unless the name has 1 to 100 letters, digits, dots, dashes and underscores."""
    if not NAME.fullmatch(call.body["name"]):
        raise invalid(f"Invalid name: {call.body['name']}")


def _check_rule(text: str) -> None:
    try:
        parse_matching_rule(text)
    except ValueError as exc:
        raise invalid(f"Unable to parse matching rule: {exc}") from exc


def _complete_group(call: Call) -> JsonObject:
    check_name(call)
    require_in_tenancy(call)
    _check_rule(call.body["matchingRule"])
    return {}


def _record_rule(call: Call, group: Record) -> None:
    record_version(call, group, group.body["matchingRule"])


def _revise_group(call: Call, group: Record, changes: JsonObject) -> JsonObject:
    if "matchingRule" in changes:
        _check_rule(changes["matchingRule"])
        record_version(call, group, changes["matchingRule"])
    return changes


DYNAMIC_GROUPS: Final = declare_collection(
    Collection(
        service=IDENTITY,
        kind="dynamic-group",
        noun="dynamic_group",
        plural="dynamic_groups",
        ocid="dynamicgroup",
        item="/dynamicGroups/{dynamicGroupId}",
        details=tagged("compartmentId! name! matchingRule! description!"),
        changes=tagged("matchingRule description"),
        filters=("name", "lifecycleState"),
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        etag="40",
        unique=Unique(
            member="name",
            scope=(),
            code="DynamicGroupAlreadyExists",
            message="Dynamic Group '{name}' already exists",
        ),
        before_create=_complete_group,
        after_create=_record_rule,
        before_update=_revise_group,
    )
)


def _check_statements(call: Call, compartment_id: str, statements: Sequence[str], replaced: int) -> None:
    require_length(statements, "statements", min_length=1, max_length=MAX_STATEMENTS_PER_POLICY)
    for text in statements:
        require_length(text, "a statement", min_length=1, max_length=MAX_STATEMENT_LENGTH)
        try:
            statement = parse_statement(text)
        except ValueError as exc:
            raise invalid(f"Invalid statement '{text}': {exc}") from exc
        if statement.compartment:
            _check_compartment(call, compartment_id, statement.compartment)
        _check_groups(call, statement)
    added = len(statements) - replaced
    if max(_statements_on_paths(call, compartment_id)) + added > MAX_STATEMENTS_PER_PATH:
        raise ServiceError("LimitExceeded", f"More than {MAX_STATEMENTS_PER_PATH} statements on a path")


def _check_compartment(call: Call, compartment_id: str, wanted: str) -> None:
    """Raise ServiceError 400 unless the statement names the policy's compartment or one below it."""
    if wanted == call.cloud.tenancy_id and not call.cloud.assumptions.accepts_root_by_id:
        raise invalid(f"Compartment {{{wanted}}} is the root compartment: use 'in tenancy'")
    found = call.cloud.compartment_below(compartment_id, wanted, call.now)
    if found is None or compartment_id not in call.cloud.path_to_root(found.id, call.now):
        raise invalid(f"Compartment {{{wanted}}} does not exist or is not part of the policy compartment subtree")


def _check_groups(call: Call, statement: PolicyStatement) -> None:
    """Raise ServiceError 400 for a group that does not exist, or a dynamic one so new that it is not known yet."""
    if statement.subject_kind == "dynamic-group":
        groups = [group for group, _ in values_in_force(call, "dynamic-group")]
    elif statement.subject_kind == "group":
        groups = call.cloud.store.all("group", call.now)
    else:
        return
    known = {word for group in groups for word in (group.id, group.body["name"])}
    for name in statement.subjects:
        if name not in known:
            text = call.cloud.assumptions.unknown_group_message
            kind = statement.subject_kind.replace("-", "_")
            raise invalid(text.replace("{kind}", kind).replace("{name}", name))


def _statements_on_paths(call: Call, compartment_id: str) -> Iterable[int]:
    """Yield the number of statements on each path to the root that contains the compartment."""
    for compartment in call.cloud.store.all("compartment", call.now):
        path = call.cloud.path_to_root(compartment.id, call.now)
        if compartment_id in path:
            yield sum(
                len(policy.body["statements"])
                for policy in call.cloud.store.all("policy", call.now)
                if policy.body["compartmentId"] in path
            )


def _complete_policy(call: Call) -> JsonObject:
    check_name(call)
    _check_statements(call, call.body["compartmentId"], call.body["statements"], 0)
    return {}


def _record_statements(call: Call, policy: Record) -> None:
    record_version(call, policy, policy.body["statements"])


def _revise_policy(call: Call, policy: Record, changes: JsonObject) -> JsonObject:
    if "statements" in changes:
        replaced = len(policy.body["statements"])
        _check_statements(call, policy.body["compartmentId"], changes["statements"], replaced)
        record_version(call, policy, changes["statements"])
    return changes


POLICIES: Final = declare_collection(
    Collection(
        service=IDENTITY,
        kind="policy",
        noun="policy",
        plural="policies",
        ocid="policy",
        item="/policies/{policyId}",
        details=tagged("compartmentId! name! statements!:strings description! versionDate"),
        changes=tagged("statements:strings description versionDate"),
        filters=("name", "lifecycleState"),
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        etag="40",
        unique=Unique(
            member="name", scope=(), code="PolicyAlreadyExists", message="Policy '{name}' already exists"
        ),
        before_create=_complete_policy,
        after_create=_record_statements,
        before_update=_revise_policy,
    )
)
