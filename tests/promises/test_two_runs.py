"""Two runs of one deployment at once, of one user or of two, end with one set of resources.

Retry tokens belong to a user and cover the content, so two users, and two specs, may get two resources of one key.
"""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    ConcurrentRun,
    DeploymentSpec,
    DestroyFailed,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    OciSidecarError,
    Provisioner,
    TopicSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Fault, Latencies
from ocisidecar.state.observed import Phase
from tests.readers import reader_of
from tests.turns import in_turns

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80, 443])],
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
)
OTHERS = {
    "same spec": SPEC,
    "other tags": evolve(SPEC, freeform_tags={"team": "blue"}),
    "other ports and threshold": evolve(
        SPEC,
        instances=[evolve(SPEC.instances[0], ports=[80, 8080])],
        alarms=[AlarmSpec.cpu_utilization(70, destinations=[TopicSpec("oncall")])],
    ),
    "other image": SPEC.with_instance(SPEC.instances[0].with_image("fra.ocir.io/acme/web:1.5")),
    "public network": evolve(SPEC, network=NetworkSpec.public()),
    "other range": evolve(SPEC, network=NetworkSpec.private(cidr_block="10.7.0.0/16")),
}
ORDERS = {"alternating": [0, 1], "in pairs": [0, 0, 1, 1]}
LATENCIES = Latencies(network=1, logging=2, container_instance_create=5, container_instance_delete=3)


@pytest.fixture
def cloud(clock):
    with Emulator(clock=clock, latencies=LATENCIES) as emulator:
        yield emulator


def apply(spec):
    return lambda one: one.apply(spec)


def destroy(one):
    return one.destroy("web", purge=True)


def users(cloud):
    return [cloud.oci_config, cloud.add_user("other")]


def causes(error):
    return list(error.causes.values()) if isinstance(error, ApplyFailed | DestroyFailed) else [error]


def standing(one):
    """Return (key, OCID) of the resources that are not being deleted, sorted."""
    lives = reader_of(one, "web").snapshot().resources
    return sorted((str(live.key), live.id) for live in lives if live.phase is not Phase.GOING)


def assert_converges(cloud, one, spec):
    """A rerun ends with one resource per key and then has nothing to do, and a destroy leaves nothing."""
    deployment = one.apply(spec)
    assert standing(one) == sorted(deployment.resources.items())
    assert not one.plan(spec).changes
    destroy(one)
    assert cloud.live() == {}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("other", ["same spec", "other tags", "other ports and threshold"])
def test_two_users_whose_specs_differ_at_most_in_place_get_one_set(cloud, connect, other, order):
    """Two users' applies at once both succeed, with the same resources, where no content makes a replacement."""
    results = in_turns(cloud, users(cloud), [apply(SPEC), apply(OTHERS[other])], itertools.cycle(ORDERS[order]))
    assert [getattr(result, "name", result) for result in results] == ["web", "web"]
    assert results[0].resources == results[1].resources
    assert standing(connect(cloud)) == sorted(results[0].resources.items())
    assert_converges(cloud, connect(cloud), OTHERS[other])


@pytest.mark.parametrize("count", [1, 2], ids=["one user", "two users"])
@pytest.mark.parametrize("barrier", ["addSecurityRules", "POST"])
def test_two_equal_applies_at_once_leave_nothing_to_heal(cloud, connect, barrier, count):
    """After two applies of one spec that write at the same time, not even a security rule exists twice."""
    configs = users(cloud) if count == 2 else [cloud.oci_config] * 2
    in_turns(cloud, configs, [apply(SPEC), apply(SPEC)], barrier=barrier)
    assert [str(step) for step in connect(cloud).plan(SPEC).changes] == []


@pytest.mark.parametrize("other", ["other image", "public network", "other range"])
@pytest.mark.parametrize(("count", "order"), [(1, [0, 1]), (2, [0, 0, 1, 1])], ids=["one user", "two users"])
def test_of_two_specs_at_once_one_wins_and_the_other_is_told(cloud, connect, other, count, order):
    """A run whose content is not that of the older resource fails with ConcurrentRun, and either spec converges."""
    configs = users(cloud) if count == 2 else [cloud.oci_config] * 2
    results = in_turns(cloud, configs, [apply(SPEC), apply(OTHERS[other])], itertools.cycle(order))
    failed = [cause for result in results if isinstance(result, Exception) for cause in causes(result)]
    assert any(isinstance(cause, ConcurrentRun) for cause in failed), failed
    assert_converges(cloud, connect(cloud), OTHERS[other])


JOBS = {**{name: apply(spec) for name, spec in OTHERS.items()}, "destroy": destroy}


@settings(max_examples=int(os.environ.get("OCISIDECAR_FULL") == "1") * 95 + 5)
@given(
    jobs=st.lists(st.sampled_from(sorted(JOBS)), min_size=2, max_size=3),
    is_one_user=st.booleans(),
    order=st.lists(st.integers(0, 2), max_size=200),
    barrier=st.sampled_from(["", "POST", "DELETE"]),
    exists=st.booleans(),
    lag_seconds=st.sampled_from([0, 0, 30]),
)
def test_whatever_runs_at_once_the_next_one_converges(jobs, is_one_user, order, barrier, exists, lag_seconds):
    """After runs of any specs and users in any order, also a destroy, a rerun ends with one set of resources."""
    clock = VirtualClock()
    with Emulator(clock=clock, latencies=LATENCIES) as cloud, ExitStack() as stack:
        other = cloud.oci_config if is_one_user else cloud.add_user("other")
        configs = [cloud.oci_config, other, cloud.oci_config][: len(jobs)]
        if exists:
            in_turns(cloud, configs[:1], [apply(SPEC)])
        if lag_seconds:
            cloud.inject(Fault.stale_list(seconds=lag_seconds, times=None))
        results = in_turns(cloud, configs, [JOBS[job] for job in jobs], order, barrier)
        failed = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(error, OciSidecarError) for error in failed), failed
        clock.advance(lag_seconds)
        place = {"compartment_id": cloud.compartment_id, "endpoint": cloud.endpoint, "clock": clock}
        one = stack.enter_context(Provisioner.from_config(cloud.oci_config, **place))
        assert_converges(cloud, one, OTHERS["other image"])
