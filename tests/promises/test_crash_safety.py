"""The first promise: interrupted at any request and run again, a run converges with nothing lost or duplicated.

A power loss is simulated by the transport: from the k-th request on nothing reaches the service any more (cut
before sending), or the k-th still does but its answer is lost (cut after the commit).  Nothing retries and nothing
cleans up: the library sees an exception that it has no rule for, as if the process ended there.
"""

from __future__ import annotations

import pytest

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.state.observed import Phase
from tests.power_loss import cuts, provisioner, run_with_fuse
from tests.readers import reader_of


def deployment(image="fra.ocir.io/acme/web:1.4"):
    web = (
        InstanceSpec("web", image_url=image, ocpus=1, memory_in_gbs=8, ports=[80], replicas=2)
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(SidecarSpec.prometheus())
        .with_sidecar(SidecarSpec.log_forwarder())
    )
    alarm = AlarmSpec.cpu_utilization(
        80, destinations=[TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])]
    )
    return DeploymentSpec("web", [web], alarms=[alarm])


def live_keys(emulator):
    """Return key → number of live resources; those that are being deleted do not count."""
    with provisioner(emulator) as reader:
        snapshot = reader_of(reader, "web").snapshot()
    standing = {
        str(key): [live for live in lives if live.phase is not Phase.GOING]
        for key, lives in snapshot.of("web").items()
    }
    return {key: len(lives) for key, lives in standing.items() if lives}


def emulator():
    latencies = Latencies(
        network=0.2, logging=0.5, container_instance_create=1, container_instance_delete=1, deleted_visible=5
    )
    return Emulator(clock=VirtualClock(), latencies=latencies)


def requests_of(prepare, job):
    """Return how many requests `job` makes after `prepare`."""
    with emulator() as cloud:
        with provisioner(cloud) as one:
            prepare(one)
        before = len(cloud.requests)
        with provisioner(cloud) as one:
            job(one)
        return len(cloud.requests) - before


def apply(one):
    one.apply(deployment())


def replace(one):
    one.apply(deployment("fra.ocir.io/acme/web:1.5"))


def destroy(one):
    one.destroy("web", purge=True)


def nothing(one):
    """Make no request."""


JOBS = {"apply": (nothing, apply), "replace": (apply, replace), "destroy": (apply, destroy)}


@pytest.mark.parametrize("commits_last", [False, True], ids=["before sending", "after commit"])
@pytest.mark.parametrize("name", JOBS)
def test_a_run_cut_at_any_request_converges_when_run_again(name, commits_last):
    """The rerun of an apply leaves one live resource per key, and the rerun of a destroy none."""
    prepare, job = JOBS[name]
    total = requests_of(prepare, job)
    for whole in cuts(0, total, at_most=6):
        with emulator() as cloud:
            with provisioner(cloud) as one:
                prepare(one)
            finished = run_with_fuse(cloud, job, whole, commits_last=commits_last)
            assert not finished or whole >= total - 1, f"request {whole} of {total} was never made"
            with provisioner(cloud) as one:
                job(one)
                expected = {} if name == "destroy" else dict.fromkeys(one.get("web").resources, 1)
                assert live_keys(cloud) == expected, f"cut at request {whole} of {total}"
                if name == "destroy":
                    assert cloud.live() == {}
                else:
                    assert not one.plan(
                        deployment() if name == "apply" else deployment("fra.ocir.io/acme/web:1.5")
                    ).changes
