"""Where instances are put: the order of availability domains, fault domains and shapes."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    ApplyFailed,
    HealthCheck,
    InstanceSpec,
    OutOfHostCapacity,
    PlacementSpec,
    SidecarSpec,
    StepRetrying,
)
from ocisidecar.emulator import Fault, Latencies

BIG, SMALL, ARM = "CI.Standard.E4.Flex", "CI.Standard.E3.Flex", "CI.Standard.A1.Flex"
WAYS = pytest.mark.parametrize("synchronous", [True, False], ids=["refused at once", "failed later"])


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which an instance takes its time, also to fail."""
    return make_provisioner(latencies=Latencies(container_instance_create=20, container_instance_delete=10))


@pytest.fixture
def fill(emulator):
    """Leaves no room where the keywords say."""
    return lambda **where: emulator.inject(Fault.out_of_capacity(**where))


def places_of(deployment):
    """Where each instance is, in short: `AD-1`."""
    return [one.availability_domain[-4:] for one in deployment.instances]


def assert_one_per_key(provisioner, emulator, spec):
    """Assert that no instance is doubled or left over, and that nothing is left to do."""
    deployment = provisioner.get("web")
    wanted = sorted(one for key, one in deployment.resources.items() if key.startswith("container-instance/"))
    assert sorted(emulator.live()["container-instance"]) == wanted
    assert len(wanted) == spec.replicas
    assert not provisioner.plan(spec).changes


@WAYS
def test_a_full_domain_is_left_for_the_next(provisioner, emulator, fill, web, synchronous):
    """The instance comes up in AD-2, the event says why, and what failed in AD-1 is removed."""
    fill(availability_domain="AD-1", synchronous=synchronous)
    heard = []
    deployment = provisioner.apply(web, on_event=heard.append)
    assert places_of(deployment) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, web)
    retried = [one.reason for one in heard if isinstance(one, StepRetrying)]
    assert synchronous or any("Out of host capacity" in reason for reason in retried)


@WAYS
def test_a_full_shape_is_left_for_the_next(provisioner, emulator, fill, web, synchronous):
    """Where no domain has room for the first shape, the next one allowed is taken."""
    spec = web.with_placement(PlacementSpec(shapes=[SMALL]))
    fill(shape=BIG, synchronous=synchronous)
    deployment = provisioner.apply(spec)
    assert [one.shape for one in deployment.instances] == [SMALL]
    assert places_of(deployment) == ["AD-1"]
    assert_one_per_key(provisioner, emulator, spec)


def sizes_of(instance):
    """Shape, memory and the limits in logical CPUs of an instance's containers."""
    return instance.shape, instance.memory_in_gbs, [one.vcpus_limit for one in instance.containers]


@WAYS
def test_a_request_is_composed_for_the_shape_that_it_asks_for(provisioner, emulator, fill, synchronous):
    """On Arm, with one logical CPU per OCPU, the app's share and the default memory are those of Arm."""
    helper = SidecarSpec("helper", image_url="helper:1", vcpus_limit=0.25, memory_limit_in_gbs=1)
    spec = InstanceSpec("web", image_url="web:1", ocpus=2, replicas=2).with_sidecar(helper)
    spec = spec.with_placement(PlacementSpec(shapes=[ARM]))
    fill(shape=BIG, synchronous=synchronous)
    deployment = provisioner.apply(spec)
    assert [sizes_of(one) for one in deployment.instances] == [(ARM, 12.0, [1.75, 0.25])] * 2
    deployment.verify(spec).raise_for_failures()
    assert_one_per_key(provisioner, emulator, spec)
    emulator.clear_faults()
    changed = provisioner.apply(spec.with_image("web:2"))
    assert [sizes_of(one) for one in changed.instances] == [(BIG, 32.0, [3.75, 0.25])] * 2


def test_a_fallback_shape_keeps_health_checks_and_secrets(provisioner, fill):
    """Only what depends on the shape differs: the rest of the request is the same on every shape."""
    check = HealthCheck.http(80, path="/healthz")
    spec = InstanceSpec("web", image_url="web:1", ocpus=1, ports=[80], health_checks=[check])
    spec = spec.with_sidecar(SidecarSpec.prometheus()).with_placement(PlacementSpec(shapes=[ARM]))
    desired = provisioner.plan(spec).desired
    (want,) = (one for key, one in desired.items() if key.kind == "container-instance")
    body = want.body_on(ARM)
    assert {name for name in body if body[name] != want.body[name]} == {"shape", "shapeConfig", "containers"}
    fill(shape=BIG)
    (instance,) = provisioner.apply(spec).instances
    assert [one.name for one in instance.containers] == ["web", "prometheus"]


@WAYS
def test_a_ladder_without_room_lists_what_was_tried(provisioner, emulator, fill, web, synchronous):
    """OutOfHostCapacity names every placement and the remedy; with room again the next apply converges."""
    spec = web.with_placement(PlacementSpec(availability_domains=[1, 3], fault_domains=[2], shapes=[SMALL]))
    fill(synchronous=synchronous)
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(spec)
    cause = caught.value.causes["container-instance/web-0"]
    assert isinstance(cause, OutOfHostCapacity)
    said = str(cause)
    places = "AD-1/FAULT-DOMAIN-2, AD-3/FAULT-DOMAIN-2"
    assert f"tried {BIG} in {places}; {SMALL} in {places}." in said
    assert "with_placement" in said
    emulator.clear_faults()
    assert places_of(provisioner.apply(spec)) == ["AD-1"]
    assert_one_per_key(provisioner, emulator, spec)


def test_replicas_spread_over_the_domains(provisioner, web):
    """Each replica begins in another availability domain."""
    deployment = provisioner.apply(evolve(web, replicas=4))
    assert places_of(deployment) == ["AD-1", "AD-2", "AD-3", "AD-1"]


def test_without_spread_all_replicas_begin_in_the_first_domain(provisioner, web):
    """spread=False keeps them together."""
    spec = evolve(web, replicas=3, placement=PlacementSpec(spread=False))
    assert places_of(provisioner.apply(spec)) == ["AD-1"] * 3


def test_a_domain_can_be_named_in_three_ways(provisioner, sdk, emulator, web):
    """A number, its short and its full name mean the same domain."""
    full = sdk("identity.IdentityClient").list_availability_domains(emulator.tenancy_id).data[1]["name"]
    for domain in (2, "AD-2", full):
        deployment = provisioner.apply(web.with_placement(PlacementSpec(availability_domains=[domain])))
        assert [one.availability_domain for one in deployment.instances] == [full]
        provisioner.destroy("web")


def test_a_domain_that_does_not_exist_is_refused_by_oci(provisioner, web):
    """AD-9 reaches OCI as it is, and its answer is told with the key."""
    with pytest.raises(ApplyFailed, match="create_container_instance for container-instance/web-0: 400"):
        provisioner.apply(web.with_placement(PlacementSpec(availability_domains=[9])))


@WAYS
def test_a_full_domain_moves_only_the_replicas_that_begin_there(provisioner, emulator, fill, web, synchronous):
    """Two of three replicas stay where the spread puts them."""
    spec = evolve(web, replicas=3)
    fill(availability_domain="AD-2", synchronous=synchronous)
    assert places_of(provisioner.apply(spec)) == ["AD-1", "AD-3", "AD-3"]
    assert_one_per_key(provisioner, emulator, spec)


@WAYS
def test_a_replacement_moves_on_the_ladder_too(provisioner, emulator, fill, web, synchronous):
    """The old instance runs until the new one is up, wherever that finds room."""
    provisioner.apply(web)
    fill(availability_domain="AD-1", synchronous=synchronous)
    newer = web.with_image("docker.io/acme/web:1.5")
    assert places_of(provisioner.apply(newer)) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, newer)


def test_a_replacement_without_room_keeps_the_old_instance(provisioner, emulator, fill, web):
    """A failed replacement costs nothing: the old instance is still there and still listed."""
    old = provisioner.apply(web).resources["container-instance/web-0"]
    fill()
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(web.with_image("docker.io/acme/web:1.5"))
    assert caught.value.deployment.resources["container-instance/web-0"] == old
    assert emulator.live()["container-instance"] == [old]


def test_a_lost_answer_on_a_later_rung_makes_no_second_instance(provisioner, emulator, fill, web):
    """The create in AD-2 happened, its answer was lost: the instance is found, not made again."""
    fill(availability_domain="AD-1")
    emulator.inject(Fault.reset("create_container_instance", after_commit=True, nth=2))
    assert places_of(provisioner.apply(web)) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, web)
