"""The first promise: interrupted at any request and run again, a run converges with nothing lost or duplicated.

A power loss is simulated by the transport: from the k-th request on nothing reaches the service any more (cut
before sending), or the k-th still does but its answer is lost (cut after the commit).  Nothing retries and nothing
cleans up: the library sees an exception that it has no rule for, as if the process ended there.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable

import pytest
from attrs import define, field
from oci._vendor.requests.adapters import HTTPAdapter

from ocisidecar import (
    AlarmSpec,
    ApplyFailed,
    DeploymentSpec,
    DestroyFailed,
    InstanceSpec,
    Provisioner,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.apply.limits import Limits
from ocisidecar.client.session import Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import load_credentials
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.state.observed import Phase
from tests.readers import reader_of

STRIDE = 1 if os.environ.get("OCISIDECAR_FULL") == "1" else 7
"""Every cut is tried with OCISIDECAR_FULL=1, every seventh otherwise."""


class PowerLoss(BaseException):
    """Raised in place of every request after the power loss."""


@define
class Fuse:
    """Forwards `whole` requests, then raises PowerLoss."""

    whole: int
    commits_last: bool
    seen: itertools.count = field(factory=itertools.count)

    def send(self, forward: Callable[[], object]) -> object:
        number = next(self.seen)
        if number < self.whole:
            return forward()
        if number == self.whole and self.commits_last:
            forward()
        raise PowerLoss


class FusedAdapter(HTTPAdapter):
    """An HTTP adapter whose requests pass through the fuse."""

    def __init__(self, fuse):
        super().__init__()
        self._fuse = fuse

    def send(self, *args, **kwargs):
        return self._fuse.send(lambda: super(FusedAdapter, self).send(*args, **kwargs))


@define
class FusedSession(Session):
    """The session of a process that loses power."""

    fuse: Fuse = field(kw_only=True)

    def _make_client(self, path, region):
        client = super()._make_client(path, region)
        client.base_client.session.mount("http://", FusedAdapter(self.fuse))
        return client


def deployment(image="fra.ocir.io/acme/web:1.4"):
    web = (
        InstanceSpec("web", image_url=image, ocpus=1, memory_in_gbs=8, ports=[80], replicas=2)
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_sidecar(SidecarSpec.prometheus())
        .with_sidecar(SidecarSpec.log_forwarder())
    )
    alarm = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])
    return DeploymentSpec("web", [web], alarms=[alarm])


@functools.cache
def credentials_of(*config):
    """Return the emulator's credentials, cached because the key is slow to parse."""
    return load_credentials(dict(config), environment={})


def provisioner(emulator, fuse=None):
    credentials = credentials_of(*emulator.oci_config.items())
    endpoint, clock = emulator.endpoint, emulator.clock
    session = (
        Session(credentials, clock, endpoint)
        if fuse is None
        else FusedSession(credentials, clock, endpoint, fuse=fuse)
    )
    return Provisioner(
        session,
        compartment_id=emulator.compartment_id,
        accepts_symbolic_images=True,
        limits=Limits(max_workers=1),
    )


def run_with_fuse(emulator, job, whole, *, commits_last):
    """Run `job` until the power loss; return whether it was complete before."""
    fuse = Fuse(whole, commits_last)
    cut = provisioner(emulator, fuse)
    with cut:
        try:
            job(cut)
        except (PowerLoss, ApplyFailed, DestroyFailed) as error:
            causes = getattr(error, "causes", {"": error}).values()
            if not any("PowerLoss" in repr(cause) for cause in causes):
                raise
            return False
    return True


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
    for whole in range(0, total, STRIDE):
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
