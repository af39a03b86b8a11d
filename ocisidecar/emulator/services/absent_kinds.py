"""Kinds that cannot be made here, so that their lists are empty; everything else about them is 501.

Clients that look through a whole tenancy read these lists, among many others.  These are the ones that several of
them read.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declarations import Call, Result, Service
from ocisidecar.emulator.errors import not_found
from ocisidecar.emulator.paging import page_of_items
from ocisidecar.emulator.services.core import CORE
from ocisidecar.emulator.services.identity import IDENTITY
from ocisidecar.emulator.services.logging_management import LOGGING
from ocisidecar.emulator.services.object_storage import NAMESPACE, OBJECT_STORAGE

COMPUTE: Final = "core.ComputeClient"
BLOCK_STORAGE: Final = "core.BlockstorageClient"

FURTHER_SERVICES: Final = tuple(
    Service(name=client.partition(".")[0], prefixes=(prefix,), version=version, client=client)
    for client, prefix, version in (
        ("analytics.AnalyticsClient", "analytics", "/20190331"),
        ("database.DatabaseClient", "database", "/20160918"),
        ("dns.DnsClient", "dns", "/20180115"),
        ("events.EventsClient", "events", "/20181201"),
        ("file_storage.FileStorageClient", "filestorage", "/20171215"),
        ("integration.IntegrationInstanceClient", "integration", "/20190131"),
        ("key_management.KmsVaultClient", "kms", "/20180608"),
        ("load_balancer.LoadBalancerClient", "iaas", "/20170115"),
        ("streaming.StreamAdminClient", "streaming", "/20180418"),
    )
)
"""Services of which the emulator has only these lists."""
ANALYTICS, DATABASE, DNS, EVENTS, FILE_STORAGE, INTEGRATION, VAULTS, LOAD_BALANCERS, STREAMING = FURTHER_SERVICES


def _list_none(call: Call) -> Result:
    if "compartmentId" in call.query:
        call.compartment(call.query["compartmentId"])
    if "availabilityDomain" in call.query:
        call.require_availability_domain(call.query["availabilityDomain"])
    if call.path.get("namespaceName", NAMESPACE) != NAMESPACE:
        raise not_found()
    return page_of_items(call, [])


def _declare(service: Service, client: str, query: str, lists: str, listing: str = "array") -> None:
    """Declare lists, each written `path:method`, with the query parameters that they require."""
    for path, name in (entry.split(":") for entry in lists.split()):
        service.declare("GET", path, name, _list_none, client=client, listing=listing, query=tuple(query.split()))


_declare(
    CORE,
    CORE.client,
    "compartmentId",
    """
    /drgs:list_drgs
    /cpes:list_cpes
    /ipsecConnections:list_ip_sec_connections
    /localPeeringGateways:list_local_peering_gateways
    /remotePeeringConnections:list_remote_peering_connections
    /virtualCircuits:list_virtual_circuits
    """,
)
_declare(CORE, CORE.client, "", "/ipv6:list_ipv6s")
_declare(
    CORE,
    COMPUTE,
    "compartmentId",
    """
    /instances:list_instances
    /computeCapacityReservations:list_compute_capacity_reservations
    /volumeAttachments:list_volume_attachments
    """,
)
_declare(CORE, BLOCK_STORAGE, "", "/volumes:list_volumes /bootVolumes:list_boot_volumes")
_declare(
    CORE,
    BLOCK_STORAGE,
    "compartmentId",
    """
    /volumeGroups:list_volume_groups
    /volumeBackups:list_volume_backups
    /bootVolumeBackups:list_boot_volume_backups
    /volumeGroupBackups:list_volume_group_backups
    """,
)
_declare(IDENTITY, IDENTITY.client, "compartmentId", "/networkSources:list_network_sources")
_declare(IDENTITY, IDENTITY.client, "protocol compartmentId", "/identityProviders:list_identity_providers")
_declare(
    LOGGING,
    LOGGING.client,
    "compartmentId",
    """
    /unifiedAgentConfigurations:list_unified_agent_configurations
    /logSavedSearches:list_log_saved_searches
    """,
    listing="items",
)
_declare(OBJECT_STORAGE, OBJECT_STORAGE.client, "compartmentId", "/n/{namespaceName}/b:list_buckets")
_declare(ANALYTICS, ANALYTICS.client, "compartmentId", "/analyticsInstances:list_analytics_instances")
_declare(
    DATABASE,
    DATABASE.client,
    "compartmentId",
    """
    /autonomousDatabases:list_autonomous_databases
    /cloudExadataInfrastructures:list_cloud_exadata_infrastructures
    /cloudVmClusters:list_cloud_vm_clusters
    /dbHomes:list_db_homes
    /dbSystems:list_db_systems
    """,
)
_declare(DNS, DNS.client, "compartmentId", "/zones:list_zones")
_declare(EVENTS, EVENTS.client, "compartmentId", "/rules:list_rules")
_declare(
    FILE_STORAGE,
    FILE_STORAGE.client,
    "compartmentId availabilityDomain",
    "/fileSystems:list_file_systems /mountTargets:list_mount_targets",
)
_declare(INTEGRATION, INTEGRATION.client, "compartmentId", "/integrationInstances:list_integration_instances")
_declare(VAULTS, VAULTS.client, "compartmentId", "/vaults:list_vaults")
_declare(LOAD_BALANCERS, LOAD_BALANCERS.client, "compartmentId", "/loadBalancers:list_load_balancers")
_declare(STREAMING, STREAMING.client, "", "/streams:list_streams")
