"""A roll-back that is cut off at any request, and run again, loses nothing and doubles nothing."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from ocisidecar import ApplyFailed, InstanceSpec, RolloutSpec
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Fault, Latencies
from tests.power_loss import TRIES_ALL, Fuse, PowerLoss, cuts, provisioner

OLD, NEW = "docker.io/acme/web:1", "docker.io/acme/web:2"
LATENCIES = Latencies(
    network=1,
    container_instance_create=4,
    container_instance_delete=2,
    container_instance_action=1,
    vnic_release=3,
    deleted_visible=60,
    jitter=0.4,
)
ROLLOUTS = {
    "overlap": RolloutSpec(on_failure="roll_back"),
    "stop first": RolloutSpec(replace="stop_first", on_failure="roll_back"),
    "two at a time": RolloutSpec(replace="stop_first", max_unavailable=2, on_failure="roll_back"),
}


def web(image, rollout):
    return InstanceSpec("web", image_url=image, ports=[80], replicas=3, rollout=rollout)


@contextmanager
def cloud_with_old_ones(rollout):
    """Yield an emulator in which three instances run and the third new one fails, and the OCIDs of the old ones."""
    with Emulator(clock=VirtualClock(), latencies=LATENCIES) as cloud:
        with provisioner(cloud) as one:
            resources = one.apply(web(OLD, rollout)).resources
        cloud.inject(Fault.failed("create_container_instance", nth=3, times=None))
        yield cloud, {key: ocid for key, ocid in resources.items() if key.startswith("container-instance/")}


def fail(one, rollout):
    """Apply the new image and return the error."""
    with pytest.raises(ApplyFailed) as caught:
        one.apply(web(NEW, rollout))
    return caught.value


def apply_until_the_cut(cloud, rollout, fuse):
    with provisioner(cloud, fuse) as cut, pytest.raises((PowerLoss, ApplyFailed)):
        cut.apply(web(NEW, rollout))


def assert_runs(cloud, one, ids, spec):
    """Assert that exactly the instances `ids` run, no other one stays, and nothing is left to change."""
    assert {instance.id for instance in one.get("web").instances if instance.is_active} == set(ids)
    lives = [life for life in cloud.lifetimes() if life.kind == "container-instance"]
    assert {life.id for life in lives if life.deleting is None} == set(ids)
    assert not one.plan(spec).changes


def apply_it_again(cloud, one, rollout, old):
    """The new image, again: it fails again, and exactly the old instances run."""
    assert fail(one, rollout).causes
    assert_runs(cloud, one, old.values(), web(OLD, rollout))


def apply_what_ran_before(cloud, one, rollout, old):
    """The old image: exactly the old instances run."""
    one.apply(web(OLD, rollout))
    assert_runs(cloud, one, old.values(), web(OLD, rollout))


def apply_when_mended(cloud, one, rollout, old):
    """The new image when it works: one new instance runs for each old one."""
    cloud.clear_faults()
    new = one.apply(web(NEW, rollout)).resources
    assert not {new[key] for key in old} & set(old.values())
    assert_runs(cloud, one, [new[key] for key in old], web(NEW, rollout))


def destroy(cloud, one, _rollout, _old):
    """Nothing is left."""
    one.destroy("web", purge=True)
    assert cloud.live() == {}


REPAIRS = (apply_it_again, apply_what_ran_before, apply_when_mended, destroy)


def requests_of(rollout):
    """Return how many requests an apply makes before it changes an instance, and in all."""
    with cloud_with_old_ones(rollout) as (cloud, _):
        before = len(cloud.requests)
        with provisioner(cloud) as one:
            assert len(fail(one, rollout).rolled_back) == 3
        made = [request.operation for request in cloud.requests[before:]]
    changes = {"create_container_instance", "stop_container_instance"}
    return next(number for number, name in enumerate(made) if name in changes), len(made)


@pytest.mark.parametrize("commits_last", [False, True], ids=["before sending", "after commit"])
@pytest.mark.parametrize("rollout", ROLLOUTS.values(), ids=ROLLOUTS)
def test_a_roll_back_cut_at_any_request_converges(rollout, commits_last):
    """What is run next ends as if nothing had been cut: the same spec, the old one, a mended one, a destroy."""
    first, total = requests_of(rollout)
    for number, whole in enumerate(cuts(first, total, at_most=6)):
        for repair in REPAIRS if TRIES_ALL else (REPAIRS[number % len(REPAIRS)],):
            with cloud_with_old_ones(rollout) as (cloud, old):
                apply_until_the_cut(cloud, rollout, Fuse(whole, commits_last))
                with provisioner(cloud) as one:
                    repair(cloud, one, rollout, old)
