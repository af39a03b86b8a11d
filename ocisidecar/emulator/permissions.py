"""Which permissions an operation needs of a caller who has no rights in the whole tenancy.

Source: Oracle, "Policy Reference": resource types, families, and the tables of permissions for operations.
Simplified: a list takes `inspect`, a get `read`, an update `use` where the tables say so, any other write `manage`;
of references to other resources, those of a new container instance are checked, and the groups of a changed VNIC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ocisidecar.emulator.declarations import AccessTarget, Call, Permission

NETWORK: Final = frozenset(
    {
        "vcns",
        "subnets",
        "route-tables",
        "network-security-groups",
        "security-lists",
        "dhcp-options",
        "private-ips",
        "public-ips",
        "internet-gateways",
        "nat-gateways",
        "service-gateways",
        "vnics",
    }
)
FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "logging-family": frozenset({"log-groups", "log-content"}),
    "compute-container-family": frozenset({"compute-container-instances", "compute-containers"}),
    "ons-family": frozenset({"ons-topics", "ons-subscriptions"}),
    "functions-family": frozenset({"fn-invocation"}),
    "secret-family": frozenset({"secrets", "secret-bundles"}),
    "virtual-network-family": NETWORK,
}
_RESOURCE_TYPES: Final[Mapping[str, str]] = {
    "compartment": "compartments",
    "container": "compute-containers",
    "container-image": "repos",
    "container-instance": "compute-container-instances",
    "container-repository": "repos",
    "dhcp-options": "dhcp-options",
    "log": "log-groups",
    "policy": "policies",
    "subscription": "ons-subscriptions",
    "tag": "tag-namespaces",
    "topic": "ons-topics",
}
"""Kind → resource type in statements, where it is not the kind's plural."""
_WORK_TYPES: Final[Mapping[str, str]] = {
    "container_instances-work-request": "compute-container-instances",
    "core-work-request": "vcns",
    "identity-work-request": "compartments",
    "logging-work-request": "log-groups",
    "management_agent-work-request": "management-agents",
}
_FREE: Final = frozenset({"get_namespace", "get_service", "list_regions", "list_services"})
"""Operations that every user of the tenancy may call.  UNCONFIRMED."""
_OF_THE_TENANCY: Final[Mapping[str, str]] = {
    "get_tenancy": "tenancies",
    "list_region_subscriptions": "tenancies",
}
_OF_A_COMPARTMENT: Final[Mapping[str, tuple[str, str]]] = {
    "list_availability_domains": ("inspect", "compartments"),
    "list_fault_domains": ("inspect", "compartments"),
    "list_container_instance_shapes": ("inspect", "compute-container-instances"),
    "get_container_configuration": ("inspect", "repos"),
    "search_logs": ("read", "log-content"),
    "summarize_metrics_data": ("read", "metrics"),
    "list_metrics": ("inspect", "metrics"),
}
_USE_SUFFICES: Final = frozenset(
    {
        "start_container_instance",
        "stop_container_instance",
        "restart_container_instance",
        "update_container_instance",
        "update_container",
        "update_management_agent",
        "update_management_agent_install_key",
        "update_topic",
        "update_vnic",
    }
)
_PART_OF: Final[Mapping[str, str]] = {
    "list_network_security_group_security_rules": "network-security-group",
    "add_network_security_group_security_rules": "network-security-group",
    "update_network_security_group_security_rules": "network-security-group",
    "remove_network_security_group_security_rules": "network-security-group",
    "list_network_security_group_vnics": "network-security-group",
    "add_vcn_cidr": "vcn",
    "remove_vcn_cidr": "vcn",
}
"""Operations without a collection → the kind that their path names."""


def needed(call: Call) -> Sequence[tuple[Permission, Sequence[AccessTarget]]]:
    """Return the permissions that the call's operation needs, each with what it accesses."""
    operation = call.operation
    if operation.permission is not None:
        return [(operation.permission, operation.permission.targets(call))]
    if operation.name in _FREE:
        return []
    if operation.name in _OF_THE_TENANCY:
        return [_need("inspect", _OF_THE_TENANCY[operation.name], call.cloud.tenancy_id)]
    if operation.name in _OF_A_COMPARTMENT:
        verb, resource_type = _OF_A_COMPARTMENT[operation.name]
        return [_need(verb, resource_type, _searched(call) or _named(call) or call.cloud.tenancy_id)]
    kind = operation.collection.kind if operation.collection is not None else _PART_OF.get(operation.name, "")
    found = [_need(_verb(call), _type_of(kind), _compartment(call, kind))]
    references = _REFERENCES.get(operation.name)
    return [*found, *(references(call) if references is not None else ())]


def _need(verb: str, resource_type: str, compartment_id: str) -> tuple[Permission, Sequence[AccessTarget]]:
    return Permission(verb=verb, resource_type=resource_type), [AccessTarget(compartment_id)]


def _verb(call: Call) -> str:
    name = call.operation.name
    if not call.operation.is_write:
        return "inspect" if name.startswith("list_") else "read"
    return "use" if name in _USE_SUFFICES else "manage"


def _type_of(kind: str) -> str:
    """Return a kind's resource type; one that only `all-resources` covers for what has no kind."""
    if kind in _WORK_TYPES:
        return _WORK_TYPES[kind]
    return _RESOURCE_TYPES.get(kind, f"{kind}s" if kind else "-")


def _named(call: Call) -> str:
    body = call.body if isinstance(call.body, dict) else {}
    return str(body.get("compartmentId") or call.query.get("compartmentId") or "")


def _searched(call: Call) -> str:
    """Return the compartment at the beginning of a log search's scope."""
    _, _, scope = str(call.body.get("searchQuery", "") if isinstance(call.body, dict) else "").partition('"')
    return scope.partition("/")[0].partition('"')[0]


def _compartment(call: Call, kind: str) -> str:
    """Return the compartment of the resource that the path names, else the one that the request names."""
    for record_id in reversed(tuple(call.path.values())):
        for owner in (kind, *call.cloud.store.kinds()):
            record = call.cloud.store.find(owner, record_id, call.now)
            if record is not None:
                return str(record.body.get("compartmentId") or record.id)
    return _named(call) or call.cloud.tenancy_id


def _references(call: Call) -> Sequence[tuple[Permission, Sequence[AccessTarget]]]:
    """Return what a new container instance needs in the network: its subnet, a VNIC and security groups."""
    found: list[tuple[Permission, Sequence[AccessTarget]]] = []
    for vnic in call.body["vnics"]:
        found += _uses(call, "subnet", [vnic["subnetId"]])
        found += _uses(call, "network-security-group", vnic.get("nsgIds", []))
        found.append(_need("use", "vnics", call.body["compartmentId"]))
    return found


def _moves(call: Call) -> Sequence[tuple[Permission, Sequence[AccessTarget]]]:
    """Return what a VNIC needs to join and to leave security groups: NETWORK_SECURITY_GROUP_UPDATE_MEMBERS."""
    vnic = call.cloud.store.find("vnic", call.path["vnicId"], call.now)
    wanted = call.body.get("nsgIds")
    if vnic is None or wanted is None:
        return []
    return _uses(call, "network-security-group", sorted({*wanted} ^ {*vnic.body["nsgIds"]}))


def _invocation(call: Call) -> Sequence[tuple[Permission, Sequence[AccessTarget]]]:
    """Return what subscribing a function needs: FN_INVOCATION on it, which is taken for one of that compartment.

    Source: Oracle, "Creating a Function Subscription".
    """
    if call.body["protocol"] != "ORACLE_FUNCTIONS":
        return []
    target = AccessTarget(call.body["compartmentId"], {"target.function.id": call.body["endpoint"]})
    return [(Permission(verb="use", resource_type="fn-invocation"), [target])]


def _uses(call: Call, kind: str, record_ids: Iterable[str]) -> list[tuple[Permission, Sequence[AccessTarget]]]:
    records = (call.cloud.store.find(kind, record_id, call.now) for record_id in record_ids)
    places = (one.body["compartmentId"] if one is not None else call.cloud.tenancy_id for one in records)
    return [_need("use", f"{kind}s", place) for place in places]


_REFERENCES: Final[Mapping[str, Callable[[Call], Sequence[tuple[Permission, Sequence[AccessTarget]]]]]] = {
    "create_container_instance": _references,
    "create_subscription": _invocation,
    "update_vnic": _moves,
}
"""Operation → what it needs of other resources that its body names."""
