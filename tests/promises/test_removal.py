"""What a spec no longer asks for is taken away: afterwards everything is as if it had never been asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

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
from ocisidecar.emulator import Assumptions, Emulator, Fault
from ocisidecar.resources.kinds import KINDS
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
    "a container's free-form tags": (with_web(container_freeform_tags={"team": "blue"}), INSTANCE),
    "a container's defined tags": (with_web(container_defined_tags=OPS), INSTANCE),
    "a sidecar's tags": (
        with_web(sidecars=[evolve(WEB.sidecars[0], freeform_tags={"team": "blue"}, defined_tags=OPS)]),
        INSTANCE,
    ),
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
        evolve(EVERYTHING, repositories=[RepositorySpec("acme/web", is_public=True, is_immutable=True)]),
        "container-repository/acme/web",
    ),
    "a port": (with_web(ports=[80, 443]), "network-security-group/main"),
}


@pytest.fixture
def define_tags() -> Callable[[Provisioner], None]:
    """Define the tag Ops.Team in the tenancy of a provisioner."""

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
            found["containers"] = list(kind.containers(caller, reader.site, live.id))
    return {name: as_form(body) for name, body in found.items()}


def as_form(value: object) -> object:
    """Return a body without what differs from one resource to the next that is made alike."""
    if isinstance(value, dict):
        return {name: as_form(one) for name, one in value.items() if name not in CHANGING and one is not None}
    if isinstance(value, list):
        return sorted((as_form(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return re.sub(r"ocid1\.(\w+)\.[\w.-]+", r"<\1>", value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_no_longer_asked_for_is_taken_away(make_provisioner, define_tags, name):
    """The plan says what goes, the apply takes it away in place, and nothing tells that it was ever there."""
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
def test_what_is_asked_for_later_is_added(make_provisioner, define_tags, name):
    """The other way round: an optional field that comes with a change is what it would have been from the start."""
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
    """Only what the spec set before goes; what somebody put beside it stays, also on VNIC and containers."""
    more = with_web(
        freeform_tags={"team": "a"}, vnic_freeform_tags={"team": "a"}, container_freeform_tags={"team": "a"}
    )
    instance_id = provisioner.apply(more).resources[INSTANCE]
    instances, network = sdk("container_instances.ContainerInstanceClient"), sdk("core.VirtualNetworkClient")
    instance = instances.get_container_instance(instance_id).data
    vnic_id = instance["vnics"][0]["vnicId"]
    containers = [one["containerId"] for one in instance["containers"]]
    instances.update_container_instance(instance_id, {"freeformTags": {**instance["freeformTags"], "cost": "1"}})
    network.update_vnic(vnic_id, {"freeformTags": {"team": "a", "cost": "1"}})
    for container_id in containers:
        instances.update_container(container_id, {"freeformTags": {"team": "b", "cost": "1"}})
    plan = provisioner.plan(EVERYTHING)
    assert "team=a → –" in str(plan)
    assert "cost" not in str(plan)
    provisioner.apply(plan)
    left = instances.get_container_instance(instance_id).data["freeformTags"]
    assert {name for name in left if not name.startswith("ocisidecar-")} == {"cost"}
    assert network.get_vnic(vnic_id).data["freeformTags"] == {"cost": "1"}
    for container_id in containers:
        assert instances.get_container(container_id).data["freeformTags"] == {"cost": "1"}


def test_a_tag_may_take_the_place_of_another(provisioner):
    """OCI takes ten free-form tags; six new ones fit although six others are there."""
    provisioner.apply(evolve(EVERYTHING, freeform_tags={f"old-{number}": "1" for number in range(6)}))
    provisioner.apply(evolve(EVERYTHING, freeform_tags={f"new-{number}": "1" for number in range(6)}))
    for body in shown(provisioner).values():
        if isinstance(body, dict) and "ocisidecar-key" in body["freeformTags"]:
            assert sum(name.startswith("new-") for name in body["freeformTags"]) == 6


def test_the_tag_that_narrows_access_goes_with_it(make_provisioner, define_tags):
    """An instance that is no longer named by a defined tag does not keep it."""
    provisioner, fresh = make_provisioner(), make_provisioner()
    for one in (provisioner, fresh):
        define_tags(one)
    fresh.apply(EVERYTHING)
    provisioner.apply(evolve(EVERYTHING, access=AccessSpec.deployment(defined_tag="Ops.Deployment")))
    provisioner.apply(EVERYTHING)
    assert shown(provisioner) == shown(fresh)


def test_security_groups_of_an_existing_network_can_all_go(make_provisioner):
    """An empty list takes the VNIC out of all groups."""
    provisioner = make_provisioner()
    platform = provisioner.apply(DeploymentSpec("platform", [evolve(WEB, name="own")])).resources
    subnet, group = platform["subnet/main"], platform["network-security-group/main"]
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
def test_what_the_service_keeps_is_told_each_time(connect, clock, name):
    """Where null is no removal, the plan is not said to be done: each apply fails with what to do."""
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


def test_a_removal_that_was_cut_off_is_made_good(provisioner, emulator):
    """The tag that says it is done is written last."""
    provisioner.apply(with_alarm(body="Too hot.", repeat_notification_duration="PT2H"))
    emulator.inject(Fault.error("update_alarm", "InvalidParameter", nth=2))
    with pytest.raises(ApplyFailed):
        provisioner.apply(EVERYTHING)
    (step,) = provisioner.plan(EVERYTHING).changes
    assert step.changed_fields == {"body", "repeatNotificationDuration"}
    provisioner.apply(EVERYTHING)
    assert provisioner.plan(EVERYTHING).changes == ()


def test_what_is_taken_over_is_brought_to_the_spec(provisioner, sdk):
    """Also in the fields that no list shows, of which nothing is known of what somebody else made."""
    network = NetworkSpec.existing("ocid1.subnet.oc1..unused")
    spec = DeploymentSpec(
        "shop", network=network, alarms=[AlarmSpec("cpu", query="CpuUtilization[1m].mean() > 80")]
    )
    compartment = provisioner.compartment_id
    client = sdk("monitoring.MonitoringClient")
    alarm_id = client.create_alarm(
        {
            "compartmentId": compartment,
            "metricCompartmentId": compartment,
            "displayName": "mine",
            "namespace": "oci_computecontainerinstance",
            "query": "CpuUtilization[1m].mean() > 80",
            "severity": "INFO",
            "destinations": [],
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
    """Before anything is changed, with the number and what to do."""
    tags = {"Ops": {f"Key{number}": "x" for number in range(64)}}
    with pytest.raises(SpecError, match=r"vcn/main: has 64 tags.* Set fewer"):
        provisioner.apply(evolve(EVERYTHING, defined_tags=tags))
    assert writes() == []


MORE = evolve(
    with_web(
        freeform_tags={"team": "a"},
        vnic_freeform_tags={"team": "a"},
        container_freeform_tags={"team": "a"},
        hostname_label="front",
    ),
    alarms=[evolve(CPU, body="Too hot.")],
)


@pytest.mark.parametrize(
    ("commits_last", "then"),
    [(False, EVERYTHING), (True, EVERYTHING), (True, MORE)],
    ids=["before sending", "after commit", "after commit, and thought better of"],
)
def test_a_removal_cut_at_any_request_converges_when_run_again(commits_last, then):
    """Whenever the power was lost, everything is as if the spec of the next run had been the first and only one.

    That spec may be the one from before: what was changed already is not taken for unchanged.
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
    for whole in range(reads, total):
        with crash.emulator() as cloud:
            with crash.provisioner(cloud) as one:
                have_more(one)
            crash.run_with_fuse(cloud, remove, whole, commits_last=commits_last)
            with crash.provisioner(cloud) as one:
                one.apply(then)
                assert shown(one) == fresh, f"cut at request {whole} of {total}"
                assert one.plan(then).changes == ()
