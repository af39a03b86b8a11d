"""What is being deleted, or was just deleted and still holds something, is waited for, and the wait is reported."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest
from attrs import evolve

from ocisidecar import (
    Action,
    AlarmSpec,
    ApplyFailed,
    Cancel,
    Cancelled,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    RepositorySpec,
    RolloutSpec,
    RunNotice,
    StepRetrying,
    StepWaiting,
    TopicSpec,
    WaitTimedOut,
)
from ocisidecar.emulator import Assumptions, Emulator, Fault, Latencies
from ocisidecar.resources.kinds import KINDS
from tests.readers import reader_of

SLOW = Latencies(
    identity=6,
    network=6,
    logging=20,
    monitoring=6,
    notification=6,
    artifacts=6,
    container_instance_create=5,
    container_instance_delete=6,
    vnic_release=6,
)
WEB = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1", ports=[80])
EVERYTHING = DeploymentSpec(
    "shop",
    [WEB],
    logging=LoggingSpec.deployment(),
    alarms=[
        AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])])
    ],
    repositories=[RepositorySpec("acme/web")],
)
PUBLIC = evolve(EVERYTHING, network=NetworkSpec.public())


@pytest.fixture
def provisioner(make_provisioner):
    """A provisioner with an emulator in which deleting takes seconds, and a VNIC outlives its instance."""
    return make_provisioner(latencies=SLOW)


@pytest.fixture
def make(connect, clock):
    """Makes provisioners for emulators with other latencies and assumptions."""
    with ExitStack() as stack:
        yield lambda latencies, assumptions: connect(
            stack.enter_context(Emulator(clock=clock, latencies=latencies, assumptions=assumptions))
        )


def cut_destroy_at(provisioner, key):
    """Destroy until the deletion of `key` is waited for, and end there."""
    cancel = Cancel()

    def handle(event):
        if isinstance(event, StepWaiting) and event.key == key:
            cancel.set("cut by the test")

    with pytest.raises(Cancelled):
        provisioner.destroy("shop", purge=True, on_event=handle, cancel=cancel)


KEYS = [
    "alarm/cpu-utilization",
    "container-instance/web-0",
    "container-repository/acme/web",
    "dynamic-group/main",
    "internet-gateway/main",
    "log-group/main",
    "log/app",
    "nat-gateway/main",
    "network-security-group/web",
    "policy/main",
    "route-table/main",
    "security-list/main",
    "service-gateway/main",
    "subnet/main",
    "topic/oncall",
    "vcn/main",
]


def test_every_kind_is_tried():
    """The cases below have a resource of every kind but those that are gone as soon as they are deleted."""
    gone = {"subscription", "management-agent", "management-agent-install-key"}
    assert {key.partition("/")[0] for key in KEYS} == KINDS.keys() - gone


@pytest.mark.parametrize("key", KEYS)
def test_what_an_earlier_run_is_deleting_is_waited_for(provisioner, key):
    """An apply after a cut destroy succeeds; its plan says what is going, and that it waits for it."""
    spec = PUBLIC if key.startswith("internet-gateway/") else EVERYTHING
    provisioner.apply(spec)
    cut_destroy_at(provisioner, key)
    plan = provisioner.plan(spec)
    (step,) = [one for one in plan.steps if str(one.key) == key]
    assert step.action is Action.CREATE
    if not key.startswith("container-instance/"):
        assert re.search(r"is (DELETING|TERMINATING); apply waits until it is gone", step.reason)
        assert "of the earlier one" in str(plan)
        (gone,) = [one for one in plan.operations if one.id.action is Action.DELETE and str(one.id.key) == key]
        (made,) = [one for one in plan.operations if one.id.action is Action.CREATE and str(one.id.key) == key]
        assert gone.id in made.needs
    heard = []
    deployment = provisioner.apply(plan, on_event=heard.append)
    (told,) = [one.message for one in heard if isinstance(one, RunNotice)] or [""]
    words = f"an earlier removal of .*{key}.* is still under way: waiting until it has ended, at most 1200 s .*"
    assert bool(re.fullmatch(words, told)) == bool(step.going)
    live = [one for ids in provisioner.emulator.live().values() for one in ids]
    assert sorted(live) == sorted(deployment.resources.values())
    assert not provisioner.plan(spec).changes


def test_a_plan_stays_valid_while_what_it_waits_for_goes(provisioner, clock):
    """A plan that waits for a resource that is going can be applied after it is gone."""
    provisioner.apply(EVERYTHING)
    cut_destroy_at(provisioner, "vcn/main")
    plan = provisioner.plan(EVERYTHING)
    clock.advance(600)
    provisioner.apply(plan)
    assert not provisioner.plan(EVERYTHING).changes


@pytest.mark.parametrize("key", ["topic/oncall", "policy/main", "log/app", "subnet/main", "nat-gateway/main"])
def test_a_deletion_that_begins_after_the_plan_is_waited_for(make_provisioner, connect, key):
    """An apply whose plan did not see a deletion yet waits for it and says so."""
    provisioner = make_provisioner(latencies=SLOW)
    spec = EVERYTHING
    provisioner.apply(spec)
    cut_destroy_at(provisioner, key)
    other = connect(provisioner.emulator)
    stale = other.plan(spec)
    stale = evolve(
        stale,
        operations=tuple(
            evolve(one, needs=frozenset(need for need in one.needs if need.action is not Action.DELETE))
            for one in stale.operations
            if one.id.action is not Action.DELETE
        ),
    )
    heard = []
    deployment = other.apply(stale, on_event=heard.append)
    live = [one for ids in provisioner.emulator.live().values() for one in ids]
    assert sorted(live) == sorted(deployment.resources.values())
    told = {one.reason for one in heard if isinstance(one, StepRetrying)}
    assert told
    assert all(re.search(r"is still \w+: waiting until it is gone, at most 600 s", one) for one in told)


TAKEN = {
    "an address": {"private_ip": "10.0.0.5"},
    "a host name": {"hostname_label": "front"},
    "both": {"private_ip": "10.0.0.5", "hostname_label": "Front"},
}
NAMED = NetworkSpec.private(dns_label="shop")


def taking(name, tag=1, deployment="shop", network=NAMED):
    """Return a deployment whose instance asks for what only one can have."""
    web = evolve(WEB, image_url=f"fra.ocir.io/acme/web:{tag}", **TAKEN[name])
    return DeploymentSpec(deployment, [web], network=network)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (False, r"container-instance/web-0 \(ocid1\S+\)"),
        (True, r"the VNIC ocid1\S+"),
    ],
)
@pytest.mark.parametrize("name", TAKEN)
def test_an_address_that_outlives_its_instance_is_waited_for(make, clock, name, shown, words):
    """A replacement gets the address as soon as the VNIC is released; one sentence says what is waited for."""
    provisioner = make(evolve(SLOW, vnic_release=300), Assumptions(shows_vnic_release=shown))
    heard = []
    provisioner.apply(taking(name))
    began = clock.time()
    provisioner.apply(taking(name, tag=2), on_event=heard.append)
    told = [one.reason for one in heard if isinstance(one, StepRetrying)]
    assert len(told) == 1
    assert re.fullmatch(
        rf"(privateIp 10.0.0.5|hostnameLabel front) is still held by {words}, which is being deleted: "
        r"waiting until it is released, at most 600 s",
        told[0],
    )
    assert 300 < clock.time() - began < 440
    assert not provisioner.plan(taking(name, tag=2)).changes


@pytest.mark.parametrize(("name", "visible"), [("an address", 600), ("a host name", 600), ("both", 0)])
def test_an_address_that_an_earlier_run_gave_up_is_waited_for(make, name, visible):
    """A rerun after a cut between delete and create succeeds, also where the old instance is not shown any more."""
    latencies = evolve(SLOW, vnic_release=90, deleted_visible=visible)
    provisioner = make(latencies, Assumptions(shows_vnic_release=not visible))
    cancel = Cancel()
    provisioner.apply(taking(name))

    def handle(event):
        if isinstance(event, StepRetrying) and event.action == "create":
            cancel.set("cut by the test")

    with pytest.raises(Cancelled):
        provisioner.apply(taking(name, tag=2), on_event=handle, cancel=cancel)
    provisioner.apply(taking(name, tag=2))
    assert not provisioner.plan(taking(name, tag=2)).changes


def test_an_address_that_is_never_released_ends_the_wait(make_provisioner, clock):
    """After ten minutes the error says who holds the address and how long it was waited for."""
    provisioner = make_provisioner(latencies=evolve(SLOW, vnic_release=3000, deleted_visible=3000))
    provisioner.apply(taking("an address"))
    began = clock.time()
    with pytest.raises(ApplyFailed, match=r"held by container-instance/web-0 .* after 6\d\d s") as caught:
        provisioner.apply(taking("an address", tag=2))
    assert isinstance(caught.value.causes["container-instance/web-0"], WaitTimedOut)
    assert clock.time() - began < 700


def test_addresses_can_be_exchanged(make_provisioner):
    """Two instances take each other's address, and more renamed ones than there are workers their former ones."""

    def spec(*names):
        return DeploymentSpec(
            "shop",
            [evolve(WEB, name=name, private_ip=f"10.0.0.{number + 10}") for number, name in enumerate(names)],
        )

    provisioner = make_provisioner(latencies=evolve(SLOW, vnic_release=3))
    provisioner.apply(spec("a", "b"))
    provisioner.apply(spec("b", "a"))
    provisioner.apply(spec(*(f"x{number}" for number in range(17))))
    provisioner.apply(spec(*(f"a{number}" for number in range(17))))
    assert len(provisioner.emulator.live()["container-instance"]) == 17


@pytest.mark.parametrize("name", TAKEN)
def test_an_address_of_another_is_told_at_once(provisioner, clock, name):
    """The error names the VNIC that holds the address in a shared subnet; nothing is waited for."""
    theirs = provisioner.apply(taking(name, deployment="platform")).resources
    vnic = reader_of(provisioner, "platform").caller.call(
        "container_instances.ContainerInstanceClient", "get_container_instance", theirs["container-instance/web-0"]
    )
    began = clock.time()
    ours = taking(name, network=NetworkSpec.existing(theirs["subnet/main"], nsg_ids=[]))
    with pytest.raises(ApplyFailed, match="does not belong to this deployment") as caught:
        provisioner.apply(ours)
    assert vnic.body["vnics"][0]["vnicId"] in str(caught.value)
    assert clock.time() - began < 300


def test_another_refusal_is_told_at_once(provisioner, clock):
    """A refusal that has nothing to do with who holds the address is final."""
    provisioner.emulator.inject(Fault.error("create_container_instance", "InvalidParameter", times=None))
    began = clock.time()
    with pytest.raises(ApplyFailed, match="InvalidParameter"):
        provisioner.apply(taking("an address"))
    assert clock.time() - began < 300


def test_a_host_name_is_waited_for_by_a_change_in_place(make_provisioner):
    """An instance takes over in place the host name of one that the same change removes."""
    provisioner = make_provisioner(latencies=SLOW)

    def spec(*instances):
        return DeploymentSpec("shop", instances, network=NAMED)

    named, plain = evolve(WEB, name="old", hostname_label="front"), evolve(WEB, name="new")
    provisioner.apply(spec(named, plain))
    provisioner.apply(spec(evolve(plain, hostname_label="front")))
    assert not provisioner.plan(spec(evolve(plain, hostname_label="front"))).changes


def test_stop_first_waits_for_the_predecessor_that_is_going(provisioner):
    """An instance that must not run beside its predecessor is created when that is gone."""
    web = evolve(WEB, rollout=RolloutSpec(replace="stop_first"))
    provisioner.apply(DeploymentSpec("shop", [web]))
    cut_destroy_at(provisioner, "container-instance/web-0")
    plan = provisioner.plan(DeploymentSpec("shop", [web]))
    (made,) = [
        one for one in plan.operations if one.id.action is Action.CREATE and one.id.key.kind == "container-instance"
    ]
    assert any(need.action is Action.DELETE for need in made.needs)
    provisioner.apply(plan)


def test_what_stands_is_shown_and_not_its_predecessor_that_is_going(provisioner):
    """After a replacement that was cut while it deleted the old instance, the new one is the deployment's."""
    cancel = Cancel()

    def handle(event):
        if isinstance(event, StepWaiting) and event.action == "delete":
            cancel.set("cut by the test")

    newer = evolve(EVERYTHING, instances=[WEB.with_image("fra.ocir.io/acme/web:2")])
    provisioner.apply(EVERYTHING)
    with pytest.raises(Cancelled):
        provisioner.apply(newer, on_event=handle, cancel=cancel)
    deployment = provisioner.get("shop")
    assert deployment == provisioner.apply(newer)
    assert provisioner.get("shop").stop() == deployment
