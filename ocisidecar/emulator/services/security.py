"""Core: security lists, network security groups and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, body, many, require_length, tagged
from ocisidecar.emulator.services.core import (
    CORE,
    CREATE_PHASES,
    DELETE_PHASES,
    cidr,
    refuse_default,
    require_unused,
)
from ocisidecar.emulator.services.gateways import services_of
from ocisidecar.emulator.state import Record

MAX_RULES_PER_CALL: Final = 25
"""Source: oci.core.models.AddNetworkSecurityGroupSecurityRulesDetails."""
MAX_RULES_PER_GROUP: Final = 120
MAX_RULES_PER_LIST: Final = 200
MAX_PORT: Final = 65535
MAX_PROTOCOL: Final = 255
PROTOCOL_OPTIONS: Final = {"tcpOptions": ("6",), "udpOptions": ("17",), "icmpOptions": ("1", "58")}

_PORTS: Final = body("min!:int max!:int")
_RANGES: Final = body("destinationPortRange sourcePortRange", destinationPortRange=_PORTS, sourcePortRange=_PORTS)
_OPTIONS: Final = {
    "tcpOptions": _RANGES,
    "udpOptions": _RANGES,
    "icmpOptions": body("type!:int code:int"),
}
_SHARED: Final = "protocol! isStateless:bool description tcpOptions udpOptions icmpOptions"
_LIST_TYPES: Final = "CIDR_BLOCK|SERVICE_CIDR_BLOCK"
_GROUP_TYPES: Final = f"{_LIST_TYPES}|NETWORK_SECURITY_GROUP"
_ENDS: Final = f"source sourceType={_GROUP_TYPES} destination destinationType={_GROUP_TYPES}"

INGRESS_RULE: Final = body(f"{_SHARED} source! sourceType={_LIST_TYPES}", **_OPTIONS)
EGRESS_RULE: Final = body(f"{_SHARED} destination! destinationType={_LIST_TYPES}", **_OPTIONS)
ADD_RULE: Final = body(f"{_SHARED} direction!=INGRESS|EGRESS {_ENDS}", **_OPTIONS)
UPDATE_RULE: Final = body(f"{_SHARED} id! direction!=INGRESS|EGRESS {_ENDS}", **_OPTIONS)

END_MEMBERS: Final = {"INGRESS": "source", "EGRESS": "destination"}


def _rule(call: Call, rule: JsonObject, direction: str, vcn_id: str) -> JsonObject:
    """Return a rule with its defaults; ServiceError 400 when it is invalid."""
    end = END_MEMBERS[direction]
    if end not in rule:
        raise ServiceError("MissingParameter", f"Missing parameter: {end}")
    kind = rule.get(f"{end}Type", "CIDR_BLOCK")
    if kind == "CIDR_BLOCK":
        cidr(rule[end])
    elif kind == "SERVICE_CIDR_BLOCK":
        if rule[end] not in {entry["cidrBlock"] for entry in services_of(call.region)}:
            raise invalid(f"{end} {rule[end]} is not the cidrBlock of a service")
    elif call.related("network-security-group", rule[end]).body["vcnId"] != vcn_id:
        raise invalid(f"{end} {rule[end]} does not belong to {vcn_id}")
    _check_protocol(rule)
    return {"isStateless": False, f"{end}Type": kind, **rule}


def _check_protocol(rule: JsonObject) -> None:
    protocol = rule["protocol"]
    if protocol != "all" and not (protocol.isdecimal() and int(protocol) <= MAX_PROTOCOL):
        raise invalid(f"protocol must be all or a protocol number: {protocol}")
    for member, protocols in PROTOCOL_OPTIONS.items():
        if member in rule and protocol not in protocols:
            raise invalid(f"{member} goes with protocol {' or '.join(protocols)}, not {protocol}")
    for member in ("tcpOptions", "udpOptions"):
        for ports in rule.get(member, {}).values():
            if not 1 <= ports["min"] <= ports["max"] <= MAX_PORT:
                raise invalid(f"{member} must have 1 <= min <= max <= {MAX_PORT}: {ports}")


def _list_rules(call: Call, rules: JsonObject, vcn_id: str) -> JsonObject:
    stored = {}
    for member, direction in (("ingressSecurityRules", "INGRESS"), ("egressSecurityRules", "EGRESS")):
        if member in rules:
            require_length(rules[member], member, max_length=MAX_RULES_PER_LIST)
            stored[member] = [_rule(call, rule, direction, vcn_id) for rule in rules[member]]
    return stored


def _complete_list(call: Call) -> JsonObject:
    return _list_rules(call, call.body, call.body["vcnId"])


def _revise_list(call: Call, record: Record, changes: JsonObject) -> JsonObject:
    return {**changes, **_list_rules(call, changes, record.body["vcnId"])}


def _release_list(call: Call, record: Record) -> None:
    refuse_default(call, record)
    require_unused(call, record, {"subnet": "securityListIds"})


_LISTS: Final = {"ingressSecurityRules": many(INGRESS_RULE), "egressSecurityRules": many(EGRESS_RULE)}

SECURITY_LISTS: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="security-list",
        noun="security_list",
        plural="security_lists",
        ocid="securitylist",
        item="/securityLists/{securityListId}",
        details=tagged("compartmentId! vcnId! ingressSecurityRules! egressSecurityRules! displayName", **_LISTS),
        changes=tagged("ingressSecurityRules egressSecurityRules displayName", **_LISTS),
        filters=("vcnId", "displayName", "lifecycleState"),
        parents={"vcnId": "vcn"},
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        before_create=_complete_list,
        before_update=_revise_list,
        before_delete=_release_list,
    )
)
declare_move(SECURITY_LISTS)


def _add_rule_list(_call: Call, group: Record) -> None:
    group.hidden["rules"] = []


def _release_group(call: Call, group: Record) -> None:
    if _members(call, group):
        raise ServiceError(
            "PreconditionFailed",
            f"NetworkSecurityGroup {group.id} cannot be deleted since it still has vnics attached to it",
        )


GROUPS: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="network-security-group",
        noun="network_security_group",
        plural="network_security_groups",
        ocid="networksecuritygroup",
        item="/networkSecurityGroups/{networkSecurityGroupId}",
        details=tagged("compartmentId! vcnId! displayName"),
        changes=tagged("displayName"),
        filters=("vcnId", "displayName", "lifecycleState"),
        query=(),
        parents={"vcnId": "vcn"},
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        after_create=_add_rule_list,
        before_delete=_release_group,
    )
)
declare_move(GROUPS)


def _members(call: Call, group: Record) -> list[Record]:
    return [vnic for vnic in call.cloud.store.all("vnic", call.now) if group.id in vnic.body["nsgIds"]]


def _group(call: Call) -> Record:
    return crud.get_usable(call, "network-security-group", call.path["networkSecurityGroupId"])


def _rule_view(call: Call, rule: JsonObject) -> JsonObject:
    """Return a rule as in responses: it is valid while the group that it names exists."""
    end = END_MEMBERS[rule["direction"]]
    is_valid = rule[f"{end}Type"] != "NETWORK_SECURITY_GROUP" or (
        call.find("network-security-group", rule[end]) is not None
    )
    return {**rule, "isValid": is_valid}


@CORE.operation(
    "GET",
    "/networkSecurityGroups/{networkSecurityGroupId}/securityRules",
    "list_network_security_group_security_rules",
    listing="array",
)
def list_rules(call: Call) -> Result:
    """Respond with a group's rules; the query may select a direction."""
    rules = call.get("network-security-group", call.resource_id).hidden["rules"]
    direction = call.query.get("direction")
    return page_of_items(call, [_rule_view(call, rule) for rule in rules if direction in {None, rule["direction"]}])


@CORE.operation(
    "POST",
    "/networkSecurityGroups/{networkSecurityGroupId}/actions/addSecurityRules",
    "add_network_security_group_security_rules",
    details=body("securityRules", securityRules=many(ADD_RULE)),
)
def add_rules(call: Call) -> Result:
    """Add rules; duplicates of existing rules are added too."""
    group = _group(call)
    given = _given_rules(call)
    rules = group.hidden["rules"]
    if len(rules) + len(given) > MAX_RULES_PER_GROUP:
        # UNCONFIRMED: the number and the text.
        raise ServiceError("LimitExceeded", f"At most {MAX_RULES_PER_GROUP} rules per network security group")
    added = [
        {
            "id": call.cloud.ids.hexadecimal(6).upper(),
            "timeCreated": timestamp(call.now),
            **_rule(call, rule, rule["direction"], group.body["vcnId"]),
        }
        for rule in given
    ]
    group.hidden["rules"] = [*rules, *added]
    return Result(body={"securityRules": [_rule_view(call, rule) for rule in added]})


@CORE.operation(
    "POST",
    "/networkSecurityGroups/{networkSecurityGroupId}/actions/updateSecurityRules",
    "update_network_security_group_security_rules",
    details=body("securityRules", securityRules=many(UPDATE_RULE)),
)
def update_rules(call: Call) -> Result:
    """Replace rules by their ids."""
    group = _group(call)
    rules = {rule["id"]: rule for rule in group.hidden["rules"]}
    given = _given_rules(call)
    _require_rules(rules, [rule["id"] for rule in given])
    updated = [
        {
            "timeCreated": rules[rule["id"]]["timeCreated"],
            **_rule(call, rule, rule["direction"], group.body["vcnId"]),
        }
        for rule in given
    ]
    group.hidden["rules"] = list({**rules, **{rule["id"]: rule for rule in updated}}.values())
    return Result(body={"securityRules": [_rule_view(call, rule) for rule in updated]})


@CORE.operation(
    "POST",
    "/networkSecurityGroups/{networkSecurityGroupId}/actions/removeSecurityRules",
    "remove_network_security_group_security_rules",
    status=204,
    details=body("securityRuleIds:strings"),
)
def remove_rules(call: Call) -> Result:
    """Remove rules by their ids."""
    group = _group(call)
    rules = {rule["id"]: rule for rule in group.hidden["rules"]}
    ids = call.body.get("securityRuleIds", [])
    require_length(ids, "securityRuleIds", min_length=1, max_length=MAX_RULES_PER_CALL)
    _require_rules(rules, ids)
    group.hidden["rules"] = [rule for rule_id, rule in rules.items() if rule_id not in ids]
    return Result()


@CORE.operation(
    "GET",
    "/networkSecurityGroups/{networkSecurityGroupId}/vnics",
    "list_network_security_group_vnics",
    listing="array",
)
def list_members(call: Call) -> Result:
    """Respond with the VNICs of a group."""
    group = call.get("network-security-group", call.resource_id)
    return page_of_items(
        call,
        [
            {
                "resourceId": vnic.hidden["resource_id"],
                "timeAssociated": vnic.body["timeCreated"],
                "vnicId": vnic.id,
            }
            for vnic in _members(call, group)
        ],
    )


def _given_rules(call: Call) -> list[JsonObject]:
    rules: list[JsonObject] = call.body.get("securityRules", [])
    require_length(rules, "securityRules", min_length=1, max_length=MAX_RULES_PER_CALL)
    return rules


def _require_rules(rules: dict[str, JsonObject], ids: Sequence[str]) -> None:
    if any(rule_id not in rules for rule_id in ids):
        raise not_found()
