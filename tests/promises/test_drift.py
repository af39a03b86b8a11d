"""Drift: what was changed by hand is shown by the next plan and repaired by the next apply."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import Action, AlarmSpec, DeploymentSpec, InstanceSpec, LoggingSpec, NetworkSpec, TopicSpec

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80])],
    logging=LoggingSpec.deployment(),
    alarms=[
        AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])])
    ],
)
NSG = "network-security-group/web"


@pytest.fixture
def deployment(provisioner):
    return provisioner.apply(SPEC)


@pytest.fixture
def resources(deployment):
    return deployment.resources


@pytest.fixture
def network(sdk):
    return sdk("core.VirtualNetworkClient")


def assert_repaired(provisioner, deployment, key, action, field):
    """Assert that a plan shows exactly this difference and that an apply removes it."""
    plan = provisioner.plan(SPEC)
    assert {str(step.key): step.action for step in plan.changes} == {key: action}
    assert field in {change.field for step in plan.changes for change in step.changes}
    mended = provisioner.apply(plan)
    assert not provisioner.plan(SPEC).changes
    assert sorted(mended.resources) == sorted(deployment.resources)


def ssh_from_everywhere():
    return {
        "direction": "INGRESS",
        "protocol": "6",
        "source": "0.0.0.0/0",
        "sourceType": "CIDR_BLOCK",
        "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}},
    }


def rules_of(network, resources):
    return network.list_network_security_group_security_rules(resources[NSG]).data


def test_a_rule_that_was_added_by_hand_is_removed(provisioner, deployment, resources, network):
    """A rule for SSH that was added by hand is shown with its port and removed."""
    rules = {"securityRules": [ssh_from_everywhere()]}
    network.add_network_security_group_security_rules(resources[NSG], rules)
    assert "22" in str(provisioner.plan(SPEC))
    assert_repaired(provisioner, deployment, NSG, Action.UPDATE, "securityRules")
    assert len(rules_of(network, resources)) == 2


def test_a_rule_that_was_removed_by_hand_is_restored(provisioner, deployment, resources, network):
    """A security rule that was removed by hand is added again."""
    ingress = next(rule["id"] for rule in rules_of(network, resources) if rule["direction"] == "INGRESS")
    network.remove_network_security_group_security_rules(resources[NSG], {"securityRuleIds": [ingress]})
    assert_repaired(provisioner, deployment, NSG, Action.UPDATE, "securityRules")


def test_a_duplicate_rule_is_removed(provisioner, deployment, resources, network):
    """A second, equal security rule is a difference and is removed."""
    rule = next(rule for rule in rules_of(network, resources) if rule["direction"] == "INGRESS")
    fields = ("direction", "protocol", "source", "sourceType", "tcpOptions", "isStateless", "description")
    copy = {name: rule[name] for name in fields}
    network.add_network_security_group_security_rules(resources[NSG], {"securityRules": [copy]})
    assert len(rules_of(network, resources)) == 3
    assert_repaired(provisioner, deployment, NSG, Action.UPDATE, "securityRules")
    assert len(rules_of(network, resources)) == 2


def default_list(network, resources):
    return network.get_vcn(resources["vcn/main"]).data["defaultSecurityListId"]


def test_the_default_security_list_stays_empty(provisioner, deployment, resources, network):
    """A rule in the VCN's default security list, which other subnets may take, is shown in words and removed."""
    list_id = default_list(network, resources)
    shown = network.get_security_list(list_id).data
    assert (shown["ingressSecurityRules"], shown["egressSecurityRules"]) == ([], [])
    rule = {name: value for name, value in ssh_from_everywhere().items() if name != "direction"}
    network.update_security_list(list_id, {"ingressSecurityRules": [rule]})
    assert "tcp 22 from 0.0.0.0/0 (the internet) → –" in str(provisioner.plan(SPEC))
    assert_repaired(provisioner, deployment, "vcn/main", Action.UPDATE, "defaultSecurityRules")
    assert network.get_security_list(list_id).data["ingressSecurityRules"] == []


def test_default_lists_of_existing_networks_are_left_alone(provisioner, emulator, network, clock):
    """The default security list of a VCN that others made keeps its rules."""
    place = {"compartmentId": emulator.compartment_id}
    vcn = network.create_vcn({**place, "cidrBlock": "10.1.0.0/16"}).data
    clock.advance(60)
    subnet = network.create_subnet({**place, "vcnId": vcn["id"], "cidrBlock": "10.1.0.0/24"}).data["id"]
    clock.advance(60)
    before = network.get_security_list(vcn["defaultSecurityListId"]).data
    provisioner.apply(evolve(SPEC, network=NetworkSpec.existing(subnet)))
    assert network.get_security_list(vcn["defaultSecurityListId"]).data == before


def test_an_instance_that_was_deleted_by_hand_is_created_again(provisioner, deployment, resources, sdk):
    """A deleted instance is created again with another OCID, although its retry token has been used."""
    client = sdk("container_instances.ContainerInstanceClient")
    client.delete_container_instance(resources["container-instance/web-0"])
    assert_repaired(provisioner, deployment, "container-instance/web-0", Action.CREATE, "container-instance")


@pytest.mark.parametrize(
    ("key", "delete"),
    [
        ("alarm/cpu-utilization", lambda sdk, ids: sdk("monitoring.MonitoringClient").delete_alarm(ids[0])),
        ("policy/main", lambda sdk, ids: sdk("identity.IdentityClient").delete_policy(ids[0])),
        ("log/app", lambda sdk, ids: sdk("logging.LoggingManagementClient").delete_log(ids[1], ids[0])),
        ("topic/oncall", lambda sdk, ids: sdk("ons.NotificationControlPlaneClient").delete_topic(ids[0])),
    ],
    ids=["alarm", "policy", "log", "topic"],
)
def test_what_was_deleted_by_hand_is_created_again(provisioner, deployment, resources, sdk, key, delete):
    """A deleted resource is created again, and what refers to its OCID is updated."""
    delete(sdk, (resources[key], resources["log-group/main"]))
    plan = provisioner.plan(SPEC)
    assert {str(step.key): step.action for step in plan.changes}[key] is Action.CREATE
    mended = provisioner.apply(plan)
    assert mended.resources[key] != resources[key]
    assert sorted(mended.resources) == sorted(deployment.resources)
    assert not provisioner.plan(SPEC).changes


def test_the_policy_names_a_recreated_dynamic_group(provisioner, resources, sdk):
    """A dynamic group that is created again gets a new OCID, and the policy's statements are updated to it."""
    identity = sdk("identity.IdentityClient")
    identity.delete_dynamic_group(resources["dynamic-group/main"])
    plan = provisioner.plan(SPEC)
    assert {str(step.key): step.action for step in plan.changes} == {
        "dynamic-group/main": Action.CREATE,
        "policy/main": Action.UPDATE,
    }
    group = provisioner.apply(plan).resources["dynamic-group/main"]
    statements = identity.get_policy(resources["policy/main"]).data["statements"]
    assert all(group in statement for statement in statements)
    assert not provisioner.plan(SPEC).changes


def test_a_statement_that_was_changed_by_hand_is_changed_back(provisioner, deployment, resources, sdk):
    """A policy statement that was widened by hand is restored."""
    identity = sdk("identity.IdentityClient")
    statements = identity.get_policy(resources["policy/main"]).data["statements"]
    wider = ["Allow any-user to manage all-resources in tenancy"]
    identity.update_policy(resources["policy/main"], {"statements": wider, "versionDate": ""})
    assert_repaired(provisioner, deployment, "policy/main", Action.UPDATE, "statements")
    assert identity.get_policy(resources["policy/main"]).data["statements"] == statements


def test_a_route_that_was_changed_by_hand_is_changed_back(provisioner, deployment, resources, network):
    """A route table whose rules were removed by hand gets them back."""
    network.update_route_table(resources["route-table/main"], {"routeRules": []})
    assert_repaired(provisioner, deployment, "route-table/main", Action.UPDATE, "routeRules")


def test_an_alarm_that_was_switched_off_is_switched_on(provisioner, deployment, resources, sdk):
    """An alarm that was disabled by hand is enabled again."""
    client = sdk("monitoring.MonitoringClient")
    client.update_alarm(resources["alarm/cpu-utilization"], {"isEnabled": False})
    assert_repaired(provisioner, deployment, "alarm/cpu-utilization", Action.UPDATE, "isEnabled")


def test_a_name_that_was_changed_by_hand_is_changed_back(provisioner, deployment, resources, network):
    """A VCN that was renamed by hand is still recognized as ours and gets its name back."""
    network.update_vcn(resources["vcn/main"], {"displayName": "prod"})
    assert_repaired(provisioner, deployment, "vcn/main", Action.UPDATE, "displayName")


def test_tags_of_others_are_no_difference(provisioner, deployment, resources, network, writes):
    """A tag that others added stays, and no plan shows it."""
    tags = network.get_subnet(resources["subnet/main"]).data["freeformTags"]
    network.update_subnet(resources["subnet/main"], {"freeformTags": {**tags, "owner": "ops"}})
    writes()
    assert provisioner.apply(SPEC) == deployment
    assert writes() == []


def test_a_removed_parts_tag_is_restored(provisioner, deployment, resources, network):
    """Our `parts` tag is restored when it was removed while the other tags still identify the resource."""
    tags = dict(network.get_subnet(resources["subnet/main"]).data["freeformTags"])
    del tags["ocisidecar-parts"]
    network.update_subnet(resources["subnet/main"], {"freeformTags": tags})
    assert_repaired(provisioner, deployment, "subnet/main", Action.UPDATE, "freeformTags")


def test_drift_and_a_change_of_the_spec_are_one_plan(provisioner, resources, network):
    """One plan holds both a change of the spec and the drift."""
    network.update_vcn(resources["vcn/main"], {"displayName": "prod"})
    changed = evolve(SPEC, alarms=[AlarmSpec.cpu_utilization(95, destinations=SPEC.alarms[0].destinations)])
    plan = provisioner.plan(changed)
    assert {str(step.key) for step in plan.changes} == {"vcn/main", "alarm/cpu-utilization"}
    provisioner.apply(plan)
    assert not provisioner.plan(changed).changes


SETTLED_SECONDS = 3600
"""After that new groups are available, and VNICs of instances whose image was refused at first are gone."""


def vnic_of(sdk, deployment):
    """Return the VNIC of the deployment's only instance."""
    instances = sdk("container_instances.ContainerInstanceClient")
    instance = instances.get_container_instance(deployment.resources["container-instance/web-0"]).data
    return instance["vnics"][0]["vnicId"]


def other_group(network, resources):
    """Return a security group of somebody else in the deployment's VCN."""
    found = network.get_network_security_group(resources[NSG]).data
    details = {"compartmentId": found["compartmentId"], "vcnId": found["vcnId"]}
    return network.create_network_security_group(details).data["id"]


@pytest.mark.parametrize("change", ["taken out", "moved", "added"])
def test_groups_of_a_vnic_that_were_changed_by_hand_are_restored(
    provisioner, deployment, resources, network, sdk, clock, change
):
    """A VNIC that was taken out of its group, or put into another one, is shown and put back in place."""
    vnic, other = vnic_of(sdk, deployment), other_group(network, resources)
    given = {"taken out": [], "moved": [other], "added": [resources[NSG], other]}[change]
    clock.sleep(SETTLED_SECONDS)
    network.update_vnic(vnic, {"nsgIds": given})
    shown = str(provisioner.plan(SPEC))
    assert (other in shown) is (change != "taken out")
    assert_repaired(provisioner, deployment, "container-instance/web-0", Action.UPDATE, "vnics")
    assert network.get_vnic(vnic).data["nsgIds"] == [resources[NSG]]


def test_a_group_that_was_deleted_by_hand_is_made_again(provisioner, deployment, resources, network, sdk, clock):
    """A group that was emptied and deleted is made again, and the instance is put into it."""
    vnic = vnic_of(sdk, deployment)
    clock.sleep(SETTLED_SECONDS)
    network.update_vnic(vnic, {"nsgIds": []})
    network.delete_network_security_group(resources[NSG])
    plan = provisioner.plan(SPEC)
    actions = {str(step.key): step.action for step in plan.changes}
    assert actions == {NSG: Action.CREATE, "container-instance/web-0": Action.UPDATE}
    mended = provisioner.apply(plan)
    assert network.get_vnic(vnic).data["nsgIds"] == [mended.resources[NSG]]
    assert not provisioner.plan(SPEC).changes


def test_groups_in_an_existing_subnet_are_restored(provisioner, resources, network, sdk, clock):
    """In an existing subnet a VNIC that was taken out of a group that the spec names is put back."""
    subnet = network.get_subnet(resources["subnet/main"]).data
    group = other_group(network, resources)
    clock.sleep(SETTLED_SECONDS)
    guest = DeploymentSpec(
        "guest",
        [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")],
        network=NetworkSpec.existing(subnet["id"], nsg_ids=[group]),
    )
    vnic = vnic_of(sdk, provisioner.apply(guest))
    assert not provisioner.plan(guest).changes
    network.update_vnic(vnic, {"nsgIds": []})
    assert [str(step.key) for step in provisioner.plan(guest).changes] == ["container-instance/web-0"]
    provisioner.apply(guest)
    assert network.get_vnic(vnic).data["nsgIds"] == [group]


@pytest.mark.usefixtures("deployment")
def test_a_plan_without_changes_reads_no_vnic(provisioner, emulator):
    """The groups of all replicas take one list for each group, and no read for each instance."""
    before = len(emulator.requests)
    assert not provisioner.plan(SPEC).changes
    asked = [one.operation for one in emulator.requests[before:]]
    assert asked.count("list_network_security_group_vnics") == 1
    assert not {"get_vnic", "get_container_instance"} & {*asked}
