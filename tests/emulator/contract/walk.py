"""One call of every operation that the emulator has, by the real SDK, in an order that works."""

from __future__ import annotations

import functools
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import oci
import pytest
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Assumptions, Emulator, Latencies
from tests.emulator.contract.checking_client import CheckingClient, Exchange


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


@define
class Walk:
    """What the steps share: the emulator, the clients, and the OCIDs of what was made, by a word of ours."""

    emulator: Emulator
    exchanges: list[Exchange] = field(factory=list)
    ids: dict[str, str] = field(factory=dict)
    clients: dict[str, CheckingClient] = field(factory=dict)

    @property
    def home(self) -> str:
        """The compartment in which everything is made."""
        return self.emulator.compartment_id

    def client(self, name: str, path: str) -> Any:
        """Return the client of a service, pointed at the service's own prefix."""
        if name not in self.clients:
            self.clients[name] = CheckingClient(name, self.emulator, self.exchanges, path)
        return self.clients[name]

    @property
    def network(self) -> Any:
        return self.client("core.VirtualNetworkClient", "/iaas")

    @property
    def instances(self) -> Any:
        return self.client("container_instances.ContainerInstanceClient", "/compute-containers")

    def made(self, **members: Any) -> dict[str, Any]:
        """Return the body of a create, in the home compartment and with a tag."""
        return {"compartmentId": self.home, "freeformTags": {"made-by": "walk"}, **members}


def vcns(walk: Walk) -> None:
    network, home = walk.network, walk.home
    vcn = network.create_vcn(walk.made(cidrBlocks=["10.0.0.0/16"], displayName="main", dnsLabel="main"))
    network.create_vcn(walk.made(cidrBlocks=["10.9.0.0/16"]))
    network.list_vcns(home)
    network.get_vcn(vcn.id)
    network.update_vcn(vcn.id, {"displayName": "renamed"})
    network.add_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
    network.remove_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
    walk.ids["vcn"] = vcn.id
    requests = walk.client("work_requests.WorkRequestClient", "/iaas")
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    requests.list_work_requests(home)
    requests.get_work_request(request_id)
    requests.list_work_request_errors(request_id)
    requests.list_work_request_logs(request_id)


def gateways(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    service = next(one for one in network.list_services() if one.cidr_block.startswith("all-"))
    network.get_service(service.id)
    bodies = {
        "internet_gateway": {"isEnabled": True},
        "nat_gateway": {},
        "service_gateway": {"services": [{"serviceId": service.id}]},
    }
    for noun, body in bodies.items():
        gateway = getattr(network, f"create_{noun}")(walk.made(**vcn, **body))
        getattr(network, f"list_{noun}s")(home)
        getattr(network, f"get_{noun}")(gateway.id)
        getattr(network, f"update_{noun}")(gateway.id, {"displayName": "renamed"})
        walk.ids[noun] = gateway.id


def tables(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    rule = {"destination": "0.0.0.0/0", "destinationType": "CIDR_BLOCK", "networkEntityId": walk.ids["nat_gateway"]}
    ingress = {
        "source": "10.0.0.0/16",
        "protocol": "6",
        "tcpOptions": {"destinationPortRange": {"min": 80, "max": 81}},
    }
    egress = {"destination": "0.0.0.0/0", "protocol": "all"}
    options = [{"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet"}]
    bodies = {
        "route_table": {"routeRules": [rule]},
        "security_list": {"ingressSecurityRules": [ingress], "egressSecurityRules": [egress]},
        "dhcp_options": {"options": options},
    }
    for noun, body in bodies.items():
        table = getattr(network, f"create_{noun}")(walk.made(**vcn, **body))
        getattr(network, "list_dhcp_options" if noun == "dhcp_options" else f"list_{noun}s")(
            home, vcn_id=vcn["vcnId"]
        )
        getattr(network, f"get_{noun}")(table.id)
        getattr(network, f"update_{noun}")(table.id, {"displayName": "renamed"})
        walk.ids[noun] = table.id


def subnets(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    tables = {"routeTableId": walk.ids["route_table"], "securityListIds": [walk.ids["security_list"]]}
    subnet = network.create_subnet(
        walk.made(**vcn, **tables, cidrBlock="10.0.1.0/24", dnsLabel="sub", prohibitPublicIpOnVnic=False)
    )
    domain = walk.client("identity.IdentityClient", "/identity").list_availability_domains(home)[0].name
    bound = network.create_subnet(walk.made(**vcn, cidrBlock="10.0.2.0/24", availabilityDomain=domain))
    network.list_subnets(home, vcn_id=walk.ids["vcn"])
    for one in (subnet, bound):
        network.get_subnet(one.id)
        network.update_subnet(one.id, {"displayName": "renamed"})
    walk.ids["subnet"] = subnet.id


def security_groups(walk: Walk) -> None:
    network, home = walk.network, walk.home
    group = network.create_network_security_group(walk.made(vcnId=walk.ids["vcn"], displayName="web"))
    network.create_network_security_group(walk.made(vcnId=walk.ids["vcn"]))
    network.list_network_security_groups(compartment_id=home)
    network.get_network_security_group(group.id)
    network.update_network_security_group(group.id, {"displayName": "renamed"})
    ports = {"destinationPortRange": {"min": 80, "max": 80}}
    rules = [
        {
            "direction": "INGRESS",
            "protocol": "6",
            "source": "10.0.0.0/16",
            "sourceType": "CIDR_BLOCK",
            "tcpOptions": ports,
        },
        {"direction": "EGRESS", "protocol": "all", "destination": "0.0.0.0/0", "destinationType": "CIDR_BLOCK"},
    ]
    added = network.add_network_security_group_security_rules(group.id, {"securityRules": rules})
    network.list_network_security_group_security_rules(group.id)
    changed = [{"id": added.security_rules[0].id, **rules[0], "description": "web"}]
    network.update_network_security_group_security_rules(group.id, {"securityRules": changed})
    removed = {"securityRuleIds": [added.security_rules[1].id]}
    network.remove_network_security_group_security_rules(group.id, removed)
    walk.ids["nsg"] = group.id


SECRET = b64encode(b"secret").decode()
CHECK = {"port": 80, "intervalInSeconds": 10}
CONTAINER = {
    "displayName": "web",
    "imageUrl": "busybox",
    "command": ["sh"],
    "arguments": ["-c", "true"],
    "workingDirectory": "/",
    "environmentVariables": {"A": "1"},
    "isResourcePrincipalDisabled": True,
    "resourceConfig": {"vcpusLimit": 1.0, "memoryLimitInGBs": 1.0},
    "volumeMounts": [{"volumeName": "files", "mountPath": "/files", "isReadOnly": True}],
    "healthChecks": [
        {"healthCheckType": "HTTP", "path": "/", "name": "http", "headers": [{"name": "h", "value": "v"}], **CHECK},
        {"healthCheckType": "TCP", "name": "tcp", **CHECK},
    ],
    "securityContext": {
        "securityContextType": "LINUX",
        "runAsUser": 1000,
        "capabilities": {"dropCapabilities": ["ALL"]},
    },
}
INSTANCE = {
    "displayName": "web",
    "shape": "CI.Standard.E4.Flex",
    "shapeConfig": {"ocpus": 1, "memoryInGBs": 4},
    "containers": [CONTAINER, {"imageUrl": "busybox"}],
    "volumes": [
        {"volumeType": "EMPTYDIR", "name": "scratch", "backingStore": "EPHEMERAL_STORAGE"},
        {"volumeType": "CONFIGFILE", "name": "files", "configs": [{"fileName": "a", "data": SECRET}]},
    ],
    "imagePullSecrets": [
        {"secretType": "BASIC", "registryEndpoint": "fra.ocir.io", "username": SECRET, "password": SECRET}
    ],
    "dnsConfig": {"nameservers": ["169.254.169.254"]},
    "gracefulShutdownTimeoutInSeconds": 30,
}


def container_instances(walk: Walk) -> None:
    instances, home, subnet = walk.instances, walk.home, {"subnetId": walk.ids["subnet"]}
    identity = walk.client("identity.IdentityClient", "/identity")
    domain = identity.list_availability_domains(home)[0].name
    instances.list_container_instance_shapes(home)
    vnic = {**subnet, "nsgIds": [walk.ids["nsg"]], "isPublicIpAssigned": True, "hostnameLabel": "web"}
    body = walk.made(**INSTANCE, availabilityDomain=domain, vnics=[vnic])
    instance = instances.create_container_instance(body)
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    instances.create_container_instance({**body, "vnics": [subnet], "displayName": "other"})
    instances.list_container_instances(home)
    shown = instances.get_container_instance(instance.id)
    instances.update_container_instance(instance.id, {"displayName": "renamed"})
    instances.list_work_requests(compartment_id=home)
    instances.get_work_request(request_id)
    instances.list_work_request_errors(request_id)
    instances.list_work_request_logs(request_id)
    container_id = shown.containers[0].container_id
    instances.list_containers(home)
    instances.get_container(container_id)
    instances.update_container(container_id, {"displayName": "renamed"})
    instances.retrieve_logs(container_id)
    walk.ids |= {"instance": instance.id, "vnic": shown.vnics[0].vnic_id}


def addresses(walk: Walk) -> None:
    network = walk.network
    vnic = network.get_vnic(walk.ids["vnic"])
    network.update_vnic(vnic.id, {"displayName": "renamed"})
    network.list_network_security_group_vnics(walk.ids["nsg"])
    network.list_private_ips(subnet_id=walk.ids["subnet"])
    private = network.list_private_ips(vnic_id=vnic.id)[0]
    network.get_private_ip(private.id)
    network.get_public_ip_by_ip_address({"ipAddress": vnic.public_ip})
    public = network.get_public_ip_by_private_ip_id({"privateIpId": private.id})
    network.get_public_ip(public.id)
    network.list_public_ips("AVAILABILITY_DOMAIN", walk.home, availability_domain=vnic.availability_domain)


def identities(walk: Walk) -> None:
    client, tenancy = walk.client("identity.IdentityClient", "/identity"), walk.emulator.tenancy_id
    client.list_regions()
    client.list_region_subscriptions(tenancy)
    client.get_tenancy(tenancy)
    client.list_fault_domains(walk.home, client.list_availability_domains(walk.home)[0].name)
    client.list_compartments(tenancy)
    made = client.create_compartment({"compartmentId": walk.home, "name": "child", "description": "child"})
    client.get_compartment(made.id)
    client.get_compartment(tenancy)
    client.update_compartment(made.id, {"description": "changed"})
    person = {"compartmentId": tenancy, "name": "walker", "description": "walks", "email": "walker@example.com"}
    user = client.create_user(person)
    client.list_users(tenancy)
    client.get_user(user.id)
    client.update_user(user.id, {"description": "changed"})
    key = rsa.generate_private_key(65537, 2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    uploaded = client.upload_api_key(user.id, {"key": pem})
    client.list_api_keys(user.id)
    client.delete_api_key(user.id, uploaded.fingerprint)
    client.delete_user(user.id)
    rule = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{walk.home}'}}"
    members = {"compartmentId": tenancy, "description": "walk"}
    group = client.create_dynamic_group({**members, "name": "web", "matchingRule": rule})
    client.create_dynamic_group({**members, "name": "other", "matchingRule": rule})
    client.list_dynamic_groups(tenancy)
    client.get_dynamic_group(group.id)
    client.update_dynamic_group(group.id, {"description": "changed"})
    statement = f"Allow dynamic-group id {group.id} to use log-content in compartment id {walk.home}"
    policy = client.create_policy({**members, "name": "web", "statements": [statement]})
    client.create_policy({**members, "name": "other", "statements": [statement]})
    client.list_policies(tenancy)
    client.get_policy(policy.id)
    client.update_policy(policy.id, {"description": "changed"})
    walk.ids |= {"compartment": made.id, "dynamic_group": group.id, "policy": policy.id}


def tags(walk: Walk) -> None:
    client = walk.client("identity.IdentityClient", "/identity")
    space = client.create_tag_namespace({"compartmentId": walk.home, "name": "walk", "description": "walk"})
    client.list_tag_namespaces(walk.home)
    client.get_tag_namespace(space.id)
    client.update_tag_namespace(space.id, {"description": "changed"})
    tag = client.create_tag(space.id, {"name": "owner", "description": "owner"})
    client.list_tags(space.id)
    client.get_tag(space.id, "owner")
    client.update_tag(space.id, "owner", {"description": "changed"})
    default = client.create_tag_default({"compartmentId": walk.home, "tagDefinitionId": tag.id, "value": "walk"})
    client.list_tag_defaults(compartment_id=walk.home)
    client.get_tag_default(default.id)
    client.update_tag_default(default.id, {"value": "changed"})
    client.delete_tag_default(default.id)
    client.update_tag(space.id, "owner", {"isRetired": True})
    client.delete_tag(space.id, "owner")
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    client.list_tagging_work_requests(walk.home)
    client.get_tagging_work_request(request_id)
    client.list_tagging_work_request_errors(request_id)
    client.list_tagging_work_request_logs(request_id)
    client.update_tag_namespace(space.id, {"isRetired": True})
    client.delete_tag_namespace(space.id)


def logging(walk: Walk) -> None:
    client, home = walk.client("logging.LoggingManagementClient", "/logging"), walk.home
    client.create_log_group(walk.made(displayName="other", description="other"))
    client.create_log_group(walk.made(displayName="web"))
    group_id = client.made_by_work_request()
    client.list_log_groups(home)
    client.get_log_group(group_id)
    client.update_log_group(group_id, {"description": "changed"})
    client.create_log(group_id, {"displayName": "other", "logType": "CUSTOM"})
    client.create_log(group_id, {"displayName": "app", "logType": "CUSTOM", "retentionDuration": 30})
    log_id = client.made_by_work_request()
    client.list_logs(group_id)
    client.get_log(group_id, log_id)
    client.update_log(group_id, log_id, {"isEnabled": True})
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    client.list_work_requests(home)
    client.list_work_request_errors(request_id)
    client.list_work_request_logs(request_id)
    walk.ids |= {"log_group": group_id, "log": log_id}


def entries(walk: Walk) -> None:
    now = _now(walk)
    batch = {"source": "web", "type": "app", "defaultlogentrytime": now}
    batch["entries"] = [{"id": str(number), "data": '{"level": "INFO", "n": 1, "ok": true}'} for number in range(2)]
    body = {"specversion": "1.0", "logEntryBatches": [batch]}
    walk.client("loggingingestion.LoggingClient", "/ingestion").put_logs(walk.ids["log"], body)
    search = {"timeStart": now - timedelta(hours=1), "timeEnd": now + timedelta(hours=1), "isReturnFieldInfo": True}
    search["searchQuery"] = f'search "{walk.home}/{walk.ids["log_group"]}/{walk.ids["log"]}"'
    walk.client("loggingsearch.LogSearchClient", "/logging").search_logs(search)


def metrics(walk: Walk) -> None:
    point = {"timestamp": _now(walk), "value": 95.0, "count": 1}
    metric = {
        "namespace": "app",
        "compartmentId": walk.home,
        "name": "Load",
        "datapoints": [point],
        "metadata": {"unit": "1"},
    }
    hosts = [{**metric, "dimensions": {"host": name}} for name in ("a", "b")]
    CheckingClient(
        "monitoring.MonitoringClient", walk.emulator, walk.exchanges, "/telemetry-ingestion"
    ).post_metric_data({"metricData": [*hosts, {**metric, "dimensions": {}}]})
    monitoring = walk.client("monitoring.MonitoringClient", "/telemetry")
    monitoring.summarize_metrics_data(walk.home, {"namespace": "app", "query": "Load[1m].mean()"})
    monitoring.list_metrics(walk.home, {"namespace": "app"})


def alarms(walk: Walk) -> None:
    topics = walk.client("ons.NotificationControlPlaneClient", "/notification")
    topic = topics.create_topic(walk.made(name="alerts"))
    topics.create_topic(walk.made(name="other"))
    topics.list_topics(walk.home)
    topics.get_topic(topic.topic_id)
    topics.update_topic(topic.topic_id, {"description": "changed"})
    data = walk.client("ons.NotificationDataPlaneClient", "/notification")
    data.publish_message(topic.topic_id, {"title": "t", "body": "b"})
    members = {"topicId": topic.topic_id, "protocol": "EMAIL"}
    made = [data.create_subscription(walk.made(**members, endpoint=f"{name}@example.com")) for name in "ab"]
    data.list_subscriptions(walk.home)
    data.get_subscription(made[0].id)
    data.delete_subscription(made[0].id)
    monitoring = walk.client("monitoring.MonitoringClient", "/telemetry")
    body = walk.made(metricCompartmentId=walk.home, namespace="app", query="Load[1m].max() > 90", severity="ERROR")
    body |= {"destinations": [topic.topic_id], "isEnabled": True, "displayName": "load"}
    alarm = monitoring.create_alarm(body)
    monitoring.create_alarm({**body, "displayName": "other"})
    monitoring.list_alarms(walk.home)
    monitoring.list_alarms_status(walk.home)
    monitoring.get_alarm(alarm.id)
    monitoring.update_alarm(alarm.id, {"severity": "INFO"})
    monitoring.delete_alarm(alarm.id)
    topics.delete_topic(topic.topic_id)


def registry(walk: Walk) -> None:
    client, home = walk.client("artifacts.ArtifactsClient", "/artifacts"), walk.home
    namespace = walk.client("object_storage.ObjectStorageClient", "/objectstorage").get_namespace()
    client.get_container_configuration(home)
    readme = {"content": "read me", "format": "TEXT_PLAIN"}
    repository = client.create_container_repository(walk.made(displayName="web", readme=readme))
    client.create_container_repository(walk.made(displayName="other"))
    images = [walk.emulator.push_image(repository.id, version) for version in ("1", "2")]
    client.list_container_repositories(home)
    client.get_container_repository(repository.id)
    client.update_container_repository(repository.id, {"isPublic": False})
    client.list_container_images(home)
    client.get_container_image(images[0])
    client.update_container_image(images[0], {"freeformTags": {"a": "b"}})
    client.lookup_container_image_by_uri({"imageUri": f"fra.ocir.io/{namespace}/web:1"})
    client.delete_container_image(images[0])
    client.delete_container_repository(repository.id)


def scanning(walk: Walk) -> None:
    client, home = walk.client("vulnerability_scanning.VulnerabilityScanningClient", "/vss-cp-api"), walk.home
    target_id = walk.emulator.cover_by_scanning("web")
    package = {"name": "zlib", "version": "1.2", "cveFixVersion": "1.3", "type": "DEB", "locations": ["/lib"]}
    problem = {
        "name": "CVE-0000-0001",
        "cveReference": "CVE-0000-0001",
        "description": "made up",
        "severity": "HIGH",
        "state": "OPEN",
        "timeFirstDetected": "2026-01-01T00:00:00.000Z",
        "timeLastDetected": "2026-01-01T00:00:00.000Z",
        "vulnerablePackages": [package],
    }
    result_id = walk.emulator.store_scan_result("web", "1", problem)
    client.list_container_scan_targets(home)
    recipe_id = client.get_container_scan_target(target_id).container_scan_recipe_id
    client.list_container_scan_recipes(home)
    client.get_container_scan_recipe(recipe_id)
    client.list_container_scan_results(home, repository="web", image="1", is_latest_only=True)
    client.get_container_scan_result(result_id)


def refusals(walk: Walk) -> None:
    """What the real service refuses in recordings: each of these ends in an error."""
    now = _now(walk)
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
    for noun in (
        "route_table",
        "security_list",
        "dhcp_options",
        "internet_gateway",
        "nat_gateway",
        "service_gateway",
    ):
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


def vault(walk: Walk) -> None:
    secret_id = walk.emulator.store_secret(b"old", b"new")
    walk.client("secrets.SecretsClient", "/secrets").get_secret_bundle(secret_id)


def _now(walk: Walk) -> datetime:
    return datetime.fromtimestamp(walk.emulator.clock.time(), UTC)


STEPS = (
    vcns, gateways, tables, subnets, security_groups, container_instances, addresses, identities, tags, logging,
    entries, metrics, alarms, registry, scanning, vault, refusals, tear_down,
)  # fmt: skip
