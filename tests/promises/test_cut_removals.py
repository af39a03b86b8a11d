"""A run that was cut while it deleted something, and then an apply: it waits for what is going, and converges."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, LoggingSpec, NetworkSpec, RolloutSpec, TopicSpec
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Latencies
from tests.power_loss import cuts, provisioner, run_with_fuse

LATENCIES = Latencies(
    identity=1,
    network=1,
    logging=1,
    monitoring=1,
    notification=1,
    artifacts=1,
    container_instance_create=1,
    container_instance_delete=1,
    vnic_release=8,
)
WEB = InstanceSpec(
    "web",
    image_url="fra.ocir.io/acme/web:1",
    ports=[80],
    private_ip="10.0.0.5",
    hostname_label="front",
    rollout=RolloutSpec(replace="stop_first"),
)
SPEC = DeploymentSpec(
    "web",
    [WEB],
    network=NetworkSpec.private(dns_label="web"),
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
)
NEWER = evolve(SPEC, instances=[WEB.with_image("fra.ocir.io/acme/web:2")])
PUBLIC = evolve(SPEC, network=NetworkSpec.public(dns_label="web"))


def destroy(one):
    one.destroy("web", purge=True)


def applying(spec):
    return lambda one: one.apply(spec)


JOBS = {
    "destroy, apply": (destroy, SPEC),
    "destroy, another apply": (destroy, PUBLIC),
    "stop first": (applying(NEWER), NEWER),
    "stop first, back": (applying(NEWER), SPEC),
    "private to public": (applying(PUBLIC), PUBLIC),
    "private to public, back": (applying(PUBLIC), SPEC),
}


def emulator():
    return Emulator(clock=VirtualClock(), latencies=LATENCIES)


def made(cloud):
    with provisioner(cloud) as one:
        one.apply(SPEC)


def length_of(job):
    with emulator() as cloud:
        made(cloud)
        before = len(cloud.requests)
        with provisioner(cloud) as one:
            job(one)
        return len(cloud.requests) - before


@pytest.mark.parametrize("commits_last", [False, True], ids=["before sending", "after commit"])
@pytest.mark.parametrize("name", JOBS)
def test_an_apply_after_a_cut_removal_converges(name, commits_last):
    """Wherever a run that deletes was cut, the next apply leaves one resource per key and nothing to do."""
    job, then = JOBS[name]
    total = length_of(job)
    for whole in cuts(0, total, at_most=5):
        with emulator() as cloud:
            made(cloud)
            run_with_fuse(cloud, job, whole, commits_last=commits_last)
            with provisioner(cloud) as one:
                deployment = one.apply(then)
                live = [found for ids in cloud.live().values() for found in ids]
                assert sorted(live) == sorted(deployment.resources.values()), f"cut at request {whole} of {total}"
                assert not one.plan(then).changes
