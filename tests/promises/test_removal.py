"""Removing fields from a spec: afterwards everything is as if they had never been set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    Action,
    AlarmSpec,
    ApplyFailed,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    Provisioner,
    RepositorySpec,
    SidecarSpec,
    SpecError,
    Statement,
    TopicSpec,
)
from ocisidecar.emulator import Assumptions, Emulator, Fault, Latencies
from ocisidecar.resources.kinds import KINDS
from tests.power_loss import cuts, run_with_fuse
from tests.promises import test_crash_safety as crash
from tests.readers import reader_of

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
WEB = InstanceSpec(
    "web",
    image_url="fra.ocir.io/acme/web:1.4",
    ports=[80],
    statements=[Statement("use", "metrics", reason="posts metrics")],
    sidecars=[SidecarSpec("aide", image_url="docker.io/acme/aide:1")],
)
CPU = AlarmSpec("cpu", query="CpuUtilization[1m].mean() > 80", destinations=[TopicSpec("oncall")])
EVERYTHING = DeploymentSpec(
    "shop",
    [WEB],
    network=NetworkSpec.private(dns_label="shop"),
    logging=LoggingSpec.deployment(),
    alarms=[CPU],
    repositories=[RepositorySpec("acme/web")],
)
CHANGING = frozenset(
    {"timeCreated", "timeLastModified", "timeUpdated", "macAddress", "virtualRouterMac", "publicIp", "natIp"}
    | {"apiEndpoint", "etag", "shortTopicId"}
)
"""Fields that differ from one resource to the next that is made alike."""
OPS = {"Ops": {"Team": "blue"}}
INSTANCE, ALARM = "container-instance/web-0", "alarm/cpu"


def with_web(**changes: object) -> DeploymentSpec:
    return evolve(EVERYTHING, instances=[evolve(WEB, **changes)])


def with_alarm(**changes: object) -> DeploymentSpec:
    return evolve(EVERYTHING, alarms=[evolve(CPU, **changes)])


EXTRAS: Mapping[str, tuple[DeploymentSpec, str]] = {
    "free-form tags of everything": (evolve(EVERYTHING, freeform_tags={"team": "blue", "stage": "1"}), ""),
    "defined tags of everything": (evolve(EVERYTHING, defined_tags=OPS), ""),
    "an instance's free-form tags": (with_web(freeform_tags={"team": "blue"}), INSTANCE),
    "an instance's defined tags": (with_web(defined_tags=OPS), INSTANCE),
    "an instance's display name": (with_web(display_name="front"), INSTANCE),
    "a VNIC's free-form tags": (with_web(vnic_freeform_tags={"team": "blue"}), INSTANCE),
    "a VNIC's defined tags": (with_web(vnic_defined_tags=OPS), INSTANCE),
    "a VNIC's display name": (with_web(vnic_display_name="front"), INSTANCE),
    "a host name": (with_web(hostname_label="front"), INSTANCE),
    "the right to forward": (with_web(skip_source_dest_check=True), INSTANCE),
    "an alarm's text": (with_alarm(body="Too hot."), ALARM),
    "an alarm's resource group": (with_alarm(resource_group="front"), ALARM),
    "an alarm's repetition": (with_alarm(repeat_notification_duration="PT2H"), ALARM),
    "an alarm's other optional fields": (
        with_alarm(severity="INFO", pending_duration="PT1M", message_format="PRETTY_JSON", is_enabled=False),
        ALARM,
    ),
    "a topic's description": (with_alarm(destinations=[TopicSpec("oncall", description="day")]), "topic/oncall"),
    "a log's retention": (
        evolve(EVERYTHING, logging=LoggingSpec.deployment(retention_duration_in_days=60)),
        "log/app",
    ),
    "a repository's rights": (
        evolve(EVERYTHING, repositories=[RepositorySpec("acme/web", is_public=True)]),
        "container-repository/acme/web",
    ),
    "a port": (with_web(ports=[80, 443]), "network-security-group/web"),
}


@pytest.fixture
def latencies() -> Latencies:
    """Nothing takes time: the tests are about what is left, and there are many of them."""
    return Latencies()


@pytest.fixture
def define_tags() -> Callable[[Provisioner], None]:
    """Returns a function that defines the tag Ops.Team in the tenancy of a provisioner."""

    def define(provisioner: Provisioner) -> None:
        caller = reader_of(provisioner, "shop").caller
        client, tenancy = "identity.IdentityClient", provisioner.session.credentials.tenancy_id
        space = {"compartmentId": tenancy, "name": "Ops", "description": "operations"}
        space_id = str(caller.call(client, "create_tag_namespace", space).body["id"])
        for name in ("Team", "Deployment"):
            caller.call(client, "create_tag", space_id, {"name": name, "description": "who"})

    return define


def shown(provisioner: Provisioner) -> Mapping[str, object]:
    """Return all that can be read of the deployment, without OCIDs, addresses and times."""
    reader = reader_of(provisioner, "shop")
    caller, found = reader.caller, {}
    for named, (live,) in reader.snapshot().of("shop").items():
        kind = KINDS[named.kind]
        answer = kind.read(caller, reader.site, live.id, kind.parent_id(live.body))
        found[str(named)] = answer.body
        if named.kind == "network-security-group":
            rules = caller.pages(kind.client, "list_network_security_group_security_rules", live.id)
            found["rules"] = [{**rule, "id": ""} for rule in rules]
        if named.kind == "container-instance":
            found["vnics"] = [
                caller.call("core.VirtualNetworkClient", "get_vnic", vnic["vnicId"]).body
                for vnic in answer.body["vnics"]
            ]
            listed = caller.pages(
                kind.client, "list_containers", reader.site.identity.compartment_id, container_instance_id=live.id
            )
            found["containers"] = [caller.call(kind.client, "get_container", str(one["id"])).body for one in listed]
    return {name: as_form(body) for name, body in found.items()}


def as_form(value: object) -> object:
    """Return a body without the values that differ between resources that are created alike."""
    if isinstance(value, dict):
        return {name: as_form(one) for name, one in value.items() if name not in CHANGING and one is not None}
    if isinstance(value, list):
        return sorted((as_form(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return re.sub(r"ocid1\.(\w+)\.[\w.-]+", r"<\1>", value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", EXTRAS)
def test_a_removed_field_is_reset_in_place(make_provisioner, define_tags, name):
    """The plan shows a removed field, and after the apply nothing differs from a deployment without it."""
    provisioner, fresh = make_provisioner(), make_provisioner()
    more, changed = EXTRAS[name]
    for one in (provisioner, fresh):
        define_tags(one)
    fresh.apply(EVERYTHING)
    made = provisioner.apply(more)
    assert shown(provisioner) != shown(fresh)
    plan = provisioner.plan(EVERYTHING)
    assert {step.action for step in plan.changes} == {Action.UPDATE}
    assert {str(step.key) for step in plan.changes} == ({changed} if changed else set(made.resources))
    assert provisioner.apply(plan).resources == made.resources
    assert shown(provisioner) == shown(fresh)
    assert provisioner.plan(EVERYTHING).changes == ()


@pytest.mark.parametrize("name", EXTRAS)
def test_a_field_that_is_added_later_equals_one_set_at_first(make_provisioner, define_tags, name):
    """An optional field that is added by a change ends like one that was there from the start."""
    provisioner, fresh = make_provisioner(), make_provisioner()
    more, _ = EXTRAS[name]
    for one in (provisioner, fresh):
        define_tags(one)
    fresh.apply(more)
    made = provisioner.apply(EVERYTHING)
    assert provisioner.apply(more).resources == made.resources
    assert shown(provisioner) == shown(fresh)
    assert provisioner.plan(more).changes == ()


def test_tags_of_others_stay(provisioner, sdk):
    """Only tags that the spec set before are removed; those of others stay, also on the VNIC."""
    more = with_web(freeform_tags={"team": "a"}, vnic_freeform_tags={"team": "a"})
    instance_id = provisioner.apply(more).resources[INSTANCE]
    instances, network = sdk("container_instances.ContainerInstanceClient"), sdk("core.VirtualNetworkClient")
    instance = instances.get_container_instance(instance_id).data
    vnic_id = instance["vnics"][0]["vnicId"]
    instances.update_container_instance(instance_id, {"freeformTags": {**instance["freeformTags"], "cost": "1"}})
    network.update_vnic(vnic_id, {"freeformTags": {"team": "a", "cost": "1"}})
    plan = provisioner.plan(EVERYTHING)
    assert "team=a → –" in str(plan)
    assert "cost" not in str(plan)
    provisioner.apply(plan)
    left = instances.get_container_instance(instance_id).data["freeformTags"]
    assert {name for name in left if not name.startswith("ocisidecar-")} == {"cost"}
    assert network.get_vnic(vnic_id).data["freeformTags"] == {"cost": "1"}


def test_tags_can_be_replaced_at_the_limit(provisioner):
    """Six new free-form tags replace six others although OCI allows ten per resource."""
    provisioner.apply(evolve(EVERYTHING, freeform_tags={f"old-{number}": "1" for number in range(6)}))
    provisioner.apply(evolve(EVERYTHING, freeform_tags={f"new-{number}": "1" for number in range(6)}))
    for body in shown(provisioner).values():
        if isinstance(body, dict) and "ocisidecar-key" in body["freeformTags"]:
            assert sum(name.startswith("new-") for name in body["freeformTags"]) == 6


def test_the_defined_tag_of_the_access_is_removed_with_it(clock, connect, define_tags):
    """An instance loses the defined tag of the dynamic group when the spec drops it."""
    assumptions = Assumptions(dynamic_groups_match_tags=True)
    with ExitStack() as stack:
        emulators = [stack.enter_context(Emulator(clock=clock, seed=1, assumptions=assumptions)) for _ in range(2)]
        provisioner, fresh = map(connect, emulators)
        for one in (provisioner, fresh):
            define_tags(one)
        fresh.apply(EVERYTHING)
        provisioner.apply(evolve(EVERYTHING, access=AccessSpec.deployment(defined_tag="Ops.Deployment")))
        provisioner.apply(EVERYTHING)
        assert shown(provisioner) == shown(fresh)


def test_all_security_groups_can_be_removed(make_provisioner):
    """An empty list of security groups removes the VNIC from all of them."""
    provisioner = make_provisioner()
    platform = provisioner.apply(DeploymentSpec("platform", [evolve(WEB, name="own")])).resources
    subnet, group = platform["subnet/main"], platform["network-security-group/own"]
    with_group, without = (
        DeploymentSpec("shop", [WEB], network=NetworkSpec.existing(subnet, nsg_ids=ids)) for ids in ([group], [])
    )
    provisioner.apply(with_group)
    assert shown(provisioner)["vnics"][0]["nsgIds"] == ["<networksecuritygroup>"]
    provisioner.apply(without)
    assert shown(provisioner)["vnics"][0]["nsgIds"] == []
    assert provisioner.plan(without).changes == ()


KEPT = {
    "an alarm's text": "body",
    "an alarm's resource group": "resourceGroup",
    "an alarm's repetition": "repeatNotificationDuration",
    "a host name": "hostnameLabel",
}


@pytest.mark.parametrize("name", KEPT)
def test_a_field_that_cannot_be_removed_fails_every_apply(connect, clock, name):
    """While the service keeps a field that the spec dropped each apply fails with the remedy."""
    with Emulator(clock=clock, assumptions=Assumptions(null_removes_field=False)) as emulator:
        provisioner = connect(emulator)
        more, changed = EXTRAS[name]
        provisioner.apply(more)
        for _ in range(2):
            with pytest.raises(
                ApplyFailed, match=f"{changed}: the service keeps {KEPT[name]}.* or replace {changed}"
            ):
                provisioner.apply(EVERYTHING)
        assert provisioner.plan(EVERYTHING).changes
        provisioner.apply(more)
        assert not provisioner.plan(more).changes


def test_an_interrupted_removal_is_completed(provisioner, emulator):
    """The next apply completes a removal, because the tag that records it is written last."""
    provisioner.apply(with_alarm(body="Too hot.", repeat_notification_duration="PT2H"))
    emulator.inject(Fault.error("update_alarm", "InvalidParameter", nth=2))
    with pytest.raises(ApplyFailed):
        provisioner.apply(EVERYTHING)
    (step,) = provisioner.plan(EVERYTHING).changes
    assert step.changed_fields == {"body", "repeatNotificationDuration"}
    provisioner.apply(EVERYTHING)
    assert provisioner.plan(EVERYTHING).changes == ()


def test_an_adopted_resource_is_changed_to_match_the_spec(provisioner, sdk):
    """Adopting resets every field that the spec does not set, including those that no list shows."""
    network = NetworkSpec.existing("ocid1.subnet.oc1..unused")
    spec = DeploymentSpec(
        "shop",
        network=network,
        alarms=[AlarmSpec("cpu", query="CpuUtilization[1m].mean() > 80", destinations=[TopicSpec("oncall")])],
    )
    compartment = provisioner.compartment_id
    client = sdk("monitoring.MonitoringClient")
    topic = {"compartmentId": compartment, "name": "theirs"}
    alarm_id = client.create_alarm(
        {
            "compartmentId": compartment,
            "metricCompartmentId": compartment,
            "displayName": "mine",
            "namespace": "oci_computecontainerinstance",
            "query": "CpuUtilization[1m].mean() > 80",
            "severity": "INFO",
            "destinations": [sdk("ons.NotificationControlPlaneClient").create_topic(topic).data["topicId"]],
            "isEnabled": True,
            "body": "Mine.",
            "resourceGroup": "mine",
            "pendingDuration": "PT1M",
            "repeatNotificationDuration": "PT2H",
        }
    ).data["id"]
    provisioner.apply(provisioner.adopt(spec, {"alarm/cpu": alarm_id}))
    body = client.get_alarm(alarm_id).data
    assert (body["pendingDuration"], body["severity"]) == ("PT5M", "CRITICAL")
    assert [body.get(name) for name in ("body", "resourceGroup", "repeatNotificationDuration")] == [None] * 3
    assert provisioner.plan(spec).changes == ()


def test_more_tags_than_can_be_recorded_are_refused(provisioner, writes):
    """SpecError names the number of tags and the remedy before anything is changed."""
    tags = {"Ops": {f"Key{number}": "x" for number in range(64)}}
    with pytest.raises(SpecError, match=r"vcn/main: has 64 tags.* Set fewer"):
        provisioner.apply(evolve(EVERYTHING, defined_tags=tags))
    assert writes() == []


MORE = evolve(
    with_web(
        freeform_tags={"team": "a"},
        vnic_freeform_tags={"team": "a"},
        hostname_label="front",
    ),
    alarms=[evolve(CPU, body="Too hot.")],
)


@pytest.mark.parametrize(
    ("commits_last", "then"),
    [(False, EVERYTHING), (True, EVERYTHING), (True, MORE)],
    ids=["before sending", "after commit", "after commit, and back to the former spec"],
)
def test_a_removal_cut_at_any_request_converges_when_run_again(commits_last, then):
    """After a power loss at any request the next apply leaves what its spec alone would have led to.

    That spec may be the former one: what was changed already is not taken for unchanged.
    """

    def remove(one: Provisioner) -> object:
        return one.apply(EVERYTHING)

    def have_more(one: Provisioner) -> object:
        return one.apply(MORE)

    with crash.emulator() as cloud, crash.provisioner(cloud) as one:
        one.apply(then)
        fresh = shown(one)
    total = crash.requests_of(have_more, remove)
    reads = crash.requests_of(have_more, lambda one: one.plan(EVERYTHING))
    for whole in cuts(reads, total, at_most=6):
        with crash.emulator() as cloud:
            with crash.provisioner(cloud) as one:
                have_more(one)
            run_with_fuse(cloud, remove, whole, commits_last=commits_last)
            with crash.provisioner(cloud) as one:
                one.apply(then)
                assert shown(one) == fresh, f"cut at request {whole} of {total}"
                assert one.plan(then).changes == ()
