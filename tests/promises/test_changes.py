"""What a change of one field of a spec changes in the cloud, and what it leaves."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    Port,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Emulator
from ocisidecar.emulator.state import Assumptions

WEB = (
    InstanceSpec("web", image_url="docker.io/acme/web:1.4", ocpus=2, memory_in_gbs=8, ports=[80])
    .with_volume(VolumeSpec.config_file("settings", {"app.toml": "level = 'quiet'"}), mount_path="/etc/app")
    .with_sidecar(SidecarSpec("shipper", image_url="docker.io/acme/shipper:1.0"))
)
SPEC = DeploymentSpec(
    "web",
    [WEB],
    logging=LoggingSpec.deployment(),
    alarms=[
        AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")]),
        AlarmSpec.memory_utilization(80, destinations=[TopicSpec("desk")]),
    ],
)
INSTANCE = "container-instance/web-0"


def with_web(web):
    return SPEC.with_instance(web)


def steps_of(plan):
    """Return key → action of every step that changes something."""
    return {str(step.key): step.action for step in plan.changes}


def fields_of(plan, key=INSTANCE):
    return {change.field for step in plan.steps if str(step.key) == key for change in step.changes}


def rules_of(sdk, deployment):
    """Return the ingress rules of the deployment's NSG."""
    listed = sdk("core.VirtualNetworkClient").list_network_security_group_security_rules(
        deployment.resources["network-security-group/web"]
    )
    return sorted(rule["description"] for rule in listed.data if rule["direction"] == "INGRESS")


REPLACING = {
    "image": (WEB.with_image("docker.io/acme/web:1.5"), {"web.imageUrl"}),
    "environment": (evolve(WEB, environment_variables={"LEVEL": "loud"}), {"environment"}),
    "config file": (
        WEB.with_volume(VolumeSpec.config_file("settings", {"app.toml": "level = 'loud'"}), mount_path="/etc/app"),
        {"config"},
    ),
    "memory": (evolve(WEB, memory_in_gbs=16), {"shapeConfig"}),
    "command": (evolve(WEB, command=["/bin/web"]), {"command"}),
    "sidecar added": (
        WEB.with_sidecar(SidecarSpec("proxy", image_url="docker.io/acme/proxy:1")),
        {"proxy.imageUrl"},
    ),
    "sidecar removed": (WEB.without_sidecar("shipper"), {"shipper.imageUrl"}),
}


@pytest.mark.parametrize("name", REPLACING)
def test_an_immutable_change_replaces_only_the_instance(provisioner, emulator, name):
    """The plan names the changed section without its content, and only the instance is replaced."""
    changed, fields = REPLACING[name]
    before = provisioner.apply(SPEC).resources
    plan = provisioner.plan(with_web(changed))
    assert steps_of(plan) == {INSTANCE: Action.REPLACE}
    assert fields <= fields_of(plan)
    assert "loud" not in f"{plan} {plan.to_json()} {plan!r}"
    after = provisioner.apply(plan).resources
    assert {key for key in after if after[key] != before[key]} == {INSTANCE}
    assert emulator.live()["container-instance"] == [after[INSTANCE]]
    assert not provisioner.plan(with_web(changed)).changes


def test_a_port_changes_the_rules_of_the_nsg_in_place(provisioner, sdk):
    """A changed port adds and removes exactly its security rules, and no other resource changes."""
    before = provisioner.apply(SPEC)
    assert rules_of(sdk, before) == ["tcp 80 from vcn"]
    ports = [443, Port(53, protocol="udp", sources=["203.0.113.0/24"])]
    plan = provisioner.plan(with_web(evolve(WEB, ports=ports)))
    assert steps_of(plan) == {"network-security-group/web": Action.UPDATE}
    assert provisioner.apply(plan) == before
    assert rules_of(sdk, before) == ["tcp 443 from vcn", "udp 53 from 203.0.113.0/24"]


def test_names_and_tags_change_in_place_and_keep_the_tags_of_others(provisioner, sdk, clock):
    """A new display name and tag are set on the same instance, and foreign tags and our own stay."""
    deployment = provisioner.apply(SPEC)
    client, instance_id = sdk("container_instances.ContainerInstanceClient"), deployment.resources[INSTANCE]
    tags = client.get_container_instance(instance_id).data["freeformTags"]
    client.update_container_instance(instance_id, {"freeformTags": {**tags, "cost-centre": "42"}})
    clock.advance(60)  # until it is no longer UPDATING
    assert not provisioner.plan(SPEC).changes
    changed = with_web(evolve(WEB, display_name="frontend", freeform_tags={"team": "a"}))
    plan = provisioner.plan(changed)
    assert steps_of(plan)[INSTANCE] is Action.UPDATE
    assert {"displayName", "freeformTags"} <= fields_of(plan)
    assert provisioner.apply(plan).resources[INSTANCE] == instance_id
    shown = client.get_container_instance(instance_id).data
    assert shown["displayName"] == "frontend"
    assert shown["freeformTags"] == {**tags, **shown["freeformTags"], "cost-centre": "42", "team": "a"}
    assert not provisioner.plan(changed).changes


def test_default_tags_of_the_tenancy_are_no_difference(clock, connect):
    """The tenancy's default tags appear in no plan and are not lost by an apply."""
    with Emulator(clock=clock, assumptions=Assumptions(has_default_tags=True)) as emulator:
        one = connect(emulator)
        vcn = one.apply(SPEC).resources["vcn/main"]
        assert not one.plan(SPEC).changes
        one.apply(evolve(SPEC, defined_tags={}, freeform_tags={"team": "a"}))
        shown = one.session.client("core.VirtualNetworkClient", one.region).get_vcn(vcn).data
        assert shown["freeformTags"]["team"] == "a"
        assert set(shown["definedTags"]["Oracle-Tags"]) == {"CreatedBy", "CreatedOn"}


def test_an_alarm_s_threshold_changes_in_place(provisioner, sdk):
    """A new threshold updates the query of the alarm and no other resource."""
    before = provisioner.apply(SPEC)
    oncall = [TopicSpec("oncall")]
    alarms = [
        AlarmSpec.cpu_utilization(90, destinations=oncall),
        SPEC.alarms[1],
    ]
    plan = provisioner.plan(evolve(SPEC, alarms=alarms))
    assert steps_of(plan) == {"alarm/cpu-utilization": Action.UPDATE}
    assert "query" in fields_of(plan, "alarm/cpu-utilization")
    assert provisioner.apply(plan) == before
    alarm = sdk("monitoring.MonitoringClient").get_alarm(before.resources["alarm/cpu-utilization"]).data
    assert "> 90" in alarm["query"]


def test_an_alarm_field_that_no_list_shows_changes_in_place(provisioner, sdk):
    """The alarm's body, which only a GET shows, is updated when the spec changes it."""
    before = provisioner.apply(SPEC)
    alarms = [evolve(SPEC.alarms[0], body="look at the dashboard"), SPEC.alarms[1]]
    plan = provisioner.plan(evolve(SPEC, alarms=alarms))
    assert steps_of(plan) == {"alarm/cpu-utilization": Action.UPDATE}
    assert fields_of(plan, "alarm/cpu-utilization") == {"body"}
    provisioner.apply(plan)
    alarm = sdk("monitoring.MonitoringClient").get_alarm(before.resources["alarm/cpu-utilization"]).data
    assert alarm["body"] == "look at the dashboard"


def test_the_retention_of_a_log_changes_in_place(provisioner, sdk):
    """A new retention updates the same log."""
    before = provisioner.apply(SPEC)
    changed = evolve(SPEC, logging=LoggingSpec.deployment(retention_duration_in_days=90))
    plan = provisioner.plan(changed)
    assert steps_of(plan) == {"log/app": Action.UPDATE}
    assert provisioner.apply(plan) == before
    group, log = before.resources["log-group/main"], before.resources["log/app"]
    assert sdk("logging.LoggingManagementClient").get_log(group, log).data["retentionDuration"] == 90
    assert not provisioner.plan(changed).changes


def test_what_left_the_spec_is_deleted(provisioner, emulator):
    """An alarm, its topic and an instance that left the spec are deleted with its group, and nothing else."""
    both = SPEC.with_instance(InstanceSpec("jobs", image_url="docker.io/acme/jobs:1"))
    before = provisioner.apply(both).resources
    plan = provisioner.plan(evolve(both.without_instance("jobs"), alarms=SPEC.alarms[1:]))
    gone = {"alarm/cpu-utilization", "topic/oncall", "container-instance/jobs-0", "network-security-group/jobs"}
    assert {key for key, action in steps_of(plan).items() if action is Action.DELETE} == gone
    after = provisioner.apply(plan).resources
    assert set(before) - set(after) == gone
    assert {one for ids in emulator.live().values() for one in ids} == set(after.values())


def test_a_log_group_that_left_the_spec_stays_until_it_is_destroyed(provisioner, emulator):
    """A log group that left the spec is kept by an apply, as the plan says, and deleted by a destroy."""
    provisioner.apply(SPEC)
    plan = provisioner.plan(evolve(SPEC, logging=LoggingSpec.none()))
    assert fields_of(plan, "log-group/main") == {"kept"}
    assert "log-group/main" in provisioner.apply(plan).resources
    provisioner.destroy("web")
    assert emulator.live() == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [(NetworkSpec.private(), NetworkSpec.public()), (NetworkSpec.public(), NetworkSpec.private())],
    ids=["private to public", "public to private"],
)
def test_a_network_can_be_opened_and_closed(provisioner, emulator, first, second):
    """From private to public and back the apply converges, and the former gateways are deleted."""
    provisioner.apply(evolve(SPEC, network=first))
    deployment = provisioner.apply(evolve(SPEC, network=second))
    assert not provisioner.plan(evolve(SPEC, network=second)).changes
    assert {one for ids in emulator.live().values() for one in ids} == set(deployment.resources.values())
    gateways = {key for key in deployment.resources if "gateway" in key}
    public = {"internet-gateway/main"}
    assert gateways == (public if second.kind == "public" else {"nat-gateway/main", "service-gateway/main"})


def test_another_address_range_replaces_the_network_with_everything_in_it(provisioner, emulator):
    """Another address range replaces the VCN and the instance in it, and the plan shows the downtime."""
    provisioner.apply(SPEC)
    network = NetworkSpec.private(cidr_block="10.7.0.0/16", subnet_cidr_block="10.7.0.0/24")
    plan = provisioner.plan(evolve(SPEC, network=network))
    assert steps_of(plan)["vcn/main"] is Action.REPLACE
    assert steps_of(plan)[INSTANCE] is Action.REPLACE
    assert {step.has_downtime for step in plan.changes if str(step.key) == INSTANCE} == {True}
    deployment = provisioner.apply(plan)
    assert not provisioner.plan(evolve(SPEC, network=network)).changes
    assert {one for ids in emulator.live().values() for one in ids} == set(deployment.resources.values())


def test_an_additional_fallback_shape_changes_nothing(provisioner):
    """An additional shape in the placement gives no change, because it matters only for a create."""
    provisioner.apply(SPEC)
    wider = WEB.with_placement(PlacementSpec(availability_domains=[1, 2, 3]))
    assert not provisioner.plan(with_web(wider)).changes
