"""A deployment without instances whose network, rights and logs others use with `.of`."""

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
    """Network, group, policy with the sharers' statements, and logs; a log for each name."""
    kinds = {key.partition("/")[0] for key in platform.resources}
    assert {"vcn", "subnet", "dynamic-group", "policy", "log-group", "log"} <= kinds
    assert "container-instance" not in kinds
    assert {"log/app", "log/audit"} <= platform.resources.keys()


def test_who_shares_makes_only_what_is_its_own(provisioner, platform, emulator):
    """The shop has its instance and a security group in the platform's VCN; all else is the platform's."""
    shop = provisioner.apply(SHOP)
    assert sorted(shop.resources) == ["container-instance/web-0", "network-security-group/main"]
    assert len(emulator.live()["vcn"]) == len(emulator.live()["policy"]) == 1
    assert not provisioner.plan(SHOP).changes
    assert not provisioner.plan(PLATFORM).changes
    assert provisioner.list() == (platform, shop)


def test_who_shares_writes_to_the_platforms_log(provisioner, platform, sdk):
    """The forwarder of the shop gets the OCID of the platform's log."""
    shop = provisioner.apply(SHOP)
    client = sdk("container_instances.ContainerInstanceClient")
    instance = client.get_container_instance(shop.resources["container-instance/web-0"]).data
    forwarder = next(one for one in instance["containers"] if one["displayName"] == "log-forwarder")
    variables = client.get_container(forwarder["containerId"]).data["environmentVariables"]
    assert variables["OCISIDECAR_LOG_ID"] == platform.resources["log/app"]


def test_the_ports_of_who_shares_are_open_to_the_platforms_vcn(provisioner, sdk):
    """`vcn` as a source means the address range that the platform's VCN really has."""
    network = NetworkSpec.private(cidr_block="10.7.0.0/16", subnet_cidr_block="10.7.0.0/24")
    provisioner.apply(evolve(PLATFORM, network=network))
    shop = provisioner.apply(SHOP)
    rules = sdk("core.VirtualNetworkClient").list_network_security_group_security_rules(
        shop.resources["network-security-group/main"]
    )
    assert [rule["source"] for rule in rules.data if rule["direction"] == "INGRESS"] == ["10.7.0.0/16"]
    assert not provisioner.plan(SHOP).changes


def test_a_platform_in_use_is_not_destroyed(provisioner, platform, writes):
    """DeploymentInUse lists the users, nothing is deleted; without users the platform goes."""
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
    """Sharing only the network, only the rights or only the logs keeps the platform."""
    provisioner.apply(evolve(SHOP, **{other: None for other in ("network", "access", "logging") if other != part}))
    with pytest.raises(DeploymentInUse, match="used by shop"):
        provisioner.destroy(platform)


@pytest.mark.parametrize("part", ["network", "access", "logging"])
def test_a_platform_that_does_not_exist_is_a_fault_of_the_spec(provisioner, web, writes, part):
    """The error names what is asked of whom, and which deployments there are; nothing is changed."""
    provisioner.apply(web)
    writes()
    alone = evolve(SHOP, **{other: None for other in ("network", "access", "logging") if other != part})
    with pytest.raises(SpecError, match=r"is asked of the deployment 'platform'.*deployments here: web"):
        provisioner.apply(alone)
    assert writes() == []


def test_a_platform_that_lacks_a_log_is_told_which(provisioner, platform):
    """Asking for a log that the platform does not have names that log."""
    shop = evolve(SHOP, logging=LoggingSpec.of("platform", log_names=["web"]))
    forwarder = SidecarSpec.log_forwarder(image_url="docker.io/acme/log-forwarder:1", log_name="web")
    shop = shop.with_instance(shop.instances[0].with_sidecar(forwarder))
    with pytest.raises(SpecError, match=r"log/web: is asked of the deployment 'platform'"):
        provisioner.plan(shop)
    assert "log/web" not in platform.resources


def test_a_right_that_the_platform_does_not_give_is_a_warning(provisioner):
    """The plan names the missing statement and where to add it; added there, the warning is gone."""
    provisioner.apply(evolve(PLATFORM, access=AccessSpec.deployment(statements=[READ_IMAGES])))
    (warning,) = [one for one in provisioner.plan(SHOP).warnings if "platform" in one]
    assert "use log-content" in warning
    assert "AccessSpec.deployment(statements=[...])" in warning
    provisioner.apply(PLATFORM)
    assert not [one for one in provisioner.plan(SHOP).warnings if "platform" in one]


def test_a_tag_of_the_platform_admits_the_instances_of_who_shares(provisioner, sdk, emulator):
    """Where the group admits a defined tag only, the sharers' instances carry it with the platform's name."""
    identity = sdk("identity.IdentityClient")
    details = {"compartmentId": emulator.tenancy_id, "name": "ops", "description": "x"}
    namespace = identity.create_tag_namespace(details).data["id"]
    identity.create_tag(namespace, {"name": "access", "description": "x"})
    access = AccessSpec.deployment(statements=[PUSH_LOGS, READ_IMAGES], defined_tag="ops.access")
    provisioner.apply(evolve(PLATFORM, access=access))
    shop = provisioner.apply(evolve(SHOP, access=AccessSpec.of("platform", defined_tag="ops.access")))
    client = sdk("container_instances.ContainerInstanceClient")
    instance = client.get_container_instance(shop.resources["container-instance/web-0"]).data
    assert instance["definedTags"]["ops"] == {"access": "platform"}


def test_a_change_of_the_platform_leaves_who_shares_alone(provisioner, platform, writes):
    """A log more on the platform is no difference for the shop."""
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
def test_what_others_use_is_not_taken_away_from_under_them(provisioner, platform, writes, change, going):
    """A change of the platform that its users would not survive is refused before anything is changed."""
    provisioner.apply(SHOP)
    writes()
    with pytest.raises(
        DeploymentInUse, match=rf"{going}.* would have to go, and platform is used by shop"
    ) as caught:
        provisioner.apply(evolve(PLATFORM, **change))
    assert caught.value.users == ("shop",)
    assert writes() == []
    provisioner.destroy("shop")
    provisioner.apply(evolve(PLATFORM, **change))
    assert platform.resources


def test_a_platform_and_its_users_in_one_sequence_are_planned_together(provisioner):
    """A sequence means independent deployments: one that asks for another of the same sequence is refused."""
    with pytest.raises(SpecError, match="deployments here: none"):
        provisioner.apply([PLATFORM, SHOP])


def test_alarms_and_topics_may_stand_on_a_platform(provisioner, emulator):
    """A deployment without instances may hold alarms over a namespace of its own."""
    alarm = AlarmSpec("errors", query="errors[1m].sum() > 1", namespace="shop", destinations=[TopicSpec("oncall")])
    provisioner.apply(DeploymentSpec("watch", network=NetworkSpec.private(), alarms=[alarm]))
    assert {"alarm", "topic"} <= emulator.live().keys()
    provisioner.destroy("watch")
    assert emulator.live() == {}


def test_a_user_that_cannot_start_leaves_the_platform_alone(provisioner, platform, emulator):
    """A failing shop neither changes nor loses anything of the platform."""
    emulator.inject(Fault.failed())
    with pytest.raises(ApplyFailed):
        provisioner.apply(SHOP)
    assert provisioner.get("platform") == platform
    provisioner.apply(SHOP)
    assert not provisioner.plan(SHOP).changes
