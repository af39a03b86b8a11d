"""Core: virtual cloud networks and subnets.  API: core/20160918."""

from __future__ import annotations

import ipaddress
from typing import Final

from ocisidecar.emulator.crud import declare_collection
from ocisidecar.emulator.declare import Call, Collection, Service
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.shapes import JsonObject, tagged
from ocisidecar.emulator.world import Record

CORE: Final = Service(
    name="core",
    prefixes=("iaas",),
    version="/20160918",
    client="core.VirtualNetworkClient",
    page_token_length=1200,
)

BORN: Final = (("PROVISIONING", "network"), ("AVAILABLE", ""))
DYING: Final = (("TERMINATING", "network"), (None, ""))


def network_of(text: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as exc:
        raise invalid(f"The requested CIDR {text} is invalid: unable to parse.") from exc


def _complete_vcn(call: Call) -> JsonObject:
    cidrs = call.body.get("cidrBlocks") or [call.body["cidrBlock"]]
    for cidr in cidrs:
        network_of(cidr)
    return {"cidrBlock": cidrs[0], "cidrBlocks": cidrs}


def _release_vcn(call: Call, vcn: Record) -> None:
    if next(call.world.where("subnet", call.now, vcnId=vcn.id), None) is not None:
        raise ServiceError("IncorrectState", f"{vcn.id} is associated with Subnet that is in use")


VCNS: Final = declare_collection(
    Collection(
        service=CORE,
        kind="vcn",
        noun="vcn",
        plural="vcns",
        ocid="vcn",
        item="/vcns/{vcnId}",
        binding="amaaaaaa",
        details=tagged("compartmentId! cidrBlock cidrBlocks:strings displayName dnsLabel isIpv6Enabled:bool"),
        changes=tagged("displayName"),
        born=BORN,
        dying=DYING,
        complete=_complete_vcn,
        release=_release_vcn,
    )
)


def _complete_subnet(call: Call) -> JsonObject:
    network = network_of(call.body["cidrBlock"])
    return {"virtualRouterIp": str(network[1]), "virtualRouterMac": "00:00:17:00:00:01"}


SUBNETS: Final = declare_collection(
    Collection(
        service=CORE,
        kind="subnet",
        noun="subnet",
        plural="subnets",
        ocid="subnet",
        item="/subnets/{subnetId}",
        details=tagged("compartmentId! vcnId! cidrBlock displayName prohibitPublicIpOnVnic:bool"),
        changes=tagged("displayName"),
        filters=("vcnId", "displayName", "lifecycleState"),
        parents={"vcnId": "vcn"},
        born=BORN,
        dying=DYING,
        complete=_complete_subnet,
    )
)
