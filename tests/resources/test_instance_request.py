"""Composing: the create request, its sections and its policy statements."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import oci
import pytest
from attrs import evolve
from hypothesis import HealthCheck as Health
from hypothesis import given, settings

from ocisidecar.errors import SpecError
from ocisidecar.resources.container_environment import Place
from ocisidecar.resources.container_instance import ContainerInstance
from ocisidecar.resources.instance_request import (
    CONTAINER_SECTIONS,
    INSTANCE_SECTIONS,
    VNIC_MUTABLE,
    Composed,
    compose,
)
from ocisidecar.spec import (
    AccessSpec,
    DeploymentSpec,
    DnsConfig,
    HealthCheck,
    ImagePullSecret,
    InstanceSecurityContext,
    InstanceSpec,
    LoggingSpec,
    Mount,
    NetworkSpec,
    Plain,
    ScrapeTarget,
    SecretRef,
    SecurityContext,
    SidecarSpec,
    Statement,
    VolumeSpec,
)
from ocisidecar.spec.validate.spec import validate
from ocisidecar.state.identity import digest
from ocisidecar.state.tags import TAG_FIELDS
from ocisidecar.wire import Body, Key, Ref, references, resolve
from tests.strategies import deployments

WEB = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ocpus=1, memory_in_gbs=4, ports=[80])
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.log_forwarder())
)
EVERYTHING = InstanceSpec(
    "all",
    image_url="ghcr.io/acme/app:1",
    shape="CI.Standard.A1.Flex",
    ocpus=2,
    command=["/bin/app"],
    arguments=["--fast"],
    working_directory="/srv",
    environment_variables={"B": "2", "A": Plain("1"), "LOG": Ref(Key("log", "app"))},
    mounts={
        "/config": Mount("config", sub_path="conf.d", partition=1),
        "/shared": Mount("shared", is_read_only=True),
        "/scratch": VolumeSpec.empty_dir("scratch", backing_store="MEMORY"),
    },
    volumes=[
        VolumeSpec.config_file(
            "config", {"app.toml": "x = 1", "conf.d/key": SecretRef("ocid1.vaultsecret.oc1.fra.a", version=3)}
        ),
        VolumeSpec.config_file("passwords", {"db": "hunter2"}, secret_version="7"),
        VolumeSpec.file_system(
            "shared",
            mount_target_id="ocid1.mounttarget.oc1.fra.a",
            export_id="ocid1.export.oc1.fra.a",
            mount_options={"nfsvers": "3", "soft": None},
            is_encrypted_in_transit=True,
            subnet_id="ocid1.subnet.oc1.fra.b",
        ),
    ],
    health_checks=[
        HealthCheck.http(8080, path="/health", headers={"X-Probe": "1"}, name="ready"),
        HealthCheck.tcp(8080, failure_action="NONE"),
    ],
    scrape=ScrapeTarget(8080),
    statements=[Statement("read", "objects", reason="reads its data")],
    vcpus_limit=1.5,
    memory_limit_in_gbs=8,
    container_restart_policy="ON_FAILURE",
    dns_config=DnsConfig(nameservers=["169.254.169.254"], searches=["acme.example"], options=["ndots:2"]),
    security_context=InstanceSecurityContext(fs_group=2000, fs_group_change_policy="ON_ROOT_MISMATCH"),
    container_security_context=SecurityContext(
        run_as_user=1000,
        run_as_group=1000,
        is_non_root_user_check_enabled=True,
        is_root_file_system_readonly=True,
        add_capabilities=["CAP_NET_BIND_SERVICE"],
        drop_capabilities=["ALL"],
    ),
    image_pull_secrets=[
        ImagePullSecret.vault("ghcr.io", secret_id="ocid1.vaultsecret.oc1.fra.pull"),
        ImagePullSecret.basic("quay.io", username="me", password="hunter2", version="4"),
    ],
    display_name="Everything",
    vnic_display_name="front",
    hostname_label="all",
    private_ip="10.0.0.7",
    skip_source_dest_check=True,
    freeform_tags={"team": "web"},
    defined_tags={"ops": {"cost": "42"}},
    vnic_freeform_tags={"side": "front"},
    vnic_defined_tags={"ops": {"side": "front"}},
)
SHOP = DeploymentSpec(
    "shop",
    [EVERYTHING],
    network=NetworkSpec.public(dns_label="shop"),
    access=AccessSpec.deployment(defined_tag="ops.deployment"),
    freeform_tags={"team": "shop", "stage": "test"},
    defined_tags={"ops": {"cost": "1", "stage": "test"}},
)
laws = settings(max_examples=25, deadline=None, suppress_health_check=[Health.too_slow, Health.data_too_large])


def composed(instance: InstanceSpec, **options: Any) -> Composed:
    return compose(DeploymentSpec(instance.name, [instance]), instance, replica=0, **options)


def wire_of(result: Composed) -> Any:
    return resolve(result.body, str)


def data_of(result: Composed, file_name: str) -> str:
    for volume in wire_of(result)["volumes"]:
        for config in volume.get("configs", ()):
            if config["fileName"] == file_name:
                return base64.b64decode(config["data"]).decode()
    raise KeyError(file_name)


@pytest.mark.parametrize(("name", "deployment"), [("web", DeploymentSpec("web", [WEB])), ("everything", SHOP)])
def test_bodies_are_golden(name: str, deployment: DeploymentSpec, golden: Callable[[str, str], None]):
    """The request and its sections for known specs are those in tests/golden/compose."""
    assert validate(deployment, accepts_symbolic_images=True) == ()
    result = compose(deployment, deployment.instances[0], replica=0, image_prefix="fra.ocir.io/acme/ocisidecar")
    document = {
        "key": str(result.key),
        "body": wire_of(result),
        "sections": resolve(result.sections, str),
        "statements": [[container, str(statement)] for container, statement in result.statements],
    }
    golden(f"compose/{name}.json", json.dumps(document, indent=1) + "\n")


SET_BY_THE_LIBRARY = {
    "CreateContainerInstanceDetails": {
        "compartmentId": "the provisioner's",
        "availabilityDomain": "the placement's",
        "faultDomain": "the placement's",
    },
    "CreateContainerDetails": dict.fromkeys(TAG_FIELDS, "refused unless they are the instance's"),
}


def model_named(name: str) -> Any:
    return getattr(oci.container_instances.models, name)


def paths_of_model(name: str) -> set[str]:
    """Return every field that a request of this model and its subtypes may have, as model and field."""
    models, found, waiting = oci.container_instances.models, set(), [name]
    known = {one: getattr(models, one) for one in dir(models) if isinstance(getattr(models, one), type)}
    seen: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        instance = known[current]()
        for field, wire_name in instance.attribute_map.items():
            found.add(f"{current}.{wire_name}")
            inner = instance.swagger_types[field].removeprefix("list[").removesuffix("]")
            if inner in known:
                waiting += [inner, *(one for one in known if issubclass(known[one], known[inner]) and one != inner)]
    return found


def fields_used(name: str, value: Mapping[str, Any]) -> set[str]:
    """Return the model fields that a body uses, with subtypes chosen as the SDK chooses them."""
    cls = model_named(name)
    cls = model_named(cls.get_subtype(value)) if hasattr(cls, "get_subtype") else cls
    instance = cls()
    by_wire_name = {wire_name: field for field, wire_name in instance.attribute_map.items()}
    used: set[str] = set()
    for wire_name, item in value.items():
        field = by_wire_name[wire_name]
        used.add(f"{cls.__name__}.{wire_name}")
        inner = instance.swagger_types[field].removeprefix("list[").removesuffix("]")
        if hasattr(oci.container_instances.models, inner):
            for element in item if isinstance(item, list) else [item]:
                used |= fields_used(inner, element)
    return used


def test_every_field_of_the_request_can_be_reached():
    """Each field of the SDK's create models is set by some field of a spec, or by the library and listed here."""
    used = fields_used("CreateContainerInstanceDetails", wire_of(compose(SHOP, EVERYTHING, replica=0)))
    used |= fields_used("CreateContainerInstanceDetails", wire_of(composed(WEB)))
    own = {f"{model}.{field}" for model, fields in SET_BY_THE_LIBRARY.items() for field in fields}
    possible = paths_of_model("CreateContainerInstanceDetails")
    abstract = {path for path in possible if hasattr(model_named(path.split(".")[0]), "get_subtype")}
    assert possible - abstract - used == own


def test_every_field_is_in_a_section_or_mutable():
    """No field of the request escapes both the digest and the comparison of live values."""
    top = set(model_named("CreateContainerInstanceDetails")().attribute_map.values())
    separately = {"containers", "volumes", "vnics", "imagePullSecrets"}
    library = set(SET_BY_THE_LIBRARY["CreateContainerInstanceDetails"])
    assert top == {"displayName", *TAG_FIELDS} | set(INSTANCE_SECTIONS) | separately | library
    container = set(model_named("CreateContainerDetails")().attribute_map.values())
    assert container == {"displayName", *TAG_FIELDS} | set(CONTAINER_SECTIONS)
    vnic = set(model_named("CreateContainerVnicDetails")().attribute_map.values())
    assert set(VNIC_MUTABLE) <= vnic


def test_section_names_fit_into_a_tag():
    """All sections, each with a hash of eight digits, leave room in the 256 characters of a tag's value."""
    sections = compose(SHOP, EVERYTHING, replica=0).sections
    assert len(sections) == 12
    assert len(",".join(f"{name}={'0' * 8}" for name in sections)) < 210


@pytest.mark.parametrize(
    ("fields", "section"),
    [
        ({"image_url": "ghcr.io/acme/app:2"}, {"image"}),
        ({"arguments": ["--slow"]}, {"command"}),
        ({"environment_variables": {"A": "2"}}, {"environment"}),
        ({"health_checks": []}, {"health"}),
        ({"vcpus_limit": 1}, {"resources"}),
        ({"ocpus": 3}, {"shape"}),
        ({"container_restart_policy": "NEVER"}, {"restart"}),
        ({"private_ip": "10.0.0.8"}, {"network"}),
        ({"dns_config": None}, {"network"}),
        ({"container_security_context": None}, {"security"}),
        ({"image_pull_secrets": []}, {"pull"}),
        ({"mounts": {}}, {"volumes"}),
        ({"display_name": "Other", "freeform_tags": {}, "defined_tags": {}}, set()),
        ({"hostname_label": None, "skip_source_dest_check": None, "vnic_display_name": "x"}, set()),
        ({"vnic_freeform_tags": {}, "replicas": 3, "ports": [1]}, set()),
    ],
)
def test_a_change_shows_in_its_section(fields: dict[str, Any], section: set[str]):
    """A changed field changes the section of its name and no other; what can be changed in place changes none."""
    before = compose(SHOP, EVERYTHING, replica=0).sections
    after = compose(SHOP, evolve(EVERYTHING, **fields), replica=0).sections
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed - ({"volumes"} if "mounts" in fields else set()) == section - {"volumes"}


def test_the_order_of_sidecars_changes_nothing():
    """Another order of sidecars changes no section except for Prometheus' configuration."""
    turned = evolve(WEB, sidecars=tuple(reversed(WEB.sidecars)))
    kept = {
        name
        for name, body in composed(turned).sections.items()
        if digest({"x": body}) == digest({"x": composed(WEB).sections[name]})
    }
    assert kept == composed(WEB).sections.keys() - {"config"}


def test_secrets_enter_no_digest():
    """Sections have the reference and version of a secret and not its content, and neither has the repr."""
    result = compose(SHOP, EVERYTHING, replica=0)
    secret = base64.b64encode(b"hunter2").decode()
    assert secret in str(wire_of(result))
    assert secret not in str(result.sections)
    assert "hunter2" not in str(result.sections)
    assert secret not in repr(result)
    assert result.sections["config"]["passwords/db"] == "7"  # type: ignore[index,call-overload]
    changed = VolumeSpec.config_file("passwords", {"db": "other"}, secret_version="7")
    volumes = tuple(changed if volume.name == "passwords" else volume for volume in EVERYTHING.volumes)
    assert compose(SHOP, evolve(EVERYTHING, volumes=volumes), replica=0).sections == result.sections


def test_vault_secrets_travel_as_references():
    """A vault secret in a file is a reference to its OCID and version."""
    references_of = {str(ref) for ref in references(compose(SHOP, EVERYTHING, replica=0).body)}
    assert "<secret/ocid1.vaultsecret.oc1.fra.a.3>" in references_of
    newest = VolumeSpec.config_file("c", {"x": SecretRef("ocid1.vaultsecret.oc1.fra.b")}, secret_version="1")
    result = composed(InstanceSpec("web", image_url="a:1", volumes=[newest]))
    assert result.sections["config"] == {"c/x": Ref(Key("secret", "ocid1.vaultsecret.oc1.fra.b"), "current")}


def test_the_app_gets_the_rest():
    """An app without limits gets what the sidecars leave of the shape's CPUs and memory."""
    app = wire_of(composed(WEB))["containers"][0]
    assert app["resourceConfig"] == {"vcpusLimit": 1.15, "memoryLimitInGBs": 2.625}
    on_arm = wire_of(composed(WEB, shape="CI.Standard.A1.Flex"))
    assert on_arm["shape"] == "CI.Standard.A1.Flex"
    assert on_arm["containers"][0]["resourceConfig"]["vcpusLimit"] == 0.15
    unknown = wire_of(composed(WEB, shape="CI.Standard.Next.Flex"))["containers"][0]
    assert "resourceConfig" not in unknown
    alone = InstanceSpec("web", image_url="a:1", memory_limit_in_gbs=2)
    assert wire_of(composed(alone))["containers"][0]["resourceConfig"] == {"memoryLimitInGBs": 2.0}


def test_memory_has_a_default():
    """The default memory is that of a known shape per OCPU; for an unknown shape the service chooses."""
    web = InstanceSpec("web", image_url="a:1", ocpus=2)
    assert wire_of(composed(web))["shapeConfig"] == {"ocpus": 2.0, "memoryInGBs": 32.0}
    assert wire_of(composed(evolve(web, ocpus=64)))["shapeConfig"]["memoryInGBs"] == 1024.0
    assert wire_of(composed(evolve(web, shape="CI.Standard.Next.Flex")))["shapeConfig"] == {"ocpus": 2.0}


def test_resource_principals_are_off_where_nothing_needs_them():
    """A container without statements gets no resource principal, unless the spec says otherwise."""
    agent = SidecarSpec.management_agent(response_file="x")
    insisting = SidecarSpec("own", image_url="a:1", is_resource_principal_disabled=False)
    containers = wire_of(composed(evolve(WEB, sidecars=(*WEB.sidecars, agent, insisting))))["containers"]
    enabled = {one["displayName"] for one in containers if not one["isResourcePrincipalDisabled"]}
    assert enabled == {"log-forwarder", "own"}


def test_statements_name_their_container():
    """Each statement has its container's name, and an image in OCIR adds the right to read its repository."""
    result = compose(
        DeploymentSpec("web", [WEB]),
        WEB,
        replica=0,
        image_prefix="ocir.eu-frankfurt-1.oci.oraclecloud.com/ns/acme/",
    )
    found = [(name, one.verb, one.resource_type, one.where) for name, one in result.statements]
    assert found == [
        ("web", "read", "repos", "target.repo.name='web'"),
        ("log-forwarder", "use", "log-content", "request.permission='LOG_CONTENT_PUSH'"),
        ("log-forwarder", "read", "repos", "target.repo.name='acme/log-forwarder'"),
    ]
    secret = ImagePullSecret.basic("fra.ocir.io", username="u", password="p")
    assert [name for name, _ in composed(WEB.with_pull_secret(secret)).statements] == ["log-forwarder"]


def test_own_images_lie_below_the_prefix():
    """The URL of an image of ours begins with image_prefix; without one it is the symbolic name."""
    with_prefix = wire_of(composed(WEB, image_prefix="fra.ocir.io/acme/x/"))["containers"][3]["imageUrl"]
    assert with_prefix.startswith("fra.ocir.io/acme/x/log-forwarder:")
    assert wire_of(composed(WEB))["containers"][3]["imageUrl"].startswith("ocisidecar/log-forwarder:")


def test_prometheus_gets_the_others_targets():
    """The generated configuration scrapes exactly the containers that declare metrics."""
    document = json.loads(data_of(composed(WEB), "prometheus.yml"))
    assert [job["job_name"] for job in document["scrape_configs"]] == [
        "prometheus",
        "node-exporter",
        "log-forwarder",
    ]
    assert document["global"]["external_labels"] == {"container_instance": "web-0", "deployment": "web"}


@pytest.mark.parametrize(
    ("network", "subnet", "groups", "is_public"),
    [
        (NetworkSpec.private(), "<subnet/main.id>", ["<network-security-group/web.id>"], False),
        (NetworkSpec.public(), "<subnet/main.id>", ["<network-security-group/web.id>"], True),
        (NetworkSpec.existing("ocid1.subnet.oc1.fra.a"), "ocid1.subnet.oc1.fra.a", None, False),
        (
            NetworkSpec.existing("ocid1.subnet.oc1.fra.a", nsg_ids=["nsg"], is_public_ip_assigned=True),
            "ocid1.subnet.oc1.fra.a",
            ["nsg"],
            True,
        ),
        (NetworkSpec.of("platform"), "<platform:subnet/main.id>", ["<network-security-group/web.id>"], False),
    ],
)
def test_networks(network: NetworkSpec, subnet: str, groups: list[str] | None, is_public: object):
    """The VNIC's subnet is the OCID of an existing subnet, or a reference to one of a deployment."""
    (vnic,) = wire_of(compose(DeploymentSpec("web", [WEB], network=network), WEB, replica=0))["vnics"]
    assert (vnic["subnetId"], vnic.get("nsgIds"), vnic["isPublicIpAssigned"]) == (subnet, groups, is_public)


@pytest.mark.parametrize(
    ("logging", "log"),
    [
        (None, "<log/app.id>"),
        (LoggingSpec.existing(log_id="ocid1.log.oc1.fra.a"), "ocid1.log.oc1.fra.a"),
        (LoggingSpec.existing(log_group_id="ocid1.loggroup.oc1.fra.a"), "<log/app.id>"),
        (LoggingSpec.of("platform"), "<platform:log/app.id>"),
    ],
)
def test_logs(logging: LoggingSpec | None, log: str):
    """A log id is the OCID of an existing log, or a reference to the log of the deployment that creates it."""
    containers = wire_of(compose(DeploymentSpec("web", [WEB], logging=logging), WEB, replica=0))["containers"]
    assert containers[3]["environmentVariables"]["OCISIDECAR_LOG_ID"] == log


def test_log_forwarders_know_where_they_are():
    """The log forwarder gets the name of its instance and the realm's domain; other containers do not."""
    body = wire_of(compose(DeploymentSpec("shop", [WEB]), WEB, replica=1, place=Place(domain="oraclecloud.eu")))
    *others, forwarder = (one.get("environmentVariables", {}) for one in body["containers"])
    assert not any("OCISIDECAR_INSTANCE" in one for one in others)
    assert forwarder["OCISIDECAR_INSTANCE"] == "shop/web-1"
    assert forwarder["OCISIDECAR_DOMAIN"] == "oraclecloud.eu"


def test_metrics_forwarders_know_where_they_are():
    """The metrics forwarder gets instance, domain, region and compartment; what is unknown is left out."""
    web = InstanceSpec("web", image_url="a:1", sidecars=[SidecarSpec.metrics_forwarder()])

    def added(place: Place) -> dict[str, Body]:
        composed_body = compose(DeploymentSpec("shop", [web]), web, replica=1, place=place)
        given = SidecarSpec.metrics_forwarder().environment_variables
        variables = wire_of(composed_body)["containers"][1]["environmentVariables"]
        return {name: value for name, value in variables.items() if name not in given}

    place = Place(domain="oraclecloud.eu", region="eu-frankfurt-1", compartment_id="ocid1.compartment.oc19..a")
    assert added(place) == {
        "OCISIDECAR_INSTANCE": "shop/web-1",
        "OCISIDECAR_DOMAIN": "oraclecloud.eu",
        "OCISIDECAR_REGION": "eu-frankfurt-1",
        "OCISIDECAR_COMPARTMENT_ID": "ocid1.compartment.oc19..a",
    }
    assert added(Place()) == {"OCISIDECAR_INSTANCE": "shop/web-1"}


def test_prometheus_writes_to_the_metrics_forwarder_beside_it():
    """A generated configuration writes to the forwarder too, in small requests and with types."""
    prometheus = SidecarSpec.prometheus(remote_write=["https://example.org/write"])
    web = InstanceSpec("web", image_url="a:1", sidecars=[prometheus, SidecarSpec.metrics_forwarder()])
    other, forwarder = json.loads(data_of(composed(web), "prometheus.yml"))["remote_write"]
    assert other == {"url": "https://example.org/write"}
    assert forwarder["url"] == "http://127.0.0.1:9181/api/v1/write"
    assert forwarder["queue_config"] == {"max_shards": 1, "max_samples_per_send": 500, "retry_on_http_429": True}
    assert forwarder["metadata_config"] == {"send_interval": "15s"}
    assert "remote_write" not in json.loads(data_of(composed(WEB), "prometheus.yml"))


def test_prometheus_tells_the_alertmanager_beside_it():
    """A generated configuration names the Alertmanager of the instance, and none where there is none."""
    sidecars = [SidecarSpec.prometheus(), SidecarSpec.alertmanager()]
    alerting = json.loads(
        data_of(composed(InstanceSpec("web", image_url="a:1", sidecars=sidecars)), "prometheus.yml")
    )
    assert alerting["alerting"] == {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]}
    assert "alerting" not in json.loads(data_of(composed(WEB), "prometheus.yml"))


def test_the_credentials_of_scrapes_are_files_beside_the_configuration():
    """The secret of a target is a reference in the body, a new version is another digest, and no text has it."""

    def made(version: int) -> Composed:
        target = ScrapeTarget(
            8080, username="ops", password=SecretRef("ocid1.vaultsecret.oc1.fra.a", version=version)
        )
        return composed(InstanceSpec("web", image_url="a:1", scrape=target, sidecars=[SidecarSpec.prometheus()]))

    (volume,) = [one for one in made(1).body["volumes"] if one["name"] == "prometheus-config"]
    (file,) = [one for one in volume["configs"] if one["fileName"] == "web.password"]
    assert file["path"] == "ocisidecar"
    assert file["data"] == Ref(Key("secret", "ocid1.vaultsecret.oc1.fra.a"), "1")
    assert "password_file" in data_of(made(1), "prometheus.yml")
    assert "vaultsecret" not in data_of(made(1), "prometheus.yml")
    assert made(1).sections["config"] != made(2).sections["config"]


def test_the_budget_of_metrics_is_a_fact():
    """A plan shows how many streams and datapoints a minute the forwarder sends at most."""
    forwarder = SidecarSpec.metrics_forwarder(max_streams=300, interval_in_seconds=120)
    web = InstanceSpec("web", image_url="a:1", sidecars=[forwarder])
    facts = dict(ContainerInstance().facts(composed(web).body))
    assert facts["sends at most"] == "300 metric streams, 150 datapoints a minute"


def test_grafana_knows_how_often_prometheus_scrapes():
    """Grafana gets the interval of the generated configuration, else the one that it was given."""

    def interval(*sidecars: SidecarSpec) -> str:
        web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", sidecars=sidecars)
        (grafana,) = [one for one in composed(web).body["containers"] if one["displayName"] == "grafana"]
        return grafana["environmentVariables"]["OCISIDECAR_SCRAPE_INTERVAL"]

    grafana = SidecarSpec.grafana(scrape_interval_in_seconds=20)
    own = SidecarSpec.prometheus(config="global: {scrape_interval: 20s}\n")
    assert interval(SidecarSpec.prometheus(scrape_interval_in_seconds=60), grafana) == "60s"
    assert interval(own, grafana) == "20s"
    assert interval(SidecarSpec.grafana()) == "15s"


def test_replicas_differ_in_name_only():
    """Replicas differ in their keys and display names, and in nothing else."""
    web = evolve(InstanceSpec("web", image_url="a:1"), replicas=2)
    first, second = (compose(DeploymentSpec("web", [web]), web, replica=replica) for replica in range(2))
    assert [str(one.key) for one in (first, second)] == ["container-instance/web-0", "container-instance/web-1"]
    assert first.body["displayName"] == "web-0"
    (vnic,) = first.body["vnics"]
    assert {**first.body, "displayName": "web-1", "vnics": [{**vnic, "displayName": "web-1"}]} == second.body
    assert first.sections == second.sections


def test_whole_and_fractional_numbers_are_one():
    """1 and 1.0 OCPU give the same digest."""
    one, other = (composed(evolve(WEB, ocpus=ocpus, memory_in_gbs=4 * ocpus)) for ocpus in (1, 1.0))
    assert digest(one.sections) == digest(other.sections)


def test_an_unreadable_file_stops_composing():
    """Composing a spec with an unreadable file raises SpecError with the file's path, even without validation."""
    volume = VolumeSpec.config_file("c", {"x": Path("missing")})
    with pytest.raises(SpecError, match=r'volumes\["c"\].files\["x"\]: cannot read missing'):
        composed(InstanceSpec("web", image_url="a:1", volumes=[volume]))


@laws
@given(deployments())
def test_bodies_are_what_the_sdk_declares(spec: DeploymentSpec):
    """The body of any valid spec has only fields of the SDK's models, chosen by their discriminators."""
    for instance in spec.instances:
        fields_used("CreateContainerInstanceDetails", wire_of(compose(spec, instance, replica=0)))


@laws
@given(deployments())
def test_references_are_to_known_kinds(spec: DeploymentSpec):
    """The body of any valid spec refers to subnets, groups, logs, vault secrets and response files only."""
    for instance in spec.instances:
        kinds = {ref.key.kind for ref in references(compose(spec, instance, replica=0).body)}
        assert kinds <= {"subnet", "network-security-group", "log", "secret", "response-file"}
