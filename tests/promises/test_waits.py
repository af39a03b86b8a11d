"""No run waits for what cannot come any more: it ends soon, and one sentence names the cause and the remedy."""

from __future__ import annotations

import re

import pytest
from attrs import evolve

from ocisidecar import (
    AccessSpec,
    ApplyFailed,
    ConcurrentRun,
    DeploymentSpec,
    InstanceSpec,
    NetworkSpec,
    RolloutSpec,
    Statement,
    StepRetrying,
)
from ocisidecar.emulator import Emulator, Fault, Latencies
from tests.promises.test_list_lag import cut_apply
from tests.promises.test_two_runs import LATENCIES, SPEC
from tests.turns import in_turns

LAG_SECONDS = 30
SOON_SECONDS = 90
"""Longer than lists lag, and much shorter than anything that a run waits for."""
OTHER_RANGE = NetworkSpec.private(cidr_block="10.7.0.0/16")
EMPTY = evolve(SPEC, instances=[], alarms=[])


@pytest.fixture
def cloud(clock):
    with Emulator(clock=clock, latencies=LATENCIES) as emulator:
        yield emulator


def only_error(caught):
    """Return the cause of a failed apply, or its first one if all are alike."""
    causes = list(caught.value.causes.values())
    assert {type(cause) for cause in causes} == {ConcurrentRun}
    return str(causes[0])


HIDDEN = {
    "an instance in a subnet that is replaced": (
        lambda connect: connect.apply(EMPTY),
        lambda connect: connect.apply(SPEC),
        evolve(EMPTY, network=NetworkSpec.public()),
        (
            r"subnet/main \(ocid1\.subnet\S+\) cannot be deleted yet: container-instance/web-0 "
            r"\(ocid1\.computecontainerinstance\S+\) is in it, which no list showed when the plan was made\. "
            r"A new plan has both\."
        ),
    ),
    "an instance that is wanted elsewhere": (
        lambda connect: connect.apply(EMPTY),
        lambda connect: connect.apply(SPEC),
        evolve(SPEC, network=NetworkSpec.public()),
        r"subnet/main \S+ cannot be deleted yet: container-instance/web-0 .* A new plan has both\.",
    ),
    "an instance in a security group": (
        lambda connect: connect.apply(EMPTY),
        lambda connect: connect.apply(SPEC),
        evolve(EMPTY, network=OTHER_RANGE),
        r"(subnet|network-security-group)/main \S+ cannot be deleted yet: container-instance/web-0 .*",
    ),
    "a subnet in a VCN": (
        lambda connect: cut_apply(connect, "vcn/main"),
        lambda connect: cut_apply(connect, "subnet/main"),
        evolve(EMPTY, network=OTHER_RANGE),
        r"vcn/main \S+ cannot be deleted yet: \S+/main \(ocid1\S+\) is in it, .*",
    ),
    "a subnet with a route table": (
        lambda connect: cut_apply(connect, "security-list/main"),
        lambda connect: cut_apply(connect, "subnet/main"),
        evolve(EMPTY, network=OTHER_RANGE),
        r"\S+/main \S+ cannot be deleted yet: \S+/main \(ocid1\S+\) is in it, .*",
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_lists_hid_in_something_that_an_apply_deletes_ends_it_soon(cloud, connect, clock, name):
    """An apply whose delete is refused because of what its plan could not see says so; the next one converges."""
    before, meanwhile, spec, words = HIDDEN[name]
    before(connect(cloud))
    clock.advance(3600)
    meanwhile(connect(cloud))
    cloud.inject(Fault.stale_list(seconds=LAG_SECONDS, times=None))
    began, heard = clock.time(), []
    with pytest.raises(ApplyFailed) as caught:
        connect(cloud).apply(spec, on_event=heard.append)
    assert clock.time() - began < SOON_SECONDS
    assert re.fullmatch(words, only_error(caught))
    told = [one.reason for one in heard if isinstance(one, StepRetrying) and "until" in one.reason]
    assert all(re.search(r"waiting until it can be deleted, at most 330 s", one) for one in told)
    clock.advance(LAG_SECONDS)
    one = connect(cloud)
    one.apply(spec)
    assert not one.plan(spec).changes
    one.destroy("web", purge=True)
    assert cloud.live() == {}


def test_what_goes_by_itself_is_waited_for_and_told_once(connect, clock):
    """A subnet whose VNIC is released late is deleted when it is; one notice says what is waited for."""
    with Emulator(clock=clock, latencies=evolve(LATENCIES, vnic_release=200)) as cloud:
        one, heard = connect(cloud), []
        one.apply(SPEC)
        clock.advance(3600)
        one.apply(evolve(EMPTY, network=OTHER_RANGE), on_event=heard.append)
    told = [one for one in heard if isinstance(one, StepRetrying)]
    assert len(told) == len({one.key for one in told}) > 0
    assert all("waiting until it can be deleted, at most 330 s" in one.reason for one in told)


IMAGE = "fra.ocir.io/acme/web:1.4"
WEB = InstanceSpec("web", image_url=IMAGE)
READS = Statement("read", "repos", where="target.repo.name='web'", reason="OCI pulls the image")
PLATFORM = DeploymentSpec("platform", [], access=AccessSpec.deployment(statements=[READS]))
SHARING = DeploymentSpec("web", [WEB], access=AccessSpec.of("platform"))
SLOW = Latencies(iam_propagation=480, container_instance_create=20)


@pytest.fixture
def slow(clock):
    with Emulator(clock=clock, latencies=SLOW) as emulator:
        yield emulator


def delete_when_waiting(cloud, one, spec, kind, step):
    """Apply, and delete the only resource of a kind when `step` first waits for IAM; return the error and when."""
    noun = kind.replace("-", "_")
    identity = one.session.client("identity.IdentityClient", one.region)
    moments = []

    def handle(event):
        if isinstance(event, StepRetrying) and event.key == step and not moments:
            assert "waiting for IAM to take effect" in event.reason
            getattr(identity, f"delete_{noun}")(cloud.live()[kind][0])
            moments.append(one.session.clock.time())

    with pytest.raises(ApplyFailed) as caught:
        one.apply(spec, on_event=handle)
    return caught, moments[0]


@pytest.mark.parametrize("on_failure", ["keep", "roll_back"])
@pytest.mark.parametrize("kind", ["policy", "dynamic-group"])
def test_an_instance_whose_right_is_taken_away_is_not_waited_for(slow, connect, clock, kind, on_failure):
    """An apply whose policy or group another run deletes ends soon, and says so; the next one converges."""
    one = connect(slow)
    spec = evolve(WEB, rollout=RolloutSpec(on_failure=on_failure))
    caught, moment = delete_when_waiting(slow, one, spec, kind, "container-instance/web-0")
    assert clock.time() - moment < 150
    assert re.fullmatch(
        rf"container-instance/web-0 waited until {kind}/main \(ocid1\S+\) takes effect in IAM, but that was "
        r"deleted meanwhile: another run changes or destroys web\. Let it end, then apply again\.",
        only_error(caught),
    )
    connect(slow).apply(spec)
    assert not connect(slow).plan(spec).changes


def test_a_shared_right_that_is_taken_away_is_not_waited_for(slow, connect, clock):
    """An apply that uses another deployment's policy ends soon when that one is destroyed."""
    one = connect(slow)
    one.apply(PLATFORM)
    caught, moment = delete_when_waiting(slow, one, SHARING, "policy", "container-instance/web-0")
    assert clock.time() - moment < 150
    assert "policy/main (ocid1" in only_error(caught)
    assert "another run changes or destroys platform" in only_error(caught)


def test_a_policy_whose_group_is_taken_away_is_not_waited_for(slow, connect, clock):
    """An apply whose policy is refused until its group is known ends soon when the group is deleted."""
    caught, moment = delete_when_waiting(slow, connect(slow), WEB, "dynamic-group", "policy/main")
    assert clock.time() - moment < 150
    assert "policy/main waited until dynamic-group/main (ocid1" in only_error(caught)


def test_an_apply_beside_a_destroy_ends_with_it(slow, connect, clock):
    """Of an apply and a destroy at once, the apply does not outlast the destroy by a quarter of an hour."""
    one = connect(slow)
    one.apply(PLATFORM)  # what IAM takes is over for nothing else
    began = clock.time()
    in_turns(
        slow,
        [slow.oci_config] * 2,
        [lambda one: one.apply(WEB), lambda one: one.destroy("web", purge=True)],
    )
    assert clock.time() - began < 600
