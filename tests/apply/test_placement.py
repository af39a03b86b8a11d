"""Placement: the order in which availability domains, fault domains and shapes are tried."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from attrs import evolve

from ocisidecar import (
    ApplyFailed,
    HealthCheck,
    InstanceSpec,
    LimitExceeded,
    OutOfHostCapacity,
    PlacementSpec,
    SidecarSpec,
    StepRetrying,
)
from ocisidecar.emulator import TRIAL_LIMITS, Emulator, Fault, Latencies

BIG, SMALL, ARM = "CI.Standard.E4.Flex", "CI.Standard.E3.Flex", "CI.Standard.A1.Flex"
WAYS = pytest.mark.parametrize("synchronous", [True, False], ids=["refused at once", "failed later"])


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which an instance takes time to be created, and to fail."""
    return make_provisioner(latencies=Latencies(container_instance_create=20, container_instance_delete=10))


@pytest.fixture
def make_trial(clock):
    """Starts emulators with low service limits."""
    with ExitStack() as stack:
        yield lambda limits: stack.enter_context(Emulator(clock=clock, limits=limits))


@pytest.fixture
def emulator_of_a_trial(make_trial):
    """An emulator of a trial tenancy."""
    return make_trial(TRIAL_LIMITS)


@pytest.fixture
def fill(emulator):
    """Removes the capacity of the given domains and shapes."""
    return lambda **where: emulator.inject(Fault.out_of_capacity(**where))


def places_of(deployment):
    """Return the availability domain of each instance in short: `AD-1`."""
    return [one.availability_domain[-4:] for one in deployment.instances]


def assert_one_per_key(provisioner, emulator, spec):
    """Assert that each replica has exactly one instance and that the plan has no changes."""
    deployment = provisioner.get("web")
    wanted = sorted(one for key, one in deployment.resources.items() if key.startswith("container-instance/"))
    assert sorted(emulator.live()["container-instance"]) == wanted
    assert len(wanted) == spec.replicas
    assert not provisioner.plan(spec).changes


@WAYS
def test_a_full_domain_falls_back_to_the_next(provisioner, emulator, fill, web, synchronous):
    """An instance without capacity in AD-1 is created in AD-2, and what failed in AD-1 is deleted."""
    fill(availability_domain="AD-1", synchronous=synchronous)
    heard = []
    deployment = provisioner.apply(web, on_event=heard.append)
    assert places_of(deployment) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, web)
    retried = [one.reason for one in heard if isinstance(one, StepRetrying)]
    assert synchronous or any("Out of host capacity" in reason for reason in retried)


@WAYS
def test_a_full_shape_falls_back_to_the_next(provisioner, emulator, fill, web, synchronous):
    """When no domain has capacity for the first shape the next allowed shape is used."""
    spec = web.with_placement(PlacementSpec(shapes=[SMALL]))
    fill(shape=BIG, synchronous=synchronous)
    deployment = provisioner.apply(spec)
    assert [one.shape for one in deployment.instances] == [SMALL]
    assert places_of(deployment) == ["AD-1"]
    assert_one_per_key(provisioner, emulator, spec)


def sizes_of(instance):
    """Return shape, memory and the containers' limits in logical CPUs of an instance."""
    return instance.shape, instance.memory_in_gbs, [one.vcpus_limit for one in instance.containers]


LIMIT = "The following service limits were exceeded: standard-e4-core-count."


def test_a_shape_beyond_its_limit_is_left_for_the_next(provisioner, emulator, web):
    """Where the limit of the first shape is 0, the next shape is used, and the events say why."""
    emulator.inject(Fault.error("create_container_instance", "LimitExceeded", LIMIT, status=400, times=3))
    heard = []
    spec = web.with_placement(PlacementSpec(shapes=[ARM]))
    deployment = provisioner.apply(spec, on_event=heard.append)
    assert [one.shape for one in deployment.instances] == [ARM]
    reasons = [one.reason for one in heard if isinstance(one, StepRetrying)]
    assert len(reasons) == 3
    assert reasons[-1].startswith(LIMIT.rstrip("."))
    assert reasons[-1].endswith(ARM)
    assert_one_per_key(provisioner, emulator, spec)


def test_a_trial_tenancy_gets_what_it_may_have(emulator_of_a_trial, connect, web):
    """Where Arm is the only shape with a limit above 0, an instance that allows it gets there; events say why."""
    heard = []
    spec = web.with_placement(PlacementSpec(shapes=["CI.Standard.E5.Flex", ARM]))
    provisioner = connect(emulator_of_a_trial)
    deployment = provisioner.apply(spec, on_event=heard.append)
    assert [one.shape for one in deployment.instances] == [ARM]
    reasons = [one.reason for one in heard if isinstance(one, StepRetrying)]
    assert len(reasons) == 6
    assert "standard-e4-core-count" in reasons[0]
    assert "standard-e5-core-ad-count" in reasons[-1]
    assert reasons[-1].endswith(f"page in the console; next is Emul:EU-FRANKFURT-1-AD-1 {ARM}")
    assert_one_per_key(provisioner, emulator_of_a_trial, spec)


def test_a_trial_tenancy_without_another_shape_gets_one_clear_error(emulator_of_a_trial, connect, web):
    """The default shape alone ends in one error, which names the limit, what was tried, and the remedies."""
    with pytest.raises(ApplyFailed) as caught:
        connect(emulator_of_a_trial).apply(web)
    cause = caught.value.causes["container-instance/web-0"]
    assert isinstance(cause, LimitExceeded)
    for part in ("standard-e4-core-count", f"tried {BIG} in AD-1, AD-2, AD-3.", "PlacementSpec(shapes=...)"):
        assert part in str(cause)
    assert "container-instance" not in emulator_of_a_trial.live()


def test_a_replica_beyond_the_limit_fails_alone(make_trial, connect, web):
    """Of four replicas three fit, one in each availability domain, also when the apply is repeated."""
    emulator = make_trial({"standard-e4-core-count": 1})
    provisioner = connect(emulator)
    for _ in range(2):
        with pytest.raises(ApplyFailed) as caught:
            provisioner.apply(evolve(web, replicas=4))
        assert [type(cause) for cause in caught.value.causes.values()] == [LimitExceeded]
        assert len(emulator.live()["container-instance"]) == 3


def test_a_limit_of_all_placements_lists_what_was_tried(provisioner, emulator, web):
    """The error stays a LimitExceeded, with the service's words and every placement."""
    emulator.inject(Fault.error("create_container_instance", "LimitExceeded", LIMIT, status=400, times=None))
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(web.with_placement(PlacementSpec(shapes=[ARM])))
    cause = caught.value.causes["container-instance/web-0"]
    assert isinstance(cause, LimitExceeded)
    assert "standard-e4-core-count" in str(cause)
    assert f"tried {BIG} in AD-1, AD-2, AD-3; {ARM} in AD-1, AD-2, AD-3." in str(cause)


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
    """The request for another shape differs in the shape, its configuration and the containers' limits alone."""
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
def test_no_capacity_anywhere_lists_every_placement(provisioner, emulator, fill, web, synchronous):
    """OutOfHostCapacity names every placement and the remedy, and an apply with capacity again converges."""
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
    """The first placement of each replica is in another availability domain."""
    deployment = provisioner.apply(evolve(web, replicas=4))
    assert places_of(deployment) == ["AD-1", "AD-2", "AD-3", "AD-1"]


def test_without_spread_all_replicas_begin_in_the_first_domain(provisioner, web):
    """With spread=False every replica is created in the first availability domain."""
    spec = evolve(web, replicas=3, placement=PlacementSpec(spread=False))
    assert places_of(provisioner.apply(spec)) == ["AD-1"] * 3


def test_a_domain_can_be_named_in_three_ways(provisioner, sdk, emulator, web):
    """A domain's number, its short name and its full name mean the same domain."""
    full = sdk("identity.IdentityClient").list_availability_domains(emulator.tenancy_id).data[1]["name"]
    for domain in (2, "AD-2", full):
        deployment = provisioner.apply(web.with_placement(PlacementSpec(availability_domains=[domain])))
        assert [one.availability_domain for one in deployment.instances] == [full]
        provisioner.destroy("web")


@WAYS
def test_a_full_domain_moves_only_the_replicas_that_begin_there(provisioner, emulator, fill, web, synchronous):
    """Only the replica whose first domain is full is created elsewhere."""
    spec = evolve(web, replicas=3)
    fill(availability_domain="AD-2", synchronous=synchronous)
    assert places_of(provisioner.apply(spec)) == ["AD-1", "AD-3", "AD-3"]
    assert_one_per_key(provisioner, emulator, spec)


@WAYS
def test_a_replacement_falls_back_to_the_next_domain(provisioner, emulator, fill, web, synchronous):
    """A replacement without capacity in AD-1 is created in AD-2, and the old instance is deleted."""
    provisioner.apply(web)
    fill(availability_domain="AD-1", synchronous=synchronous)
    newer = web.with_image("docker.io/acme/web:1.5")
    assert places_of(provisioner.apply(newer)) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, newer)


def test_a_replacement_without_capacity_keeps_the_old_instance(provisioner, emulator, fill, web):
    """When no placement has capacity the old instance stays and is listed in the error."""
    old = provisioner.apply(web).resources["container-instance/web-0"]
    fill()
    with pytest.raises(ApplyFailed) as caught:
        provisioner.apply(web.with_image("docker.io/acme/web:1.5"))
    assert caught.value.deployment.resources["container-instance/web-0"] == old
    assert emulator.live()["container-instance"] == [old]


def test_a_lost_answer_at_the_next_placement_makes_no_duplicate(provisioner, emulator, fill, web):
    """When the answer to the create in AD-2 is lost the instance is found and not created again."""
    fill(availability_domain="AD-1")
    emulator.inject(Fault.reset("create_container_instance", after_commit=True, nth=2))
    assert places_of(provisioner.apply(web)) == ["AD-2"]
    assert_one_per_key(provisioner, emulator, web)
