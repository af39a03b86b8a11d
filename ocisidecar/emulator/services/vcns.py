"""Core: VCNs with their default objects, and subnets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.compartment_moves import declare_move
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.ids import timestamp
from ocisidecar.emulator.lifecycle import Timeline
from ocisidecar.emulator.schema import JsonObject, body, require_length, tagged
from ocisidecar.emulator.services.core import (
    CORE,
    CREATE_PHASES,
    DELETE_PHASES,
    WORK_REQUESTS,
    cidr,
    dns_label,
    in_use_error,
    mac_suffix,
)
from ocisidecar.emulator.state import Record
from ocisidecar.emulator.work_requests import AffectedResource

MAX_CIDRS: Final = 5
MAX_SECURITY_LISTS: Final = 5
VCN_PREFIX_LENGTHS: Final = range(16, 31)
ANYWHERE: Final = "0.0.0.0/0"
DEFAULTS: Final = {
    "route-table": "defaultRouteTableId",
    "security-list": "defaultSecurityListId",
    "dhcp-options": "defaultDhcpOptionsId",
}
USERS: Final = ("subnet", "internet-gateway", "nat-gateway", "service-gateway")
OWN: Final = ("network-security-group", "route-table", "security-list", "dhcp-options")


def _complete_vcn(call: Call) -> JsonObject:
    given = call.body
    if ("cidrBlock" in given) == ("cidrBlocks" in given):
        raise invalid("Exactly one of cidrBlock and cidrBlocks must be given")
    blocks = given.get("cidrBlocks") or [given.get("cidrBlock")]
    require_length(blocks, "cidrBlocks", min_length=1, max_length=MAX_CIDRS)
    _check_blocks([cidr(block) for block in blocks])
    members: JsonObject = {"cidrBlock": blocks[0], "cidrBlocks": blocks, "isIpv6Enabled": None}
    if "dnsLabel" in given:
        label = dns_label(given["dnsLabel"])
        members |= {"dnsLabel": label, "vcnDomainName": f"{label}.oraclevcn.com"}
    if given.get("isIpv6Enabled"):
        members["ipv6CidrBlocks"] = [call.cloud.ids.ipv6_block()]
    return members


def _check_blocks(blocks: Sequence[IPv4Network]) -> None:
    for index, block in enumerate(blocks):
        if block.prefixlen not in VCN_PREFIX_LENGTHS:
            raise invalid(f"The requested CIDR {block} is invalid: size must be between /16 and /30.")
        for other in blocks[:index]:
            if block.overlaps(other):
                raise invalid(f"The requested CIDR {block} is invalid: CIDR {other} overlaps with this CIDR.")


def _add_defaults(call: Call, vcn: Record) -> None:
    """Create the default route table, security list and DHCP options of a VCN."""
    label = vcn.body.get("dnsLabel")
    options: list[JsonObject] = [
        {"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet", "customDnsServers": []}
    ]
    if label is not None:
        options.append({"type": "SearchDomain", "searchDomainNames": [f"{label}.oraclevcn.com"]})
    contents: dict[str, tuple[str, str, JsonObject]] = {
        "route-table": ("routetable", "Default Route Table for", {"routeRules": []}),
        "security-list": ("securitylist", "Default Security List for", default_rules(vcn.body["cidrBlocks"])),
        "dhcp-options": (
            "dhcpoptions",
            "Default DHCP Options for",
            {"options": options, "domainNameType": "CUSTOM_DOMAIN"},
        ),
    }
    for kind, (ocid, title, members) in contents.items():
        record_id = call.cloud.ids.ocid(ocid, call.region)
        call.cloud.record(
            kind,
            record_id,
            {
                "id": record_id,
                "compartmentId": vcn.body["compartmentId"],
                "vcnId": vcn.id,
                "displayName": f"{title} {vcn.body['displayName']}",
                "timeCreated": timestamp(call.now),
                "freeformTags": {},
                "definedTags": vcn.body["definedTags"],
                **members,
            },
            timeline=Timeline(((call.now, "AVAILABLE"),)),
            now=call.now,
            region=call.region,
            is_builtin=True,
        )
        vcn.body[DEFAULTS[kind]] = record_id


def default_rules(cidr_blocks: Iterable[str]) -> JsonObject:
    """Return the rules of a default security list: everything out; SSH and ICMP errors in."""
    ssh = {"destinationPortRange": {"min": 22, "max": 22}}
    ingress: list[JsonObject] = [
        {"protocol": "6", "source": ANYWHERE, "tcpOptions": ssh},
        {"protocol": "1", "source": ANYWHERE, "icmpOptions": {"type": 3, "code": 4}},
        *({"protocol": "1", "source": block, "icmpOptions": {"type": 3}} for block in cidr_blocks),
    ]
    egress: list[JsonObject] = [{"protocol": "all", "destination": ANYWHERE}]
    return {
        "ingressSecurityRules": [{"isStateless": False, "sourceType": "CIDR_BLOCK", **rule} for rule in ingress],
        "egressSecurityRules": [{"isStateless": False, "destinationType": "CIDR_BLOCK", **rule} for rule in egress],
    }


def _release_vcn(call: Call, vcn: Record) -> None:
    for kind in (*USERS, *OWN):
        for user in call.cloud.where(kind, call.now, vcnId=vcn.id):
            if not user.is_builtin:
                raise in_use_error(vcn, kind)
    ending = crud.draw_phases(call, vcn.id, DELETE_PHASES)
    for kind, member in DEFAULTS.items():
        call.get(kind, vcn.body[member]).transition(call.now, ending)


VCNS: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="vcn",
        noun="vcn",
        plural="vcns",
        ocid="vcn",
        item="/vcns/{vcnId}",
        binding="amaaaaaa",
        details=tagged(
            "compartmentId! cidrBlock cidrBlocks:strings displayName dnsLabel isIpv6Enabled:bool "
            "byoipv6CidrDetails:unsupported ipv6PrivateCidrBlocks:unsupported isZprOnly:unsupported "
            "isOracleGuaAllocationEnabled:unsupported securityAttributes:unsupported"
        ),
        changes=tagged("displayName securityAttributes:unsupported isZprOnly:unsupported"),
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        before_create=_complete_vcn,
        after_create=_add_defaults,
        before_delete=_release_vcn,
    )
)
declare_move(VCNS, work_requests=WORK_REQUESTS)


def _changed(call: Call, vcn: Record) -> Result:
    headers = WORK_REQUESTS.open(
        call,
        operation_type=call.operation.name.upper(),
        compartment_id=vcn.body["compartmentId"],
        resources=[AffectedResource("vcn", "UPDATED", vcn.id, f"/vcns/{vcn.id}")],
        seconds=0.0,
    )
    return Result(headers=headers)


@CORE.operation(
    "POST",
    "/vcns/{vcnId}/actions/addCidr",
    "add_vcn_cidr",
    status=202,
    headers=("opc-work-request-id",),
    details=body("cidrBlock!"),
    is_create=True,
)
def add_vcn_cidr(call: Call) -> Result:
    """Add a CIDR block to a VCN."""
    vcn = crud.get_usable(call, "vcn", call.resource_id)
    crud.check_etag(call, VCNS, vcn)
    blocks = [*vcn.body["cidrBlocks"], call.body["cidrBlock"]]
    require_length(blocks, "cidrBlocks", max_length=MAX_CIDRS)
    _check_blocks([cidr(block) for block in blocks])
    vcn.change({"cidrBlocks": blocks})
    return _changed(call, vcn)


@CORE.operation(
    "POST",
    "/vcns/{vcnId}/actions/removeCidr",
    "remove_vcn_cidr",
    status=202,
    headers=("opc-work-request-id",),
    details=body("cidrBlock!"),
    is_create=True,
)
def remove_vcn_cidr(call: Call) -> Result:
    """Remove a CIDR block from a VCN, unless a subnet lies in it."""
    vcn = crud.get_usable(call, "vcn", call.resource_id)
    crud.check_etag(call, VCNS, vcn)
    block = cidr(call.body["cidrBlock"])
    blocks = [text for text in vcn.body["cidrBlocks"] if cidr(text) != block]
    if not blocks or len(blocks) == len(vcn.body["cidrBlocks"]):
        raise invalid(f"The requested CIDR {block} is invalid: not one of several blocks of the VCN.")
    for subnet in call.cloud.where("subnet", call.now, vcnId=vcn.id):
        if cidr(subnet.body["cidrBlock"]).overlaps(block):
            raise in_use_error(vcn, "subnet")
    vcn.change({"cidrBlock": blocks[0], "cidrBlocks": blocks})
    return _changed(call, vcn)


def _complete_subnet(call: Call) -> JsonObject:
    given = call.body
    vcn = call.get("vcn", given["vcnId"])
    block = _subnet_block(call, vcn)
    lists = given.get("securityListIds") or [vcn.body["defaultSecurityListId"]]
    require_length(lists, "securityListIds", max_length=MAX_SECURITY_LISTS)
    if "availabilityDomain" in given:
        call.require_availability_domain(given["availabilityDomain"])
    is_private = given.get("prohibitPublicIpOnVnic", given.get("prohibitInternetIngress", False))
    return {
        "cidrBlock": str(block),
        "ipv4CidrBlocks": [str(block)],
        "dhcpOptionsId": given.get("dhcpOptionsId", vcn.body["defaultDhcpOptionsId"]),
        "routeTableId": given.get("routeTableId", vcn.body["defaultRouteTableId"]),
        "securityListIds": lists,
        "prohibitPublicIpOnVnic": is_private,
        "prohibitInternetIngress": given.get("prohibitInternetIngress", is_private),
        **_subnet_names(call, vcn),
        "virtualRouterIp": str(block[1]),
        "virtualRouterMac": f"00:00:17:{mac_suffix(call.cloud)}",
    }


def _subnet_block(call: Call, vcn: Record) -> IPv4Network:
    given = call.body
    blocks = [*given.get("ipv4CidrBlocks", []), *([given["cidrBlock"]] if "cidrBlock" in given else [])]
    if len(blocks) != 1:
        raise invalid("Exactly one of cidrBlock and ipv4CidrBlocks must be given, with one block")
    block = cidr(blocks[0])
    if not any(block.subnet_of(cidr(whole)) for whole in vcn.body["cidrBlocks"]):
        # UNCONFIRMED: the text.
        raise invalid(f"The requested CIDR {block} is invalid: it is not within the CIDRs of the VCN.")
    for other in call.cloud.where("subnet", call.now, vcnId=vcn.id):
        taken = other.body["cidrBlock"]
        if block.overlaps(cidr(taken)):
            owner = f"subnet {other.id} with CIDR {taken}"
            raise invalid(f"The requested CIDR {block} is invalid: {owner} overlaps with this CIDR.")
    return block


def _subnet_names(call: Call, vcn: Record) -> JsonObject:
    if "dnsLabel" not in call.body:
        return {}
    label = dns_label(call.body["dnsLabel"])
    if "dnsLabel" not in vcn.body:
        raise invalid(f"dnsLabel {label} needs a VCN that has one")
    if next(call.cloud.where("subnet", call.now, vcnId=vcn.id, dnsLabel=label), None) is not None:
        raise invalid(f"dnsLabel {label} is taken in {vcn.id}")
    return {"dnsLabel": label, "subnetDomainName": f"{label}.{vcn.body['vcnDomainName']}"}


def _release_subnet(call: Call, subnet: Record) -> None:
    for vnic in call.cloud.where("vnic", call.now, subnetId=subnet.id):
        raise ServiceError(
            "Conflict",
            f"The Subnet {subnet.id} references the VNIC {vnic.id}. You must remove the reference to proceed "
            "with this operation.",
        )


def _revise_subnet(_call: Call, subnet: Record, changes: JsonObject) -> JsonObject:
    if changes.get("cidrBlock", subnet.body["cidrBlock"]) != subnet.body["cidrBlock"]:
        raise ServiceError("MethodNotImplemented", "The emulator does not resize subnets")
    require_length(changes.get("securityListIds", []), "securityListIds", max_length=MAX_SECURITY_LISTS)
    return changes


SUBNETS: Final = crud.declare_collection(
    Collection(
        service=CORE,
        kind="subnet",
        noun="subnet",
        plural="subnets",
        ocid="subnet",
        item="/subnets/{subnetId}",
        details=tagged(
            "compartmentId! vcnId! availabilityDomain cidrBlock ipv4CidrBlocks:strings dhcpOptionsId displayName "
            "dnsLabel prohibitInternetIngress:bool prohibitPublicIpOnVnic:bool routeTableId "
            "securityListIds:strings ipv6CidrBlock:unsupported ipv6CidrBlocks:unsupported"
        ),
        changes=tagged(
            "dhcpOptionsId displayName routeTableId securityListIds:strings cidrBlock ipv6CidrBlock:unsupported "
            "ipv6CidrBlocks:unsupported"
        ),
        filters=("vcnId", "displayName", "lifecycleState"),
        parents={"vcnId": "vcn"},
        references={
            "routeTableId": "route-table",
            "securityListIds": "security-list",
            "dhcpOptionsId": "dhcp-options",
        },
        common_parent="vcnId",
        create_phases=CREATE_PHASES,
        delete_phases=DELETE_PHASES,
        before_create=_complete_subnet,
        before_update=_revise_subnet,
        before_delete=_release_subnet,
    )
)
declare_move(SUBNETS, work_requests=WORK_REQUESTS)
