"""Container instances: placement, changes in place, health and failures."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    Cancel,
    Cancelled,
    DeploymentSpec,
    HealthCheck,
    ImagePullSecret,
    InstanceSpec,
    NetworkSpec,
    PlacementSpec,
    RepositorySpec,
    RolloutSpec,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.emulator import Fault, Latencies
from ocisidecar.emulator.simulated_pods import ContainerScript
from ocisidecar.errors import ApplyFailed, PlanError
from ocisidecar.resources.container_health import health, is_running
from ocisidecar.resources.container_instance import emulation, placement_order
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import HealthCriteria
from ocisidecar.state.observed import Phase
from tests.plan_values import key
from tests.readers import reader_of

KIND = KINDS["container-instance"]
DOMAINS = ("Uocm:FRA-AD-1", "Uocm:FRA-AD-2", "Uocm:FRA-AD-3")
E4, E5 = "CI.Standard.E4.Flex", "CI.Standard.E5.Flex"
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
KEY = "container-instance/web-0"


def places(placement, *, replica=0):
    """Return the placements in order, as domain number, fault domain and shape."""
    placements = placement_order(placement, E4, replica, DOMAINS)
    return [
        (placement.availability_domain[-1], placement.fault_domain, placement.shape) for placement in placements
    ]


class TestPlacementOrder:
    """The order of an instance's placements."""

    def test_all_domains_by_default(self):
        """By default every availability domain is tried in the service's order, in any fault domain."""
        assert places(PlacementSpec()) == [("1", "", E4), ("2", "", E4), ("3", "", E4)]

    def test_replicas_begin_in_different_domains(self):
        """Each replica begins in the next availability domain, unless `spread` is False."""
        firsts = [places(PlacementSpec(), replica=replica)[0][0] for replica in range(4)]
        assert firsts == ["1", "2", "3", "1"]
        together = [places(PlacementSpec(spread=False), replica=replica)[0][0] for replica in range(4)]
        assert together == ["1"] * 4

    def test_domains_are_tried_in_the_specs_order(self):
        """Numbers, short and full names of domains are tried in the order in which the spec names them."""
        placement = PlacementSpec(availability_domains=[3, "AD-1", "Uocm:FRA-AD-2"])
        assert [placement[0] for placement in places(placement)] == ["3", "1", "2"]

    def test_other_shapes_come_after_all_domains(self):
        """The instance's shape is tried in all domains before another one; naming it again changes nothing."""
        placement = PlacementSpec(availability_domains=[1, 2], shapes=[E5, E4])
        assert places(placement) == [("1", "", E4), ("2", "", E4), ("1", "", E5), ("2", "", E5)]

    def test_fault_domains_are_tried_in_each_domain(self):
        """All fault domains of an availability domain are tried before the next availability domain."""
        placement = PlacementSpec(availability_domains=[1, 2], fault_domains=[2, 1])
        assert [placement[:2] for placement in places(placement)] == [
            ("1", "FAULT-DOMAIN-2"),
            ("1", "FAULT-DOMAIN-1"),
            ("2", "FAULT-DOMAIN-2"),
            ("2", "FAULT-DOMAIN-1"),
        ]

    def test_an_unknown_domain_stays_as_it_is(self):
        """A domain that the tenancy does not have stays in the request, for the service to refuse."""
        (placement,) = placement_order(PlacementSpec(availability_domains=[7]), E4, 0, DOMAINS)
        assert placement.availability_domain == "AD-7"

    def test_without_domains_there_are_no_placements(self):
        """For a tenancy that shows no availability domain nothing is tried."""
        assert placement_order(PlacementSpec(), E4, 1, ()) == ()


class TestDesire:
    """The desired instances of a spec."""

    def test_each_replica_is_a_resource(self, wanted):
        """Replicas have different keys and begin in different domains."""
        desired = wanted(evolve(WEB, replicas=3))
        found = {name: one for name, one in desired.items() if name.startswith("container-instance")}
        assert set(found) == {f"container-instance/web-{number}" for number in range(3)}
        assert len({one.placements[0].availability_domain for one in found.values()}) == 3
        assert {one.body["displayName"] for one in found.values()} == {"web-0", "web-1", "web-2"}

    def test_it_comes_after_its_rights_and_its_repository(self, wanted):
        """An instance needs the policy, with whose rights OCI pulls the image, and the repositories."""
        private = evolve(WEB, image_url="fra.ocir.io/acme/web:1")
        needs = wanted(private, repositories=[RepositorySpec("web")])[KEY].needs
        assert needs >= {key("policy/main"), key("container-repository/web")}

    @pytest.mark.parametrize(
        ("fields", "overlap"),
        [
            ({}, True),
            ({"rollout": RolloutSpec(replace="stop_first")}, False),
            ({"private_ip": "10.0.0.7"}, False),
            ({"hostname_label": "web"}, False),
        ],
        ids=["default", "asked", "address", "name"],
    )
    def test_a_fixed_address_prevents_an_overlap(self, wanted, fields, overlap):
        """An instance with a fixed address or host name does not overlap with its successor, which needs it."""
        network = NetworkSpec.private(dns_label="net")
        assert wanted(evolve(WEB, **fields), network=network)[KEY].rollout.overlap is overlap

    def test_rollout_is_the_specs(self, wanted):
        """The rollout of a replica has the values of the spec, and the instance's name as group."""
        want = wanted(evolve(WEB, rollout=RolloutSpec(max_unavailable=2, healthy_timeout_in_seconds=60)))[KEY]
        assert (want.rollout.group, want.rollout.max_unavailable) == ("web", 2)
        assert want.health.timeout_seconds == 60.0

    @pytest.mark.parametrize(
        "change",
        [
            {"display_name": "other"},
            {"freeform_tags": {"team": "blue"}},
            {"vnic_display_name": "other"},
            {"placement": PlacementSpec(availability_domains=[2])},
            {"rollout": RolloutSpec(max_unavailable=2)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_can_change_in_place_replaces_nothing(self, wanted, change):
        """Display name, tags, VNIC attributes and placement do not change the digest."""
        assert wanted(evolve(WEB, **change))[KEY].digest == wanted(WEB)[KEY].digest

    @pytest.mark.parametrize(
        "change",
        [
            {"image_url": "docker.io/acme/web:1.5"},
            {"environment_variables": {"A": "1"}},
            {"memory_in_gbs": 8},
            {"command": ["run"]},
            {"health_checks": [HealthCheck.tcp(80)]},
            {"container_restart_policy": "NEVER"},
            {"sidecars": [SidecarSpec("side", image_url="x:1")]},
            {"volumes": [VolumeSpec.empty_dir("data")]},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_other_field_replaces_the_instance(self, wanted, change):
        """Any other field changes the digest, because OCI changes no container in place."""
        assert wanted(evolve(WEB, **change))[KEY].digest != wanted(WEB)[KEY].digest

    def test_secrets_enter_no_digest_and_no_tag(self, wanted, site):
        """The digest changes with a secret's version and not with its content, which is in no tag."""

        def with_password(password, *, version="1"):
            secret = ImagePullSecret.basic("ghcr.io", username="me", password=password, version=version)
            return wanted(WEB.with_pull_secret(secret))[KEY]

        first = with_password("hunter2")
        assert with_password("hunter3").tags(site.identity) == first.tags(site.identity)
        assert with_password("hunter3", version="2").digest != first.digest
        assert "hunter2" not in repr(first)


class TestHealth:
    """Whether containers run, and their health."""

    @pytest.mark.parametrize(
        ("container", "runs"),
        [
            ({"lifecycleState": "ACTIVE"}, True),
            ({"lifecycleState": "ACTIVE", "lifecycleDetails": "CONTAINER_TERMINATED"}, False),
            ({"lifecycleState": "CREATING"}, False),
            ({}, False),
        ],
    )
    def test_a_container_runs_when_it_is_active_and_has_not_ended(self, container, runs):
        """A container that is ACTIVE runs unless its lifecycle details say that it has terminated."""
        assert is_running(container) is runs

    @pytest.mark.parametrize(
        ("statuses", "verdict"),
        [
            (["HEALTHY", "HEALTHY"], "HEALTHY"),
            (["HEALTHY", "UNKNOWN"], "UNKNOWN"),
            (["UNKNOWN", "UNHEALTHY"], "UNHEALTHY"),
            ([None], "UNKNOWN"),
            ([], None),
        ],
        ids=str,
    )
    def test_the_worst_check_decides(self, statuses, verdict):
        """The health of a container is that of its worst check; a check without a status is UNKNOWN."""
        assert health({"healthChecks": [{"status": status} for status in statuses]}) == verdict

    def test_without_checks_there_is_no_health(self):
        """A container whose checks are null, absent or empty has no health."""
        assert health({"healthChecks": None}) is None

    @pytest.mark.parametrize(
        ("script", "is_healthy"),
        [
            (ContainerScript(), True),
            (ContainerScript(is_healthy=False), False),
        ],
        ids=["healthy", "unhealthy"],
    )
    def test_an_instance_is_healthy_when_every_container_is(self, provisioner, emulator, clock, script, is_healthy):
        """An instance is healthy if and only if every container runs and passes its checks."""
        emulator.script("web", script)
        checked = evolve(WEB, health_checks=[HealthCheck.tcp(80, failure_action="NONE")])
        live_id = provisioner.apply(checked, wait="ready").resources[KEY]
        clock.advance(60)
        reader, criteria = reader_of(provisioner, "web"), HealthCriteria(checked=frozenset({"web"}))
        works = KIND.health(reader.caller, reader.site, {live_id: criteria})
        assert works[live_id].is_healthy is is_healthy


class TestAddress:
    """The address at which a probe reaches an instance."""

    @pytest.mark.parametrize(
        ("network", "start"), [(NetworkSpec.private(), "10.0."), (NetworkSpec.public(), "203.0.113.")]
    )
    def test_the_public_address_goes_before_the_private_one(self, provisioner, network, start):
        """An instance is probed at its public address, or else at its private one."""
        provisioner.apply(DeploymentSpec("web", [WEB], network=network))
        reader = reader_of(provisioner, "web")
        instance_id = provisioner.get("web").resources[KEY]
        live = KIND.get(reader.caller, reader.site, instance_id)
        assert KIND.address(reader.caller, live).startswith(start)

    def test_without_a_vnic_there_is_no_address(self, make_provisioner, clock):
        """An instance whose VNIC does not exist yet has an empty address."""
        provisioner = make_provisioner(latencies=Latencies(container_instance_create=20))
        with pytest.raises(Cancelled):
            provisioner.apply(WEB, cancel=Cancel(after_seconds=1, clock=clock))
        reader = reader_of(provisioner, "web")
        (live,) = reader.snapshot().of("web")[key(KEY)]
        assert KIND.address(reader.caller, live) == ""


class TestChanges:
    """Updates of instance and VNIC, and starts."""

    def test_the_vnic_is_changed_with_its_own_request(self, provisioner, sdk):
        """A change of the VNIC keeps the tags of others on it, and the next plan has nothing to do."""
        instance_id = provisioner.apply(WEB).resources[KEY]
        network, instances = sdk("core.VirtualNetworkClient"), sdk("container_instances.ContainerInstanceClient")
        vnic_id = instances.get_container_instance(instance_id).data["vnics"][0]["vnicId"]
        network.update_vnic(vnic_id, {"freeformTags": {"team": "blue"}})
        changed = evolve(WEB, vnic_display_name="front", vnic_freeform_tags={"stage": "1"})
        (step,) = provisioner.plan(changed).changes
        assert (step.action, step.changed_fields) == (Action.UPDATE, {"vnics"})
        provisioner.apply(changed)
        vnic = network.get_vnic(vnic_id).data
        assert (vnic["displayName"], vnic["freeformTags"]) == ("front", {"team": "blue", "stage": "1"})
        assert provisioner.plan(changed).changes == ()

    def test_a_vnic_that_is_not_there_yet_is_not_taken_for_changed(self, make_provisioner, clock):
        """While an instance has no VNIC, an update of it fails, and no tag records it as done."""
        provisioner = make_provisioner(latencies=Latencies(container_instance_create=20))
        with pytest.raises(Cancelled):
            provisioner.apply(WEB, cancel=Cancel(after_seconds=1, clock=clock))
        reader = reader_of(provisioner, "web")
        (live,) = reader.snapshot().of("web")[key(KEY)]
        with pytest.raises(PlanError, match=r"container-instance/web-0 .* has no VNIC yet"):
            KIND.update(reader.caller, reader.site, live, {"vnics": [{"displayName": "front"}]})

    def test_a_stopped_instance_is_started_and_changed(self, provisioner, sdk):
        """A stopped instance with a changed name is started and then updated, by the operations of one step."""
        instance_id = provisioner.apply(WEB).resources[KEY]
        sdk("container_instances.ContainerInstanceClient").stop_container_instance(instance_id)
        (step,) = provisioner.plan(evolve(WEB, display_name="front")).changes
        assert (step.action, step.changed_fields) == (Action.START, {"displayName"})
        operations = provisioner.plan(evolve(WEB, display_name="front")).operations
        assert [operation.id.action for operation in operations] == [Action.START, Action.UPDATE]
        shown = provisioner.apply(evolve(WEB, display_name="front"))
        assert shown.resources[KEY] == instance_id
        assert provisioner.plan(evolve(WEB, display_name="front")).changes == ()

    def test_a_change_of_a_stopped_instance_that_fails_is_an_error(self, provisioner, emulator, sdk):
        """The work request of the change is judged although the instance has started; a rerun makes the change."""
        instance_id = provisioner.apply(WEB).resources[KEY]
        sdk("container_instances.ContainerInstanceClient").stop_container_instance(instance_id)
        emulator.inject(Fault.failed("update_container_instance", message="no such name"))
        with pytest.raises(ApplyFailed, match="no such name"):
            provisioner.apply(evolve(WEB, display_name="front"))
        assert provisioner.apply(evolve(WEB, display_name="front")).resources[KEY] == instance_id
        assert provisioner.plan(evolve(WEB, display_name="front")).changes == ()

    def test_a_start_whose_answer_is_lost_is_sent_again(self, provisioner, emulator, sdk):
        """A start whose answer is lost is sent a second time, and the plan then has nothing to do."""
        instance_id = provisioner.apply(WEB).resources[KEY]
        sdk("container_instances.ContainerInstanceClient").stop_container_instance(instance_id)
        emulator.inject(Fault.reset("start_container_instance", after_commit=True))
        provisioner.apply(WEB)
        assert [one.operation for one in emulator.requests].count("start_container_instance") == 2
        assert provisioner.plan(WEB).changes == ()

    def test_a_stop_whose_answer_is_lost_is_sent_again(self, provisioner, emulator):
        """A stop whose answer is lost is sent a second time; that the instance is INACTIVE then is not an error."""
        deployment = provisioner.apply(WEB)
        emulator.inject(Fault.reset("stop_container_instance", after_commit=True))
        (instance,) = deployment.stop().instances
        assert [one.operation for one in emulator.requests].count("stop_container_instance") == 2
        assert instance.lifecycle_state == "INACTIVE"

    def test_a_405_for_another_reason_is_an_error(self, provisioner, emulator):
        """A stop that gets 405 although the instance is ACTIVE fails with the service's answer."""
        deployment = provisioner.apply(WEB)
        emulator.inject(Fault.error("stop_container_instance", "MethodNotAllowed"))
        with pytest.raises(ApplyFailed, match="405 MethodNotAllowed"):
            deployment.stop()

    def test_a_plan_shows_the_old_image_and_memory(self, provisioner):
        """The changes of a replacement have image and memory as they were before."""
        provisioner.apply(evolve(WEB, memory_in_gbs=4))
        changed = evolve(WEB, image_url="docker.io/acme/web:1.5", memory_in_gbs=8)
        (step,) = [step for step in provisioner.plan(changed).changes if step.key == key(KEY)]
        seen = {(change.before, change.after) for change in step.changes}
        assert ("docker.io/acme/web:1.4", "docker.io/acme/web:1.5") in seen
        assert ("memoryInGBs=4", "memoryInGBs=8") in {(one.split(".0")[0], two.split(".0")[0]) for one, two in seen}


class TestFailure:
    """The evidence for a failed instance."""

    def test_the_error_has_the_work_requests_errors(self, provisioner, emulator):
        """The error of an apply contains the failed work request's code and message."""
        emulator.inject(Fault.failed(code="ImagePullFailed", message="No such image."))
        with pytest.raises(ApplyFailed, match=r"ImagePullFailed: No such image\."):
            provisioner.apply(WEB)

    def test_failed_work_requests_of_an_earlier_run_are_found(self, provisioner, emulator):
        """The evidence for an instance that an earlier run left FAILED contains the errors of its work requests."""
        emulator.inject(Fault.failed(code="ImagePullFailed", message="No such image."))
        with pytest.raises(ApplyFailed):
            provisioner.apply(WEB)
        reader = reader_of(provisioner, "web")
        (live,) = reader.snapshot().of("web")[key(KEY)]
        assert live.phase is Phase.FAILED
        assert "ImagePullFailed: No such image." in KIND.failure(reader.caller, reader.site, live, "")

    def test_without_an_instance_there_is_no_evidence(self, provisioner):
        """For an instance that is gone no work request is listed."""
        reader = reader_of(provisioner, "web")
        caller = provisioner.session.caller(Cancel())
        assert KIND.failure(caller, reader.site, None, "") == ()

    def test_a_deployment_with_a_failed_instance_recovers(self, provisioner, emulator):
        """The apply after a failure replaces the failed instance."""
        emulator.inject(Fault.failed())
        with pytest.raises(ApplyFailed):
            provisioner.apply(DeploymentSpec("web", [WEB]))
        provisioner.apply(WEB)
        assert len(emulator.live()["container-instance"]) == 1


@pytest.mark.parametrize("tags", [None, {}, {"orcl-cloud": {"free-tier-retained": "true"}}])
def test_system_tags_of_a_cloud_are_not_an_emulation(tags):
    """System tags of other namespaces do not mark an instance as emulated."""
    assert emulation({"systemTags": tags}) == {}


def test_an_emulator_reports_how_containers_run(provisioner):
    """An instance of an emulator with simulated containers is simulated and has no emulated address."""
    (instance,) = provisioner.apply(InstanceSpec("web", image_url="web:1")).instances
    assert (instance.is_simulated, instance.emulated_address) == (True, "")
