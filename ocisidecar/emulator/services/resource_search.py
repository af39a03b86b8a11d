"""Resource search: all resources of a region by type, field, tag or text.  API: resource search/20180409.

Source: oci.resource_search.ResourceSearchClient; Oracle, "Supported Resource Types".  UNCONFIRMED: the names of the
types of container instances, their containers and images, and that a resource is found at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ocisidecar.emulator.declarations import Call, Result, Service
from ocisidecar.emulator.errors import invalid, not_found
from ocisidecar.emulator.ids import etag
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.schema import JsonObject, Variants, body
from ocisidecar.emulator.search_query import Fields, parse_query
from ocisidecar.emulator.state import Record

RESOURCE_SEARCH: Final = Service(
    name="resource_search",
    prefixes=("query",),
    version="/20180409",
    client="resource_search.ResourceSearchClient",
    listing="items",
    page_token_length=740,
)

TYPES: Final = {
    "alarm": "Alarm",
    "compartment": "Compartment",
    "container": "Container",
    "container-image": "ContainerImage",
    "container-instance": "ContainerInstance",
    "container-repository": "ContainerRepo",
    "dhcp-options": "DHCPOptions",
    "dynamic-group": "DynamicResourceGroup",
    "group": "Group",
    "internet-gateway": "InternetGateway",
    "log": "Log",
    "log-group": "LogGroup",
    "nat-gateway": "NatGateway",
    "network-security-group": "NetworkSecurityGroup",
    "policy": "Policy",
    "private-ip": "PrivateIp",
    "public-ip": "PublicIp",
    "route-table": "RouteTable",
    "security-list": "SecurityList",
    "service-gateway": "ServiceGateway",
    "subnet": "Subnet",
    "subscription": "OnsSubscription",
    "tag-default": "TagDefault",
    "tag-namespace": "TagNamespace",
    "topic": "OnsTopic",
    "user": "User",
    "vcn": "Vcn",
    "vnic": "Vnic",
}
"""The types by the kinds of records."""

NEVER_FOUND: Final = (
    "AnalyticsInstance",
    "ApiDeployment",
    "ApiGateway",
    "AutonomousContainerDatabase",
    "AutonomousDatabase",
    "AutoScalingConfiguration",
    "Bastion",
    "BootVolume",
    "BootVolumeBackup",
    "Bucket",
    "Budget",
    "Certificate",
    "CertificateAuthority",
    "CloudExadataInfrastructure",
    "CloudVmCluster",
    "ClusterNetwork",
    "ClustersCluster",
    "ConsoleHistory",
    "Cpe",
    "CrossConnect",
    "CrossConnectGroup",
    "Database",
    "DatabaseToolsConnection",
    "DataCatalog",
    "DbHome",
    "DbSystem",
    "DedicatedVmHost",
    "Drg",
    "DrgAttachment",
    "EmailSender",
    "EventRule",
    "FileSystem",
    "FunctionsApplication",
    "FunctionsFunction",
    "Image",
    "Instance",
    "InstanceConfiguration",
    "InstancePool",
    "IntegrationInstance",
    "IpSecConnection",
    "Key",
    "LoadBalancer",
    "LocalPeeringGateway",
    "LogSavedSearch",
    "MountTarget",
    "MysqlDbSystem",
    "NetworkLoadBalancer",
    "OrmJob",
    "OrmStack",
    "PluggableDatabase",
    "RemotePeeringConnection",
    "ServiceConnector",
    "Stream",
    "UnifiedAgentConfiguration",
    "Vault",
    "VaultSecret",
    "VirtualCircuit",
    "Vlan",
    "VmCluster",
    "Volume",
    "VolumeBackup",
    "VolumeBackupPolicy",
    "VolumeGroup",
    "VolumeGroupBackup",
)
"""Types of resources that cannot be made here, for which clients search all the same."""
ALL_TYPES: Final = (*TYPES.values(), *NEVER_FOUND)

FIELDS: Final = {
    "identifier": "IDENTIFIER",
    "compartmentId": "IDENTIFIER",
    "displayName": "STRING",
    "lifecycleState": "STRING",
    "availabilityDomain": "STRING",
    "timeCreated": "DATETIME",
}
_MATCHING: Final = "matchingContextType=NONE|HIGHLIGHTS"
DETAILS: Final = Variants(
    "type", {"Structured": body(f"query! {_MATCHING}"), "FreeText": body(f"text! {_MATCHING}")}
)


@RESOURCE_SEARCH.operation(
    "POST", "/resources", "search_resources", listing="items", details=DETAILS, is_write=False
)
def search_resources(call: Call) -> Result:
    """Respond with the resources that a query or a text finds, newest first unless the query orders them."""
    if call.query.get("tenantId", call.cloud.tenancy_id) != call.cloud.tenancy_id:
        raise not_found()
    found = [_summary(call, record) for record in _records(call)]
    if call.body["type"] == "FreeText":
        text = call.body["text"].lower()
        return page_of_items(call, [one for one in found if text in " ".join(_texts(one)).lower()])
    try:
        query = parse_query(call.body["query"])
    except ValueError as exc:
        raise invalid(f"Invalid query: {exc}") from exc
    unknown = query.types - {name.lower() for name in ALL_TYPES}
    if unknown:
        raise invalid(f"Invalid query: unknown resource type {', '.join(sorted(unknown))}")
    rows = [(_fields(one), one) for one in found if not query.types or one["resourceType"].lower() in query.types]
    chosen = [(fields, one) for fields, one in rows if query.condition(fields)]
    if query.sort_by:
        chosen.sort(key=lambda row: row[0].get(query.sort_by, ()), reverse=query.is_descending)
    return page_of_items(call, [one for _, one in chosen])


def _records(call: Call) -> list[Record]:
    """Return the searchable resources of the endpoint's region, newest first."""
    records = [
        record
        for kind in TYPES
        for record in call.cloud.store.all(kind, call.now)
        if record.region == call.region and record.id != call.cloud.tenancy_id
    ]
    return sorted(records, key=lambda record: record.sequence, reverse=True)


def _summary(call: Call, record: Record) -> JsonObject:
    members = record.body
    return {
        "resourceType": TYPES[record.kind],
        "identifier": record.id,
        "compartmentId": members.get("compartmentId", call.cloud.tenancy_id),
        "timeCreated": members.get("timeCreated"),
        "displayName": members.get("displayName") or members.get("name") or members.get("endpoint"),
        "availabilityDomain": members.get("availabilityDomain"),
        "lifecycleState": record.state_at(call.now),
        "freeformTags": members.get("freeformTags") or {},
        "definedTags": members.get("definedTags") or {},
        "systemTags": {},
        "searchContext": None,
        "identityContext": {},
        "additionalDetails": {},
    }


def _fields(summary: JsonObject) -> Fields:
    """Return what conditions can compare."""
    defined = summary["definedTags"]
    return {
        **{name.lower(): (str(summary[name]),) for name in ("resourceType", *FIELDS) if summary[name]},
        **({"name": (str(summary["displayName"]),)} if summary["displayName"] else {}),
        **({"inactivestatus": ("0",)} if summary["resourceType"] == "User" else {}),
        "freeformtags.key": tuple(summary["freeformTags"]),
        "freeformtags.value": tuple(summary["freeformTags"].values()),
        "definedtags.namespace": tuple(defined),
        "definedtags.key": tuple(key for tags in defined.values() for key in tags),
        "definedtags.value": tuple(str(value) for tags in defined.values() for value in tags.values()),
    }


def _texts(summary: JsonObject) -> Iterator[str]:
    for values in _fields(summary).values():
        yield from values


@RESOURCE_SEARCH.operation("GET", "/resourceTypes", "list_resource_types", listing="array")
def list_resource_types(call: Call) -> Result:
    """Respond with the types that queries can name."""
    return page_of_items(call, [_type(name) for name in ALL_TYPES])


@RESOURCE_SEARCH.operation("GET", "/resourceTypes/{name}", "get_resource_type", headers=("etag",))
def get_resource_type(call: Call) -> Result:
    """Respond with one type, by its name in any case."""
    for name in ALL_TYPES:
        if name.lower() == call.resource_id.lower():
            return Result(body=_type(name), headers={"etag": etag(name, 0, None, "8")})
    raise not_found()


def _type(name: str) -> JsonObject:
    fields = [{"fieldType": kind, "fieldName": field, "isArray": False} for field, kind in FIELDS.items()]
    return {"name": name, "fields": fields}
