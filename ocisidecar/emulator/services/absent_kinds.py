"""Kinds that cannot be made here, so that their lists are empty; everything else about them is 501.

Clients that look through a whole tenancy read these lists, among many others.
"""

from __future__ import annotations

from ocisidecar.emulator.declarations import Call, Result
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.services.core import CORE
from ocisidecar.emulator.services.logging_management import LOGGING
from ocisidecar.emulator.services.object_storage import NAMESPACE, OBJECT_STORAGE

COMPUTE = "core.ComputeClient"


def _list_none(call: Call) -> Result:
    if "compartmentId" in call.query:
        call.compartment(call.query["compartmentId"])
    if call.path.get("namespaceName", NAMESPACE) != NAMESPACE:
        raise not_found()
    return page_of_items(call, [])


for _service, _path, _name, _client, _listing, _query in (
    (CORE, "/drgs", "list_drgs", CORE.client, "array", ("compartmentId",)),
    (CORE, "/cpes", "list_cpes", CORE.client, "array", ("compartmentId",)),
    (CORE, "/ipsecConnections", "list_ip_sec_connections", CORE.client, "array", ("compartmentId",)),
    (CORE, "/localPeeringGateways", "list_local_peering_gateways", CORE.client, "array", ("compartmentId",)),
    (
        CORE,
        "/remotePeeringConnections",
        "list_remote_peering_connections",
        CORE.client,
        "array",
        ("compartmentId",),
    ),
    (CORE, "/virtualCircuits", "list_virtual_circuits", CORE.client, "array", ("compartmentId",)),
    (CORE, "/ipv6", "list_ipv6s", CORE.client, "array", ()),
    (CORE, "/instances", "list_instances", COMPUTE, "array", ("compartmentId",)),
    (
        LOGGING,
        "/unifiedAgentConfigurations",
        "list_unified_agent_configurations",
        LOGGING.client,
        "items",
        ("compartmentId",),
    ),
    (LOGGING, "/logSavedSearches", "list_log_saved_searches", LOGGING.client, "items", ("compartmentId",)),
    (OBJECT_STORAGE, "/n/{namespaceName}/b", "list_buckets", OBJECT_STORAGE.client, "array", ("compartmentId",)),
):
    _service.declare("GET", _path, _name, _list_none, client=_client, listing=_listing, query=_query)
