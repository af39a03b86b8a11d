"""Core: route tables and DHCP options."""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.ids import kind_of
from ocisidecar.emulator.schema import JsonObject, Variants, body, many, require_length, tagged
from ocisidecar.emulator.services.core import (
    CORE,
    CREATE_PHASES,
    DELETE_PHASES,
    cidr,
    refuse_default,
    require_unused,
)
from ocisidecar.emulator.services.gateways import all_services, services_of
from ocisidecar.emulator.state import Record

MAX_ROUTE_RULES: Final = 200
TARGETS: Final = {
    "internetgateway": "internet-gateway",
    "natgateway": "nat-gateway",
    "servicegateway": "service-gateway",
    "privateip": "private-ip",
}
ROUTE_RULE: Final = body(
    "networkEntityId! destination destinationType=CIDR_BLOCK|SERVICE_CIDR_BLOCK cidrBlock description routeType"
)


def _rules(call: Call, vcn_id: str, rules: list[JsonObject]) -> list[JsonObject]:
    """Return the rules as they are stored; ServiceError 400 when one of them is invalid."""
    require_length(rules, "routeRules", max_length=MAX_ROUTE_RULES)
    stored = [_rule(call, vcn_id, rule) for rule in rules]
    destinations = [rule["destination"] for rule in stored]
    if len(set(destinations)) < len(destinations):
        raise invalid("routeRules must not hold two rules for one destination")
    kinds = {kind_of(rule["networkEntityId"]) for rule in stored}
    if "internetgateway" in kinds and all_services(call.region) in destinations:
        # Source: Oracle, "Access to Oracle Services: Service Gateway".  UNCONFIRMED: code and text.
        raise invalid("A route table with a route to an internet gateway cannot route all Oracle services")
    return stored


def _rule(call: Call, vcn_id: str, rule: JsonObject) -> JsonObject:
    is_service = rule.get("destinationType") == "SERVICE_CIDR_BLOCK"
    destination = rule.get("destination", rule.get("cidrBlock"))
    if destination is None:
        raise ServiceError("MissingParameter", "Missing parameter: destination")
    target = kind_of(rule["networkEntityId"])
    if target not in TARGETS:
        raise ServiceError("RelatedResourceNotAuthorizedOrNotFound")
    entity = crud.require_state(call, call.related(TARGETS[target], rule["networkEntityId"]))
    if entity.body.get("vcnId", vcn_id) != vcn_id:
        raise invalid(f"networkEntityId {entity.id} does not belong to {vcn_id}")
    if is_service != (target == "servicegateway"):
        raise invalid("destinationType SERVICE_CIDR_BLOCK goes with a service gateway, CIDR_BLOCK with the others")
    if is_service:
        if destination not in {entry["cidrBlock"] for entry in services_of(call.region)}:
            raise invalid(f"destination {destination} is not the cidrBlock of a service")
    else:
        cidr(destination)
    kind = "SERVICE_CIDR_BLOCK" if is_service else "CIDR_BLOCK"
    return {**rule, "destination": destination, "destinationType": kind, "routeType": "STATIC"}


def _complete_table(call: Call) -> JsonObject:
    return {"routeRules": _rules(call, call.body["vcnId"], call.body["routeRules"])}


def _revise_table(call: Call, table: Record, changes: JsonObject) -> JsonObject:
    if "routeRules" not in changes:
        return changes
    return {**changes, "routeRules": _rules(call, table.body["vcnId"], changes["routeRules"])}


def _release_table(call: Call, table: Record) -> None:
    refuse_default(call, table)
    users = ("subnet", "internet-gateway", "nat-gateway", "service-gateway")
    require_unused(call, table, dict.fromkeys(users, "routeTableId"))


ROUTE_TABLES: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="route-table",
        noun="route_table",
        plural="route_tables",
        ocid="routetable",
        item="/routeTables/{rtId}",
        details=tagged("compartmentId! vcnId! routeRules! displayName", routeRules=many(ROUTE_RULE)),
        changes=tagged("routeRules displayName", routeRules=many(ROUTE_RULE)),
        filters=("vcnId", "displayName", "lifecycleState"),
        parents={"vcnId": "vcn"},
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        before_create=_complete_table,
        before_update=_revise_table,
        before_delete=_release_table,
    )
)
declare_move(ROUTE_TABLES)

DHCP_OPTION: Final = Variants(
    "type",
    {
        "DomainNameServer": body(
            "serverType!=VcnLocal|VcnLocalPlusInternet|CustomDnsServer customDnsServers:strings"
        ),
        "SearchDomain": body("searchDomainNames!:strings"),
    },
)
DOMAIN_NAME_TYPE: Final = "domainNameType=SUBNET_DOMAIN|VCN_DOMAIN|CUSTOM_DOMAIN"


def _complete_options(call: Call) -> JsonObject:
    return {"domainNameType": call.body.get("domainNameType", "CUSTOM_DOMAIN")}


def _release_options(call: Call, options: Record) -> None:
    refuse_default(call, options)
    require_unused(call, options, {"subnet": "dhcpOptionsId"})


DHCP_OPTIONS: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="dhcp-options",
        noun="dhcp_options",
        plural="dhcp_options",
        ocid="dhcpoptions",
        item="/dhcps/{dhcpId}",
        details=tagged(f"compartmentId! vcnId! options! displayName {DOMAIN_NAME_TYPE}", options=many(DHCP_OPTION)),
        changes=tagged(f"options displayName {DOMAIN_NAME_TYPE}", options=many(DHCP_OPTION)),
        filters=("vcnId", "displayName", "lifecycleState"),
        parents={"vcnId": "vcn"},
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        before_create=_complete_options,
        before_delete=_release_options,
    )
)
declare_move(DHCP_OPTIONS)
