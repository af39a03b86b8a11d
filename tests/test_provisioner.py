"""The main calls: plan, apply, apply again and destroy, and what each of them promises."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    AlarmSpec,
    ApplyFailed,
    ConfigError,
    DeploymentNotFound,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    PlanError,
    Provisioner,
    RepositorySpec,
    SidecarSpec,
    SpecError,
    StalePlan,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Fault

MONITORED = (
    InstanceSpec(
        "web",
        image_url="fra.ocir.io/acme/web:1.4",
        shape="CI.Standard.E4.Flex",
        ocpus=1,
        memory_in_gbs=4,
        ports=[80],
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.log_forwarder())
)
EVERYTHING = DeploymentSpec(
    "web",
    [MONITORED],
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
    repositories=[RepositorySpec("acme/web")],
)


def kept(plan):
    """Return key → reason of what a destroy keeps."""
    return {str(step.key): step.reason for step in plan.steps if step.action is Action.NOOP}


def write_a_line(sdk, clock, log_id):
    now = datetime.fromtimestamp(clock.time(), UTC).isoformat().replace("+00:00", "Z")
    entry = {"data": "hello", "id": "1", "time": now}
    batch = {"entries": [entry], "source": "web-0", "type": "app", "defaultlogentrytime": now}
    sdk("loggingingestion.LoggingClient").put_logs(log_id, {"specversion": "1.0", "logEntryBatches": [batch]})


def test_the_quickstart_deploys_verifies_and_leaves_nothing(clock):
    """The quickstart of the documentation works as it stands."""
    web = MONITORED
    with Provisioner.local(clock=clock) as provisioner:
        plan = provisioner.plan(web)
        deployment = provisioner.apply(plan)
        deployment.verify().raise_for_failures()
        provisioner.destroy("web")
        assert provisioner.emulator.live() == {}


def test_a_plan_changes_nothing(provisioner, writes):
    """Making a plan sends reads and no write."""
    provisioner.plan(EVERYTHING)
    assert writes() == []


def test_applying_again_writes_nothing(provisioner, writes):
    """A second apply of the same spec sends only reads and returns the same resources."""
    first = provisioner.apply(EVERYTHING)
    writes()
    assert provisioner.apply(EVERYTHING) == first
    assert writes() == []
    assert not provisioner.plan(EVERYTHING).changes


def test_the_result_holds_exactly_what_is_live(provisioner, emulator):
    """The result holds exactly the live resources of the tenancy under their keys."""
    deployment = provisioner.apply(EVERYTHING)
    live = {resource for ids in emulator.live().values() for resource in ids}
    assert set(deployment.resources.values()) == live
    assert provisioner.get("web") == deployment
    assert provisioner.list() == (deployment,)


def test_an_unknown_deployment_is_an_error(provisioner, web):
    """get() of an unknown name raises DeploymentNotFound with the existing names."""
    provisioner.apply(web)
    with pytest.raises(DeploymentNotFound, match=r"'wbe' in this.*existing deployments: web") as caught:
        provisioner.get("wbe")
    assert caught.value.known == ("web",)


def test_an_emulator_belongs_to_local_provisioners_only(emulator, connect):
    """`emulator` of a provisioner of a tenancy raises ConfigError."""
    with pytest.raises(ConfigError, match="local"):
        connect(emulator).emulator  # noqa: B018


def test_a_stale_plan_is_not_applied(provisioner, web, writes):
    """A plan made before another apply raises StalePlan, names what changed and writes nothing."""
    plan = provisioner.plan(web)
    provisioner.apply(web)
    writes()
    with pytest.raises(StalePlan, match=r"container-instance/web-0.*plan again\. Nothing was changed"):
        provisioner.apply(plan)
    assert writes() == []


def test_a_stale_plan_to_destroy_is_not_carried_out(provisioner, web, writes):
    """A plan to destroy that was made before a change raises StalePlan and deletes nothing."""
    provisioner.apply(web)
    plan = provisioner.plan_destroy("web")
    provisioner.apply(web.with_image("docker.io/acme/web:1.5"))
    writes()
    with pytest.raises(StalePlan):
        provisioner.destroy(plan)
    assert writes() == []


def test_only_the_expected_plan_is_applied(provisioner, web, writes):
    """`expect` accepts a plan with this digest and refuses any other before a write."""
    digest = provisioner.plan(web).digest
    with pytest.raises(StalePlan, match=digest):
        provisioner.apply(web.with_image("docker.io/acme/web:1.5"), expect=digest)
    assert writes() == []
    provisioner.apply(web, expect=digest)


def test_a_plan_for_another_compartment_is_refused(provisioner, emulator, connect, web, writes):
    """A plan for another compartment raises StalePlan that names that compartment."""
    elsewhere = connect(emulator, compartment_id=emulator.tenancy_id)
    plan = elsewhere.plan(web)
    writes()
    with pytest.raises(StalePlan, match=f"for compartment {emulator.tenancy_id}"):
        provisioner.apply(plan)
    assert writes() == []


def test_a_plan_is_carried_out_by_the_verb_it_was_made_for(provisioner, web, writes):
    """A plan to destroy given to apply(), or the reverse, raises PlanError and writes nothing."""
    with pytest.raises(PlanError, match=r"a plan to create or update web: pass it to apply\(\)"):
        provisioner.destroy(provisioner.plan(web))
    provisioner.apply(web)
    writes()
    with pytest.raises(PlanError, match=r"a plan to destroy web: pass it to destroy\(\)"):
        provisioner.apply(provisioner.plan_destroy("web"))
    assert writes() == []


def test_destroy_with_purge_leaves_nothing(provisioner, emulator, sdk, clock):
    """A destroy with purge deletes data too: a log group with lines and a repository with images."""
    deployment = provisioner.apply(EVERYTHING)
    write_a_line(sdk, clock, deployment.resources["log/app"])
    emulator.push_image(deployment.resources["container-repository/acme/web"], "1.4")
    result = provisioner.destroy("web", purge=True)
    assert result.resources == {}
    assert emulator.live() == {}


def test_destroy_keeps_what_holds_data_and_says_so(provisioner, emulator, sdk, clock):
    """Without purge a log group with lines and a repository with images stay, and plan and result show it."""
    deployment = provisioner.apply(EVERYTHING)
    write_a_line(sdk, clock, deployment.resources["log/app"])
    emulator.push_image(deployment.resources["container-repository/acme/web"], "1.4")
    plan = provisioner.plan_destroy("web")
    assert kept(plan) == {
        "container-repository/acme/web": "kept holds 1 images",
        "log-group/main": "kept holds log lines",
        "log/app": "kept holds log lines",
    }
    result = provisioner.destroy(plan)
    assert sorted(result.resources) == sorted(kept(plan))
    assert sorted(emulator.live()) == ["container-repository", "log", "log-group"]
    assert provisioner.get("web") == result


def test_destroy_removes_an_empty_log_group(provisioner, emulator):
    """Without purge an empty log group and a repository without images are deleted."""
    provisioner.apply(EVERYTHING)
    provisioner.destroy("web")
    assert emulator.live() == {}


def test_what_was_kept_is_used_again(provisioner, sdk, clock):
    """An apply after a destroy that kept the logs uses the same log."""
    before = provisioner.apply(MONITORED)
    write_a_line(sdk, clock, before.resources["log/app"])
    provisioner.destroy("web")
    after = provisioner.apply(MONITORED)
    assert after.resources["log/app"] == before.resources["log/app"]


def test_a_retained_key_keeps_what_it_needs(provisioner, emulator, web):
    """Retaining a key keeps what it needs as well, and the plan gives a different reason for each."""
    provisioner.apply(web)
    plan = provisioner.plan_destroy("web", retain=["subnet/main"])
    reasons = kept(plan)
    assert reasons["subnet/main"] == "kept as requested"
    assert reasons["vcn/main"] == "kept because subnet/main needs it"
    result = provisioner.destroy(plan)
    assert sorted(result.resources) == sorted(reasons)
    assert "container-instance" not in emulator.live()
    assert "network-security-group" not in emulator.live()


def test_a_retained_kind_keeps_all_of_it(provisioner, emulator):
    """Retaining a kind keeps every resource of it."""
    provisioner.apply(EVERYTHING)
    result = provisioner.destroy("web", retain=["topic", "alarm"])
    assert sorted(result.resources) == ["alarm/cpu-utilization", "topic/oncall"]
    assert sorted(emulator.live()) == ["alarm", "topic"]


def test_retaining_an_unknown_key_is_refused(provisioner, web, writes):
    """A mistyped key raises PlanError with the nearest one before anything is deleted."""
    provisioner.apply(web)
    writes()
    with pytest.raises(PlanError, match="did you mean subnet/main"):
        provisioner.destroy("web", retain=["subnets/main"])
    assert writes() == []


def test_destroying_what_does_not_exist_is_no_error(provisioner, web, writes):
    """Destroying a missing deployment, or one a second time, returns an empty one and writes nothing."""
    assert provisioner.destroy("nothing").resources == {}
    provisioner.apply(web)
    provisioner.destroy("web")
    writes()
    assert provisioner.destroy("web").resources == {}
    assert writes() == []


def test_a_deployment_can_be_created_again(provisioner, emulator, web):
    """A deployment that is created again has new resources, and each create succeeds at the first attempt."""
    ids = set()
    for _ in range(4):
        deployment = provisioner.apply(web)
        assert not ids & set(deployment.resources.values())
        ids |= set(deployment.resources.values())
        provisioner.destroy("web")
    operations = [request.operation for request in emulator.requests]
    assert operations.count("create_subnet") == operations.count("create_container_instance") == 4


def test_destroy_takes_a_spec_a_deployment_or_a_name(provisioner, emulator, web):
    """A spec, a deployment and a name all name the deployment to destroy."""
    for target in (lambda _: "web", lambda _: web, lambda deployment: deployment):
        provisioner.destroy(target(provisioner.apply(web)))
        assert emulator.live() == {}


def test_a_log_in_a_foreign_group_is_deleted_without_it(provisioner, emulator, sdk):
    """Destroying by name deletes the log that was created in an existing group and leaves the group."""
    client = sdk("logging.LoggingManagementClient")
    client.create_log_group({"compartmentId": emulator.compartment_id, "displayName": "theirs"})
    group = client.list_log_groups(emulator.compartment_id).data[0]["id"]
    provisioner.apply(DeploymentSpec("web", logging=LoggingSpec.existing(log_group_id=group)))
    assert len(emulator.live()["log"]) == 1
    provisioner.destroy("web")
    assert emulator.live() == {"log-group": [group]}


def test_destroy_leaves_alone_what_only_looks_like_ours(provisioner, emulator, sdk, web):
    """A foreign resource with a copied deployment tag but without a valid key survives a destroy."""
    deployment = provisioner.apply(web)
    client = sdk("core.VirtualNetworkClient")
    tags = client.get_vcn(deployment.resources["vcn/main"]).data["freeformTags"]
    foreign = {
        "compartmentId": emulator.compartment_id,
        "cidrBlocks": ["10.9.0.0/16"],
        "freeformTags": {**tags, "ocisidecar-key": "subnet/main"},
    }
    vcn = client.create_vcn(foreign).data["id"]
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {"vcn": [vcn]}


def test_a_sequence_is_several_deployments_in_its_order(provisioner):
    """Plans and deployments of a sequence are tuples in the given order."""
    specs = [InstanceSpec(name, image_url="docker.io/acme/web:1.4") for name in ("c", "a", "b")]
    assert [plan.name for plan in provisioner.plan(specs)] == ["c", "a", "b"]
    deployments = provisioner.apply(specs)
    assert [one.name for one in deployments] == ["c", "a", "b"]
    assert [one.name for one in provisioner.list()] == ["a", "b", "c"]
    assert provisioner.apply([]) == ()


def test_one_failure_of_a_sequence_does_not_stop_the_others(provisioner, emulator):
    """ApplyFailed holds all deployments of the sequence, and only the failed one is incomplete."""
    specs = [InstanceSpec(name, image_url="docker.io/acme/web:1.4") for name in ("a", "b", "c")]
    fault = Fault.failed(message="image not found", only={"displayName": "b-0"})
    emulator.inject(fault)
    with pytest.raises(ApplyFailed, match="image not found") as caught:
        provisioner.apply(specs)
    error = caught.value
    assert error.deployment.name == "b"
    assert list(error.causes) == ["container-instance/b-0"]
    assert [one.name for one in error.deployments] == ["a", "b", "c"]
    for done in (error.deployments[0], error.deployments[2]):
        assert done.instances[0].is_active
    provisioner.apply(specs)
    assert not any(plan.changes for plan in provisioner.plan(specs))


def test_a_duplicate_name_in_a_sequence_is_a_spec_error(provisioner, web, emulator):
    """Two deployments of one name in a sequence are refused before any request."""
    with pytest.raises(SpecError, match="more than one deployment"):
        provisioner.apply([web, web])
    assert emulator.requests == ()
    with pytest.raises(SpecError, match="more than one deployment"):
        provisioner.apply([provisioner.plan(web), web])
    assert emulator.live() == {}


def test_the_errors_of_a_whole_sequence_come_at_once(provisioner, emulator, web):
    """SpecError lists the errors of all specs, each path beginning with the name of its deployment."""
    specs = [DeploymentSpec(name, [evolve(web, ocpus=0)]) for name in ("a", "b")]
    with pytest.raises(SpecError) as caught:
        provisioner.apply([web, *specs])
    paths = {fault.path for fault in caught.value.problems}
    assert {'a: instances["web"].ocpus', 'b: instances["web"].ocpus'} <= paths
    assert emulator.requests == ()


def test_adopted_resources_become_part_of_the_deployment(provisioner, emulator, sdk):
    """An adopted log group keeps its OCID and foreign tags and is deleted with the deployment."""
    client = sdk("logging.LoggingManagementClient")
    details = {
        "compartmentId": emulator.compartment_id,
        "displayName": "theirs",
        "freeformTags": {"team": "a"},
    }
    client.create_log_group(details)
    group = client.list_log_groups(emulator.compartment_id).data[0]["id"]
    spec = DeploymentSpec("web", logging=LoggingSpec.deployment())
    plan = provisioner.adopt(spec, {"log-group/main": group})
    assert plan.counts["adopt"] == 1
    deployment = provisioner.apply(plan)
    assert deployment.resources["log-group/main"] == group
    assert client.get_log_group(group).data["freeformTags"]["team"] == "a"
    assert not provisioner.plan(spec).changes
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}


def test_adopting_under_a_wrong_key_is_refused(provisioner, web, writes):
    """A text that is not a key, or a key that is not in the spec, is named in the error."""
    with pytest.raises(SpecError, match="must be a key such as"):
        provisioner.adopt(web, {"nonsense": "ocid1.vcn.oc1..a"})
    vcn = provisioner.apply(DeploymentSpec("other")).resources["vcn/main"]
    writes()
    with pytest.raises(PlanError, match="did you mean vcn/main"):
        provisioner.adopt(web, {"vcn/man": vcn})
    assert writes() == []


def test_what_would_have_to_be_replaced_cannot_be_adopted(provisioner, emulator, sdk, web):
    """A VCN with another address range is refused with the field that differs."""
    details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.9.0.0/16"]}
    vcn = sdk("core.VirtualNetworkClient").create_vcn(details).data["id"]
    with pytest.raises(PlanError, match="differs in cidrBlocks"):
        provisioner.adopt(web, {"vcn/main": vcn})


def test_reading_calls_report_what_they_found(provisioner, web):
    """Get and list report each deployment, and plan_destroy and adopt their plan, once each."""
    provisioner.apply(web)
    heard = []
    provisioner.get("web", on_event=heard.append)
    provisioner.list(on_event=heard.append)
    provisioner.plan_destroy("web", on_event=heard.append)
    provisioner.destroy("web", purge=True, on_event=heard.append)
    counts = Counter(type(event).__name__ for event in heard)
    assert counts["DeploymentFound"] == 2
    assert counts["PlanReady"] == 2
