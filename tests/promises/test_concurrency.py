"""Several applies at a time, and a service that limits the requests per second."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import evolve

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    StepFailed,
    TopicSpec,
)
from ocisidecar.clock import FastClock
from ocisidecar.emulator import Emulator, Latencies

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80, 443], replicas=3)],
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
)


def together(count, job):
    """Run `job(number)` in several threads that begin at once; return results and exceptions."""
    start = threading.Barrier(count)

    def run(number):
        start.wait()
        try:
            return job(number)
        except ApplyFailed as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def live_ids(emulator):
    return sorted(one for ids in emulator.live().values() for one in ids)


@pytest.mark.parametrize("round_", range(3))
@pytest.mark.parametrize("latencies", [Latencies(), Latencies.realistic(1)], ids=["none", "realistic"])
def test_two_provisioners_that_apply_at_the_same_time_end_with_one_set(clock, connect, latencies, round_):
    """Two simultaneous applies of one spec succeed with the same resources, and none is duplicated."""
    with Emulator(clock=clock, latencies=latencies, seed=round_) as emulator:
        both = [connect(emulator), connect(emulator)]
        results = together(2, lambda number: both[number].apply(SPEC))
        assert results[0] == results[1]
        assert live_ids(emulator) == sorted(results[0].resources.values())
        both[0].destroy("web", purge=True)
        assert emulator.live() == {}


def test_two_replacements_at_the_same_time_end_with_one_set(clock, connect):
    """Two simultaneous replacements of the same instances end with one new instance per replica."""
    with Emulator(clock=clock, latencies=Latencies.realistic(1)) as emulator:
        both = [connect(emulator), connect(emulator)]
        both[0].apply(SPEC)
        newer = SPEC.with_instance(SPEC.instances[0].with_image("fra.ocir.io/acme/web:1.5"))
        together(2, lambda number: both[number].apply(newer))
        deployment = both[0].apply(newer)
        assert live_ids(emulator) == sorted(deployment.resources.values())


def test_two_destroys_at_the_same_time_leave_nothing(clock, connect):
    """Two simultaneous destroys of one deployment both succeed."""
    with Emulator(clock=clock, latencies=Latencies.realistic(1)) as emulator:
        both = [connect(emulator), connect(emulator)]
        both[0].apply(SPEC)
        together(2, lambda number: both[number].destroy("web", purge=True))
        assert emulator.live() == {}


def test_one_provisioner_serves_several_threads(provisioner, emulator):
    """Applies of different deployments from several threads of one provisioner all succeed."""
    specs = [InstanceSpec(f"web{number}", image_url="docker.io/acme/web:1.4") for number in range(4)]
    deployments = together(4, lambda number: provisioner.apply(specs[number]))
    assert provisioner.list() == tuple(deployments)
    assert live_ids(emulator) == sorted(one for deployment in deployments for one in deployment.resources.values())


@pytest.mark.parametrize("rate", [2, 10])
def test_a_limit_on_requests_never_fails_a_step(clock, connect, rate):
    """However few requests a second the services admit, apply and destroy succeed."""
    heard = []
    with Emulator(clock=clock, requests_per_second=rate) as emulator:
        one = connect(emulator, on_event=heard.append)
        deployment = one.apply(evolve(SPEC, instances=[evolve(SPEC.instances[0], replicas=20)]))
        assert 429 in {request.status for request in emulator.requests}
        assert len(deployment.resources) == len(live_ids(emulator))
        one.destroy("web", purge=True)
        assert emulator.live() == {}
    assert not [event for event in heard if isinstance(event, StepFailed)]


def test_two_provisioners_share_a_limit_on_requests(connect):
    """Two provisioners that throttle each other in (fast) real time both succeed."""
    clock = FastClock(50)
    with Emulator(clock=clock, requests_per_second=1) as emulator:
        both = [connect(emulator, clock=clock), connect(emulator, clock=clock)]
        names = ("blue", "green")
        results = together(2, lambda number: both[number].apply(evolve(SPEC, name=names[number])))
        assert [one.name for one in results] == list(names)
        assert 429 in {request.status for request in emulator.requests}
