"""One call of every operation that the emulator has, by the real SDK, in an order that works."""

from __future__ import annotations

import functools

import oci
import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Assumptions, Emulator, Latencies
from ocisidecar.emulator.regions import REGIONS
from tests.emulator.contract.agent_steps import management_agents
from tests.emulator.contract.checking_client import CheckingClient, Exchange
from tests.emulator.contract.identity_steps import identities, tags, users
from tests.emulator.contract.instance_steps import container_instances
from tests.emulator.contract.network_steps import addresses, gateways, security_groups, subnets, tables, vcns
from tests.emulator.contract.service_steps import (
    alarms,
    entries,
    limits,
    logging,
    metrics,
    registry,
    scanning,
    search,
    vault,
)
from tests.emulator.contract.walker import Walk


@functools.cache
def exchanges() -> tuple[Exchange, ...]:
    """Return all answers of one walk.  The tenancy has default tags, as most real ones have."""
    assumptions = Assumptions(has_default_tags=True)
    with Emulator(
        clock=VirtualClock(), seed=1, assumptions=assumptions, latencies=Latencies(vnic_release=1)
    ) as emulator:
        walk = Walk(emulator)
        for step in STEPS:
            step(walk)
        return tuple(walk.exchanges)


def refusals(walk: Walk) -> None:
    """What the real service refuses in recordings: each of these ends in an error."""
    now = walk.now()
    batch = {"source": "s", "type": "t", "defaultlogentrytime": now, "entries": [{"id": "1", "data": "x"}]}
    metric = {"namespace": "app", "compartmentId": walk.home, "name": "Load", "dimensions": {}, "datapoints": []}
    unknown_key = {"fingerprint": "00:" * 15 + "00"}
    stranger = CheckingClient("identity.IdentityClient", walk.emulator, walk.exchanges, "/identity", unknown_key)
    gated = walk.network.create_vcn(walk.made(cidrBlocks=["10.8.0.0/16"]))
    walk.network.create_internet_gateway(walk.made(vcnId=gated.id, isEnabled=True))
    ingestion = walk.client("loggingingestion.LoggingClient", "/ingestion")
    monitoring = CheckingClient(
        "monitoring.MonitoringClient", walk.emulator, walk.exchanges, "/telemetry-ingestion"
    )
    secrets = walk.client("secrets.SecretsClient", "/secrets")
    unknown = "ocid1.log.oc1.eu-frankfurt-1.unknown"
    for refused in (
        stranger.list_regions,
        lambda: ingestion.put_logs(unknown, {"specversion": "1.0", "logEntryBatches": [batch]}),
        lambda: monitoring.post_metric_data({"metricData": [metric]}),
        lambda: walk.network.delete_vcn(gated.id),
        lambda: walk.network.get_vcn("ocid1.vcn.oc1.eu-frankfurt-1.unknown"),
        lambda: secrets.get_secret_bundle("ocid1.vaultsecret.oc1.eu-frankfurt-1.unknown"),
    ):
        with pytest.raises(oci.exceptions.ServiceError):
            refused()


def absent_kinds(walk: Walk) -> None:
    """List the kinds that cannot be made."""
    for client, path, lists in LISTS_OF_ABSENT_KINDS:
        for name in lists.split():
            getattr(walk.client(client, path), f"list_{name}")(compartment_id=walk.home)
    walk.network.list_ipv6s(subnet_id=walk.ids["subnet"])
    identity = walk.client("identity.IdentityClient", "/identity")
    identity.list_identity_providers("SAML2", walk.emulator.tenancy_id)
    identity.list_network_sources(walk.emulator.tenancy_id)
    files = walk.client("file_storage.FileStorageClient", "/filestorage")
    domain = REGIONS[walk.emulator.app.cloud.home_region].domain_names()[0]
    files.list_file_systems(walk.home, domain)
    files.list_mount_targets(walk.home, domain)
    storage = walk.client("object_storage.ObjectStorageClient", "/objectstorage")
    storage.list_buckets(storage.get_namespace(), walk.home)


LISTS_OF_ABSENT_KINDS = (
    (
        "core.VirtualNetworkClient",
        "/iaas",
        "drgs cpes ip_sec_connections local_peering_gateways remote_peering_connections virtual_circuits",
    ),
    ("core.ComputeClient", "/iaas", "instances compute_capacity_reservations volume_attachments"),
    (
        "core.BlockstorageClient",
        "/iaas",
        "volumes boot_volumes volume_groups volume_backups boot_volume_backups volume_group_backups",
    ),
    ("logging.LoggingManagementClient", "/logging", "unified_agent_configurations log_saved_searches"),
    ("analytics.AnalyticsClient", "/analytics", "analytics_instances"),
    (
        "database.DatabaseClient",
        "/database",
        "autonomous_databases cloud_exadata_infrastructures cloud_vm_clusters db_homes db_systems",
    ),
    ("dns.DnsClient", "/dns", "zones"),
    ("events.EventsClient", "/events", "rules"),
    ("integration.IntegrationInstanceClient", "/integration", "integration_instances"),
    ("key_management.KmsVaultClient", "/kms", "vaults"),
    ("load_balancer.LoadBalancerClient", "/iaas", "load_balancers"),
    ("streaming.StreamAdminClient", "/streaming", "streams"),
)


def moves(walk: Walk) -> None:
    """Move everything that can be moved to another compartment, and back."""
    identity, network, ids = walk.client("identity.IdentityClient", "/identity"), walk.network, walk.ids
    tenancy = walk.emulator.tenancy_id
    other = identity.create_compartment({"compartmentId": tenancy, "name": "other", "description": "other"})
    identity.move_compartment(other.id, {"targetCompartmentId": ids["compartment"]})
    logging = walk.client("logging.LoggingManagementClient", "/logging")
    topics = walk.client("ons.NotificationControlPlaneClient", "/notification")
    data = walk.client("ons.NotificationDataPlaneClient", "/notification")
    registry = walk.client("artifacts.ArtifactsClient", "/artifacts")
    monitoring = walk.client("monitoring.MonitoringClient", "/telemetry")
    space = identity.create_tag_namespace({"compartmentId": walk.home, "name": "moved", "description": "moved"})
    topic = topics.create_topic(walk.made(name="moved"))
    target = {"topicId": topic.topic_id, "protocol": "EMAIL", "endpoint": "moved@example.com"}
    subscription = data.create_subscription(walk.made(**target))
    for compartment_id in (other.id, walk.home):
        place = {"compartmentId": compartment_id}
        for noun in ("vcn", "subnet", *TABLES_AND_GATEWAYS):
            getattr(network, f"change_{noun}_compartment")(ids[noun], place)
        network.change_network_security_group_compartment(ids["nsg"], place)
        logging.change_log_group_compartment(ids["log_group"], place)
        monitoring.change_alarm_compartment(ids["alarm"], place)
        topics.change_topic_compartment(topic.topic_id, place)
        data.change_subscription_compartment(subscription.id, place)
        registry.change_container_repository_compartment(ids["repository"], place)
        identity.change_tag_namespace_compartment(space.id, place)
    logging.create_log_group(walk.made(displayName="second"))
    second = logging.made_by_work_request()
    logging.change_log_log_group(ids["log_group"], ids["log"], {"targetLogGroupId": second})
    logging.change_log_log_group(second, ids["log"], {"targetLogGroupId": ids["log_group"]})
    identity.delete_compartment(other.id)


TABLES_AND_GATEWAYS = (
    "route_table",
    "security_list",
    "dhcp_options",
    "internet_gateway",
    "nat_gateway",
    "service_gateway",
)


def tear_down(walk: Walk) -> None:
    instances, network, ids = walk.instances, walk.network, walk.ids
    instances.stop_container_instance(ids["instance"])
    instances.start_container_instance(ids["instance"])
    instances.restart_container_instance(ids["instance"])
    instances.change_container_instance_compartment(ids["instance"], {"compartmentId": ids["compartment"]})
    instances.delete_container_instance(ids["instance"])
    for other in instances.list_container_instances(walk.home, lifecycle_state="ACTIVE").items:
        instances.delete_container_instance(other.id)
    walk.emulator.clock.sleep(10)
    network.delete_subnet(ids["subnet"])
    network.delete_network_security_group(ids["nsg"])
    for noun in TABLES_AND_GATEWAYS:
        getattr(network, f"delete_{noun}")(ids[noun])
    for subnet in network.list_subnets(walk.home):
        network.delete_subnet(subnet.id)
    for group in network.list_network_security_groups(compartment_id=walk.home):
        network.delete_network_security_group(group.id)
    network.delete_vcn(ids["vcn"])
    identity = walk.client("identity.IdentityClient", "/identity")
    identity.delete_policy(ids["policy"])
    identity.delete_dynamic_group(ids["dynamic_group"])
    identity.delete_compartment(ids["compartment"])
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    identity.list_work_requests(walk.home)
    identity.get_work_request(request_id)
    logging = walk.client("logging.LoggingManagementClient", "/logging")
    for log in logging.list_logs(ids["log_group"]):
        logging.delete_log(ids["log_group"], log.id)
    logging.delete_log_group(ids["log_group"])


STEPS = (
    vcns, gateways, tables, subnets, security_groups, container_instances, addresses, identities, users, tags,
    logging, entries, metrics, alarms, management_agents, registry, scanning, vault, search, limits, absent_kinds,
    refusals, moves, tear_down,
)  # fmt: skip
