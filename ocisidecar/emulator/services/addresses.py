"""Core: VNICs and their private and public addresses.

A container instance creates its VNIC; here it is attached, read, changed and released.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from itertools import chain
from typing import Final

from ocisidecar.emulator import crud
from ocisidecar.emulator.declarations import Call, Collection, Result
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.ids import Binding, timestamp
from ocisidecar.emulator.lifecycle import Phase, Timeline
from ocisidecar.emulator.schema import JsonObject, body, require_length, tagged
from ocisidecar.emulator.services.core import CORE, cidr, mac_suffix
from ocisidecar.emulator.state import Record

MAX_GROUPS: Final = 5
FIRST_HOST: Final = 2
"""The first address of a subnet is the network's, the second the virtual router's; the last one is reserved."""
HOSTNAME: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def attach_vnic(call: Call, details: JsonObject, owner: JsonObject, timeline: Timeline) -> Record:
    """Create the VNIC that `details` (CreateContainerVnicDetails) describe, with its addresses.

    Args:
        call: the create of the resource that the VNIC belongs to.
        details: checked by `check_vnic`.
        owner: compartmentId, availabilityDomain and resource_id of the resource that the VNIC belongs to.
        timeline: of the VNIC and its addresses.
    """
    subnet = call.related("subnet", details["subnetId"])
    shared = _shared_members(call, details, owner)
    address = _free_address(call, subnet, details.get("privateIp"))
    vnic = _part(
        call,
        "vnic",
        "ab",
        {
            **shared,
            "isPrimary": True,
            "macAddress": f"02:00:17:{mac_suffix(call.cloud)}",
            "nsgIds": details.get("nsgIds", []),
            "privateIp": str(address),
            "skipSourceDestCheck": details.get("skipSourceDestCheck", False),
        },
        timeline,
    )
    vnic.hidden["resource_id"] = owner["resource_id"]
    subnet.hidden["addresses"][address] = vnic.id
    if "privateIp" not in details:
        subnet.hidden["behind"] = int(address) - int(cidr(subnet.body["cidrBlock"])[0]) + 1
    private = _part(
        call,
        "private-ip",
        "aaaaaaaa",
        {**shared, "ipAddress": str(address), "isPrimary": True, "vnicId": vnic.id},
        timeline,
    )
    vnic.hidden["addresses"] = [private]
    if details.get("isPublicIpAssigned", not subnet.body["prohibitPublicIpOnVnic"]):
        _add_public_address(call, vnic, private)
    return vnic


def _shared_members(call: Call, details: JsonObject, owner: JsonObject) -> JsonObject:
    """Return the members that a VNIC and its private address have in common."""
    return {
        "availabilityDomain": owner["availabilityDomain"],
        "compartmentId": owner["compartmentId"],
        "freeformTags": details.get("freeformTags", {}),
        "definedTags": details.get("definedTags", {}),
        "subnetId": details["subnetId"],
        "timeCreated": timestamp(call.now),
        "hostnameLabel": _lower(details.get("hostnameLabel")),
        "displayName": details.get("displayName") or crud.default_name("vnic", call.now),
    }


def _add_public_address(call: Call, vnic: Record, private: Record) -> None:
    """Give a VNIC a public address, which is released with it."""
    public = public_address(
        call,
        vnic.body["compartmentId"],
        scope="AVAILABILITY_DOMAIN",
        assigned={
            "assignedEntityType": "PRIVATE_IP",
            "assignedEntityId": private.id,
            "privateIpId": private.id,
        },
        timeline=vnic.timeline.renamed({"PROVISIONING": "ASSIGNING", "AVAILABLE": "ASSIGNED"}),
    )
    vnic.body["publicIp"] = public.body["ipAddress"]
    vnic.hidden["addresses"].append(public)


def release_vnic(vnic: Record, now: float, phases: list[Phase]) -> None:
    """Start to delete a VNIC and its addresses: they enter `phases`."""
    for record in (vnic, *vnic.hidden["addresses"]):
        record.transition(now, phases)


def public_address(
    call: Call, compartment_id: str, *, scope: str, assigned: JsonObject, timeline: Timeline | None = None
) -> Record:
    """Create an ephemeral public IP that belongs to another resource."""
    return _part(
        call,
        "public-ip",
        "aaaaaaaa",
        {
            "compartmentId": compartment_id,
            "definedTags": {},
            "displayName": crud.default_name("public-ip", call.now),
            "freeformTags": {},
            "ipAddress": call.cloud.ids.public_address(),
            "lifetime": "EPHEMERAL",
            "scope": scope,
            "timeCreated": timestamp(call.now),
            **assigned,
        },
        timeline or Timeline(((call.now, "ASSIGNED"),)),
    )


def _part(call: Call, kind: str, binding: Binding, members: JsonObject, timeline: Timeline) -> Record:
    record_id = call.cloud.ids.ocid(kind.replace("-", ""), call.region, binding)
    return call.cloud.record(
        kind,
        record_id,
        {"id": record_id, **members},
        timeline=timeline,
        now=call.now,
        region=call.region,
        is_part=True,
    )


def check_vnic(call: Call, details: JsonObject, availability_domain: str) -> None:
    """Raise ServiceError unless a VNIC with these `details` can be created in its subnet."""
    subnet = crud.require_state(call, call.related("subnet", details["subnetId"]))
    domain = subnet.body.get("availabilityDomain", availability_domain)
    if domain != availability_domain:
        raise invalid(f"Subnet {subnet.id} is in availability domain {domain}")
    if details.get("isPublicIpAssigned") and subnet.body["prohibitPublicIpOnVnic"]:
        # UNCONFIRMED: the text.
        raise invalid(f"Subnet {subnet.id} prohibits public IPs on its VNICs")
    check_groups(call, details.get("nsgIds", []), subnet.body["vcnId"])
    _check_hostname(call, subnet.id, details.get("hostnameLabel"))
    _free_address(call, subnet, details.get("privateIp"))


def check_groups(call: Call, group_ids: list[str], vcn_id: str) -> None:
    """Raise ServiceError 400 unless these are at most five groups of the VCN."""
    require_length(group_ids, "nsgIds", max_length=MAX_GROUPS)
    for group_id in group_ids:
        group = crud.require_state(call, call.related("network-security-group", group_id))
        if group.body["vcnId"] != vcn_id:
            raise invalid(f"nsgIds {group_id} does not belong to {vcn_id}")


def _check_hostname(call: Call, subnet_id: str, label: str | None) -> None:
    if label is None:
        return
    if not HOSTNAME.fullmatch(label):
        raise invalid(f"hostnameLabel {label} must be a host name of at most 63 characters")
    taken = call.cloud.where("vnic", call.now, subnetId=subnet_id, hostnameLabel=_lower(label))
    if next(taken, None) is not None:
        raise invalid(f"hostnameLabel {label} is taken in {subnet_id}")


def _lower(label: str | None) -> str | None:
    return label and label.lower()


def _free_address(call: Call, subnet: Record, wanted: str | None) -> IPv4Address:
    block = cidr(subnet.body["cidrBlock"])
    given: dict[IPv4Address, str] = subnet.hidden.setdefault("addresses", {})

    def is_taken(address: IPv4Address) -> bool:
        return address in given and call.cloud.store.find("vnic", given[address], call.now) is not None

    if wanted is not None:
        address = cidr(wanted)[0]
        if address not in block or address in {block[0], block[1], block[-1]}:
            raise invalid(f"privateIp {wanted} is not an address for hosts of {block}")
        if is_taken(address):
            raise ServiceError("Conflict", f"privateIp {wanted} is in use in {subnet.id}")
        return address
    # The search starts after the last one given: a search from the start would make N instances cost N squared.
    behind = subnet.hidden.get("behind", FIRST_HOST)
    for index in chain(range(behind, block.num_addresses - 1), range(FIRST_HOST, behind)):
        if not is_taken(block[index]):
            return block[index]
    # UNCONFIRMED: code and text.
    raise ServiceError("LimitExceeded", f"Subnet {subnet.id} has no free private IP")


def _revise_vnic(call: Call, vnic: Record, changes: JsonObject) -> JsonObject:
    subnet = call.get("subnet", vnic.body["subnetId"])
    check_groups(call, changes.get("nsgIds", []), subnet.body["vcnId"])
    if "hostnameLabel" not in changes:
        return changes
    label = _lower(changes["hostnameLabel"])
    if label != vnic.body["hostnameLabel"]:
        _check_hostname(call, subnet.id, label)
    # The value is that of the primary private IP too.  Source: oci.core.models.UpdateVnicDetails.hostname_label.
    vnic.hidden["addresses"][0].change({"hostnameLabel": label})
    return {**changes, "hostnameLabel": label}


VNICS: Final = Collection(
    service=CORE,
    kind="vnic",
    noun="vnic",
    plural="vnics",
    ocid="vnic",
    item="/vnics/{vnicId}",
    changes=tagged(
        "displayName hostnameLabel? nsgIds:strings skipSourceDestCheck:bool routeTableId:unsupported "
        "securityAttributes:unsupported"
    ),
    create_phases=(),
    delete_phases=(),
    before_update=_revise_vnic,
)
CORE.declare("GET", VNICS.item, "get_vnic", crud.get, headers=("etag",), collection=VNICS)
CORE.declare(
    "PUT", VNICS.item, "update_vnic", crud.update, headers=("etag",), details=VNICS.changes, collection=VNICS
)

PRIVATE_IPS: Final = Collection(
    service=CORE,
    kind="private-ip",
    noun="private_ip",
    plural="private_ips",
    ocid="privateip",
    item="/privateIps/{privateIpId}",
    filters=("ipAddress", "subnetId", "vnicId"),
    create_phases=(),
    delete_phases=(),
    state_member="",
)
CORE.declare("GET", PRIVATE_IPS.item, "get_private_ip", crud.get, headers=("etag",), collection=PRIVATE_IPS)


@CORE.operation("GET", PRIVATE_IPS.path, "list_private_ips", listing="array", collection=PRIVATE_IPS)
def list_private_ips(call: Call) -> Result:
    """Respond with the private IPs of a subnet or a VNIC; the query must name one of them."""
    if not {"subnetId", "vnicId"} & set(call.query):
        raise ServiceError("MissingParameter", "Missing parameter: subnetId or vnicId")
    return crud.list_records(call)


PUBLIC_IPS: Final = Collection(
    service=CORE,
    kind="public-ip",
    noun="public_ip",
    plural="public_ips",
    ocid="publicip",
    item="/publicIps/{publicIpId}",
    filters=("scope", "lifetime", "availabilityDomain"),
    query=("scope", "compartmentId"),
    create_phases=(),
    delete_phases=(),
)
CORE.declare("GET", PUBLIC_IPS.item, "get_public_ip", crud.get, headers=("etag",), collection=PUBLIC_IPS)
CORE.declare(
    "GET",
    PUBLIC_IPS.path,
    "list_public_ips",
    crud.list_records,
    listing="array",
    query=PUBLIC_IPS.query,
    collection=PUBLIC_IPS,
)


@CORE.operation(
    "POST",
    "/publicIps/actions/getByIpAddress",
    "get_public_ip_by_ip_address",
    is_write=False,
    headers=("etag",),
    details=body("ipAddress!"),
    collection=PUBLIC_IPS,
)
def get_public_ip_by_ip_address(call: Call) -> Result:
    """Respond with the public IP object of an address."""
    return _first_public_ip(call, "ipAddress")


@CORE.operation(
    "POST",
    "/publicIps/actions/getByPrivateIpId",
    "get_public_ip_by_private_ip_id",
    is_write=False,
    headers=("etag",),
    details=body("privateIpId!"),
    collection=PUBLIC_IPS,
)
def get_public_ip_by_private_ip_id(call: Call) -> Result:
    """Respond with the public IP object that belongs to a private one."""
    return _first_public_ip(call, "privateIpId")


def _first_public_ip(call: Call, member: str) -> Result:
    for record in call.cloud.where("public-ip", call.now, **{member: call.body[member]}):
        if record.region == call.region:
            return crud.resource_result(call, record)
    raise not_found()
