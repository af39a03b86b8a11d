"""Core: internet, NAT and service gateways, and the catalogue of Oracle services."""

from __future__ import annotations

from typing import Any, Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, not_found
from ocisidecar.emulator.ids import Ids
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.regions import REGIONS
from ocisidecar.emulator.schema import JsonObject, body, many, require_length, tagged
from ocisidecar.emulator.services.addresses import public_address
from ocisidecar.emulator.services.core import CORE, CREATE_PHASES, DELETE_PHASES, in_use_error
from ocisidecar.emulator.state import Record

SERVICE_IDS: Final = many(body("serviceId!"))


def services_of(region: str) -> list[JsonObject]:
    """Return the catalogue of one region: object storage, and all services.

    Source: oci.core.models.Service; the wording is quoted from live answers.
    """
    key = REGIONS[region].key
    entries = (
        (f"OCI {key} Object Storage", f"oci-{key.lower()}-objectstorage"),
        (f"All {key} Services In Oracle Services Network", all_services(region)),
    )
    return [
        {"cidrBlock": label, "description": name, "id": Ids(number).ocid("service", region), "name": name}
        for number, (name, label) in enumerate(entries)
    ]


def all_services(region: str) -> str:
    """Return the label that stands for all of Oracle's services of a region."""
    return f"all-{REGIONS[region].key.lower()}-services-in-oracle-services-network"


def _require_first(call: Call, kind: str, title: str) -> None:
    """Refuse a second gateway of a kind; recorded for NAT gateways, by analogy for the others."""
    if next(call.cloud.where(kind, call.now, vcnId=call.body["vcnId"]), None) is not None:
        raise ServiceError("LimitExceeded", f"{title} limit per VCN reached")


def _release(call: Call, gateway: Record) -> None:
    for table in call.cloud.where("route-table", call.now, vcnId=gateway.body["vcnId"]):
        if any(rule["networkEntityId"] == gateway.id for rule in table.body["routeRules"]):
            raise in_use_error(gateway, "route-table")


SHARED: Final[dict[str, Any]] = {
    "service": CORE,
    "parents": {"vcnId": "vcn"},
    "references": {"routeTableId": "route-table"},
    "common_parent": "vcnId",
    "create_phases": CREATE_PHASES,
    "delete_phases": DELETE_PHASES,
}


def _complete_internet_gateway(call: Call) -> JsonObject:
    _require_first(call, "internet-gateway", "Internet gateway")
    return {}


INTERNET_GATEWAYS: Final = crud.declare_collection(
    Collection(
        kind="internet-gateway",
        noun="internet_gateway",
        plural="internet_gateways",
        ocid="internetgateway",
        item="/internetGateways/{igId}",
        details=tagged("compartmentId! vcnId! isEnabled!:bool displayName routeTableId"),
        changes=tagged("isEnabled:bool displayName routeTableId"),
        filters=("vcnId", "displayName", "lifecycleState"),
        before_create=_complete_internet_gateway,
        before_delete=_release,
        **SHARED,
    )
)
declare_move(INTERNET_GATEWAYS)


def _complete_nat_gateway(call: Call) -> JsonObject:
    _require_first(call, "nat-gateway", "NAT gateway")
    address = public_address(
        call, call.body["compartmentId"], scope="REGION", assigned={"assignedEntityType": "NAT_GATEWAY"}
    )
    return {
        "blockTraffic": call.body.get("blockTraffic", False),
        "natIp": address.body["ipAddress"],
        "publicIpId": address.id,
    }


def _assign_address(call: Call, gateway: Record) -> None:
    call.get("public-ip", gateway.body["publicIpId"]).body["assignedEntityId"] = gateway.id


def _release_nat_gateway(call: Call, gateway: Record) -> None:
    _release(call, gateway)
    address = call.get("public-ip", gateway.body["publicIpId"])
    address.transition(call.now, crud.draw_phases(call, gateway.id, DELETE_PHASES))


NAT_GATEWAYS: Final = crud.declare_collection(
    Collection(
        kind="nat-gateway",
        noun="nat_gateway",
        plural="nat_gateways",
        ocid="natgateway",
        item="/natGateways/{natGatewayId}",
        etag="decimal",
        details=tagged("compartmentId! vcnId! displayName blockTraffic:bool routeTableId publicIpId:unsupported"),
        changes=tagged("displayName blockTraffic:bool routeTableId"),
        filters=("vcnId", "displayName", "lifecycleState"),
        before_create=_complete_nat_gateway,
        after_create=_assign_address,
        before_delete=_release_nat_gateway,
        **SHARED,
    )
)
declare_move(NAT_GATEWAYS, takes_along={"public-ip": "assignedEntityId"})


def _attached(call: Call, services: list[JsonObject]) -> list[JsonObject]:
    """Return the services with their names; ServiceError 400 when one is unknown or there are too many."""
    require_length(services, "services", max_length=1)
    known = {entry["id"]: entry["name"] for entry in services_of(call.region)}
    if any(service["serviceId"] not in known for service in services):
        raise ServiceError("RelatedResourceNotAuthorizedOrNotFound")
    return [{**service, "serviceName": known[service["serviceId"]]} for service in services]


def _complete_service_gateway(call: Call) -> JsonObject:
    _require_first(call, "service-gateway", "Service gateway")
    return {"blockTraffic": False, "services": _attached(call, call.body["services"])}


def _revise_service_gateway(call: Call, _gateway: Record, changes: JsonObject) -> JsonObject:
    return {**changes, "services": _attached(call, changes["services"])} if "services" in changes else changes


SERVICE_GATEWAYS: Final = crud.declare_collection(
    Collection(
        kind="service-gateway",
        noun="service_gateway",
        plural="service_gateways",
        ocid="servicegateway",
        item="/serviceGateways/{serviceGatewayId}",
        details=tagged("compartmentId! vcnId! services! displayName routeTableId", services=SERVICE_IDS),
        changes=tagged("displayName blockTraffic:bool routeTableId services", services=SERVICE_IDS),
        filters=("vcnId", "lifecycleState"),
        before_create=_complete_service_gateway,
        before_update=_revise_service_gateway,
        before_delete=_release,
        **SHARED,
    )
)
declare_move(SERVICE_GATEWAYS)


@CORE.operation("GET", "/services", "list_services", listing="array")
def list_services(call: Call) -> Result:
    """Respond with the catalogue of services that a service gateway can reach."""
    return page_of_items(call, services_of(call.region))


@CORE.operation("GET", "/services/{serviceId}", "get_service")
def get_service(call: Call) -> Result:
    """Respond with one service of the catalogue."""
    for entry in services_of(call.region):
        if entry["id"] == call.resource_id:
            return Result(body=entry)
    raise not_found()
