"""A deployment without instances whose network, rights and logs other deployments use with `.of`."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    AlarmSpec,
    ApplyFailed,
    DeploymentInUse,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    SidecarSpec,
    SpecError,
    Statement,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Fault

PUSH_LOGS = Statement(
    "use", "log-content", where="request.permission='LOG_CONTENT_PUSH'", reason="log forwarders push lines"
)
READ_IMAGES = Statement("read", "repos", where="target.repo.name='web'", reason="OCI pulls the images")
PLATFORM = DeploymentSpec(
    "platform",
    network=NetworkSpec.private(),
    access=AccessSpec.deployment(statements=[PUSH_LOGS, READ_IMAGES]),
    logging=LoggingSpec.deployment(log_names=["app", "audit"]),
)
SHOP = DeploymentSpec(
    "shop",
    [
        InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", memory_in_gbs=4, ports=[80])
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(SidecarSpec.log_forwarder(image_url="docker.io/acme/log-forwarder:1"))
    ],
    network=NetworkSpec.of("platform"),
    access=AccessSpec.of("platform"),
    logging=LoggingSpec.of("platform"),
)


@pytest.fixture
def platform(provisioner):
    return provisioner.apply(PLATFORM)


def test_a_platform_holds_what_others_share_and_no_instance(platform):
    """A shared deployment has a network, a group, a policy, and a log for each name, and no instance."""
    kinds = {key.partition("/")[0] for key in platform.resources}
    assert {"vcn", "subnet", "dynamic-group", "policy", "log-group", "log"} <= kinds
    assert "container-instance" not in kinds
    assert {"log/app", "log/audit"} <= platform.resources.keys()


def test_a_user_creates_only_its_own_resources(provisioner, platform, emulator):
    """A deployment that shares everything creates only its instance and its security group."""
    shop = provisioner.apply(SHOP)
    assert sorted(shop.resources) == ["container-instance/web-0", "network-security-group/web"]
    assert len(emulator.live()["vcn"]) == len(emulator.live()["policy"]) == 1
    assert not provisioner.plan(SHOP).changes
    assert not provisioner.plan(PLATFORM).changes
    assert provisioner.list() == (platform, shop)


def test_a_user_writes_to_the_shared_log(provisioner, platform, sdk):
    """The log forwarder gets the OCID of the shared deployment's log."""
    shop = provisioner.apply(SHOP)
    client = sdk("container_instances.ContainerInstanceClient")
    instance = client.get_container_instance(shop.resources["container-instance/web-0"]).data
    forwarder = next(one for one in instance["containers"] if one["displayName"] == "log-forwarder")
    variables = client.get_container(forwarder["containerId"]).data["environmentVariables"]
    assert variables["OCISIDECAR_LOG_ID"] == platform.resources["log/app"]


def test_ports_of_a_user_are_open_to_the_shared_vcn(provisioner, sdk):
    """The source `vcn` is the address range that the shared VCN really has."""
    network = NetworkSpec.private(cidr_block="10.7.0.0/16", subnet_cidr_block="10.7.0.0/24")
    provisioner.apply(evolve(PLATFORM, network=network))
    shop = provisioner.apply(SHOP)
    rules = sdk("core.VirtualNetworkClient").list_network_security_group_security_rules(
        shop.resources["network-security-group/web"]
    )
    assert [rule["source"] for rule in rules.data if rule["direction"] == "INGRESS"] == ["10.7.0.0/16"]
    assert not provisioner.plan(SHOP).changes


def test_a_platform_in_use_is_not_destroyed(provisioner, platform, writes):
    """DeploymentInUse lists the users and nothing is deleted; without users the shared deployment is deleted."""
    provisioner.apply(SHOP)
    provisioner.apply(evolve(SHOP, name="blog", network=NetworkSpec.private()))
    writes()
    with pytest.raises(
        DeploymentInUse, match=r"platform cannot be destroyed: it is used by blog, shop\."
    ) as caught:
        provisioner.destroy("platform")
    assert caught.value.users == ("blog", "shop")
    assert writes() == []
    for name in ("blog", "shop", "platform"):
        provisioner.destroy(name)
    assert provisioner.list() == ()
    assert platform.resources


@pytest.mark.parametrize("part", ["network", "access", "logging"])
def test_each_part_that_is_shared_alone_counts_as_use(provisioner, platform, part):
    """Sharing only the network, only the rights or only the logs prevents a destroy."""
    provisioner.apply(evolve(SHOP, **{other: None for other in ("network", "access", "logging") if other != part}))
    with pytest.raises(DeploymentInUse, match="used by shop"):
        provisioner.destroy(platform)


@pytest.mark.parametrize("part", ["network", "access", "logging"])
def test_a_missing_shared_deployment_is_a_spec_error(provisioner, web, writes, part):
    """SpecError names the missing resource and the existing deployments, and nothing is changed."""
    provisioner.apply(web)
    writes()
    alone = evolve(SHOP, **{other: None for other in ("network", "access", "logging") if other != part})
    with pytest.raises(
        SpecError, match=r"is missing from the shared deployment 'platform'.*in this compartment: web"
    ):
        provisioner.apply(alone)
    assert writes() == []


def test_a_missing_shared_log_is_named(provisioner, platform):
    """SpecError names the log that the shared deployment does not have."""
    shop = evolve(SHOP, logging=LoggingSpec.of("platform", log_names=["web"]))
    forwarder = SidecarSpec.log_forwarder(image_url="docker.io/acme/log-forwarder:1", log_name="web")
    shop = shop.with_instance(shop.instances[0].with_sidecar(forwarder))
    with pytest.raises(SpecError, match=r"log/web: is missing from the shared deployment 'platform'"):
        provisioner.plan(shop)
    assert "log/web" not in platform.resources


def test_a_right_that_the_shared_policy_lacks_is_a_warning(provisioner):
    """The plan warns of the missing statement and where to add it, until it has been added there."""
    provisioner.apply(evolve(PLATFORM, access=AccessSpec.deployment(statements=[READ_IMAGES])))
    (warning,) = [one for one in provisioner.plan(SHOP).warnings if "platform" in one]
    assert "use log-content" in warning
    assert "AccessSpec.deployment(statements=[...])" in warning
    provisioner.apply(PLATFORM)
    assert not [one for one in provisioner.plan(SHOP).warnings if "platform" in one]


PUBLIC_SHOP = evolve(SHOP, instances=[evolve(SHOP.instances[0], image_url="docker.io/acme/web:1.4")])
"""The user with an image that needs no right: the emulator's groups do not match tags of instances."""


def test_a_shared_group_admits_instances_by_a_defined_tag(provisioner, sdk, emulator):
    """Instances of users carry the defined tag that the shared dynamic group matches."""
    identity = sdk("identity.IdentityClient")
    details = {"compartmentId": emulator.tenancy_id, "name": "ops", "description": "x"}
    namespace = identity.create_tag_namespace(details).data["id"]
    identity.create_tag(namespace, {"name": "access", "description": "x"})
    access = AccessSpec.deployment(statements=[PUSH_LOGS, READ_IMAGES], defined_tag="ops.access")
    provisioner.apply(evolve(PLATFORM, access=access))
    shop = provisioner.apply(evolve(PUBLIC_SHOP, access=AccessSpec.of("platform", defined_tag="ops.access")))
    client = sdk("container_instances.ContainerInstanceClient")
    instance = client.get_container_instance(shop.resources["container-instance/web-0"]).data
    assert instance["definedTags"]["ops"] == {"access": "platform"}


def test_an_additional_shared_log_changes_no_user(provisioner, platform, writes):
    """An additional log in the shared deployment gives its user no changes."""
    provisioner.apply(SHOP)
    provisioner.apply(evolve(PLATFORM, logging=LoggingSpec.deployment(log_names=["app", "audit", "web"])))
    writes()
    provisioner.apply(SHOP)
    assert writes() == []
    assert platform.resources


@pytest.mark.parametrize(
    ("change", "going"),
    [
        ({"network": NetworkSpec.private(cidr_block="10.7.0.0/16", subnet_cidr_block="10.7.0.0/24")}, "vcn/main"),
        ({"network": NetworkSpec.public()}, "subnet/main"),
        ({"access": None}, "policy/main"),
    ],
    ids=["another range", "private to public", "no rights"],
)
def test_a_shared_resource_in_use_is_not_replaced(provisioner, platform, writes, change, going):
    """A change that would delete or replace a used resource is refused before anything is changed."""
    provisioner.apply(SHOP)
    writes()
    with pytest.raises(
        DeploymentInUse, match=rf"{going}.* would be deleted or replaced, and platform is used by shop"
    ) as caught:
        provisioner.apply(evolve(PLATFORM, **change))
    assert caught.value.users == ("shop",)
    assert writes() == []
    provisioner.destroy("shop")
    provisioner.apply(evolve(PLATFORM, **change))
    assert platform.resources


def test_a_sequence_cannot_hold_a_shared_deployment_and_its_user(provisioner):
    """A deployment that shares another of the same sequence is refused, because a sequence is independent."""
    with pytest.raises(SpecError, match="deployments in this compartment: none"):
        provisioner.apply([PLATFORM, SHOP])


def test_a_deployment_without_instances_may_have_alarms(provisioner, emulator):
    """A deployment without instances may have alarms over a custom namespace."""
    alarm = AlarmSpec("errors", query="errors[1m].sum() > 1", namespace="shop", destinations=[TopicSpec("oncall")])
    provisioner.apply(DeploymentSpec("watch", network=NetworkSpec.private(), alarms=[alarm]))
    assert {"alarm", "topic"} <= emulator.live().keys()
    provisioner.destroy("watch")
    assert emulator.live() == {}


def test_a_failing_user_leaves_the_shared_deployment_unchanged(provisioner, platform, emulator):
    """An apply that fails changes nothing in the shared deployment."""
    emulator.inject(Fault.failed())
    with pytest.raises(ApplyFailed):
        provisioner.apply(SHOP)
    assert provisioner.get("platform") == platform
    provisioner.apply(SHOP)
    assert not provisioner.plan(SHOP).changes
