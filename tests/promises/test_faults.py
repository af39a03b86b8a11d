"""The law of faults: whatever fails for a while, running again converges.

Under any finite schedule of faults an apply, a change and a destroy either succeed or end in one of our errors.
When the faults are over the same calls succeed, no key has two live resources, and after a destroy nothing is left.
The same holds for malformed responses, at any request, once or for good.
`OCISIDECAR_FULL=1` tries many schedules, else a few, always the same.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    OciSidecarError,
    Provisioner,
    TopicSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Fault, Latencies
from tests.fault_words import BODIES, CODES, MEMBERS, OPERATIONS

IS_FULL = os.environ.get("OCISIDECAR_FULL") == "1"
SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ports=[80], replicas=2)],
    logging=LoggingSpec.deployment(),
    alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])],
)
CHANGED = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.5", ports=[443], replicas=1)],
    logging=LoggingSpec.deployment(retention_duration_in_days=60),
    alarms=[AlarmSpec.cpu_utilization(90, destinations=[TopicSpec("oncall")])],
)
LATENCIES = Latencies(
    identity=0.5,
    network=1,
    logging=2,
    container_instance_create=6,
    container_instance_delete=4,
    vnic_release=9,
    jitter=0.4,
)

operations = st.sampled_from(OPERATIONS)
codes = st.sampled_from(CODES)
rules = {"nth": st.integers(1, 8), "times": st.integers(1, 12)}
faults = st.one_of(
    st.builds(Fault.error, operations, codes, **rules),
    st.builds(Fault.error, operations, st.just("TooManyRequests"), retry_after=st.integers(1, 60), **rules),
    st.builds(Fault.error, operations, st.just("ServiceUnavailable"), status=st.just(503), **rules),
    st.builds(Fault.empty_error, operations, st.sampled_from([400, 502, 504]), **rules),
    st.builds(Fault.reset, operations, after_commit=st.booleans(), **rules),
    st.builds(Fault.truncated, operations, **rules),
    st.builds(Fault.stale_list, seconds=st.integers(1, 60), **rules),
    st.builds(Fault.failed, st.sampled_from(["create_container_instance", "create_log*"]), **rules),
    st.builds(
        Fault.out_of_capacity,
        availability_domain=st.none() | st.sampled_from(["AD-1", "AD-2", "AD-3"]),
        synchronous=st.booleans(),
        times=st.integers(1, 12),
    ),
)
schedules = st.lists(faults, min_size=1, max_size=4)
bodies = st.sampled_from(BODIES)
members = st.sampled_from(MEMBERS)
ever = {"nth": st.integers(1, 12), "times": st.none() | st.integers(1, 12)}
malformed = st.lists(
    st.one_of(
        st.builds(Fault.malformed, operations, bodies, after_commit=st.booleans(), **ever),
        st.builds(Fault.malformed, operations, cut=st.sampled_from([True]), **ever),
        st.builds(Fault.malformed, operations, members=members, **ever),
        st.builds(Fault.malformed, operations, without=st.just(["id", "topicId"]), **ever),
        st.builds(Fault.malformed, operations, headers=st.just({"opc-next-page": "again"}), **ever),
        st.builds(Fault.malformed, operations, headers=st.just({"opc-work-request-id": None}), **ever),
    ),
    min_size=1,
    max_size=2,
)


def attempt(job):
    """Run `job`; our own errors are expected, and any other exception propagates."""
    try:
        job()
    except OciSidecarError as error:
        return error
    return None


def assert_converged(provisioner, spec):
    """Assert that an apply succeeds now, and that nothing is missing, duplicated or left over."""
    deployment = provisioner.apply(spec)
    live = [one for ids in provisioner.emulator.live().values() for one in ids]
    assert sorted(live) == sorted(deployment.resources.values())
    assert not provisioner.plan(spec).changes


@settings(
    max_examples=600 if IS_FULL else 8,
    derandomize=not IS_FULL,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(making=schedules, changing=schedules, removing=schedules, seed=st.integers(0, 99))
def test_a_rerun_after_any_faults_converges(making, changing, removing, seed):
    """Apply, change and destroy under faults, each followed by the same without faults, converge."""
    with Provisioner.local(clock=VirtualClock(), latencies=LATENCIES, seed=seed) as provisioner:
        emulator = provisioner.emulator
        for schedule, spec in ((making, SPEC), (changing, CHANGED)):
            emulator.inject(*schedule)
            attempt(lambda spec=spec: provisioner.apply(spec))
            emulator.clear_faults()
            assert_converged(provisioner, spec)
        emulator.inject(*removing)
        attempt(lambda: provisioner.destroy("web", purge=True))
        emulator.clear_faults()
        provisioner.destroy("web", purge=True)
        assert emulator.live() == {}


@settings(
    max_examples=600 if IS_FULL else 5,
    derandomize=not IS_FULL,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(making=malformed, reading=malformed, changing=malformed, removing=malformed, seed=st.integers(0, 99))
def test_malformed_responses_are_never_taken_for_true(making, reading, changing, removing, seed):
    """Under malformed responses each call succeeds or ends in one of our errors; without them it converges."""
    with Provisioner.local(clock=VirtualClock(), latencies=LATENCIES, seed=seed) as provisioner:
        emulator = provisioner.emulator

        def under(schedule, *jobs):
            emulator.inject(*schedule)
            for job in jobs:
                attempt(job)
            emulator.clear_faults()

        under(making, lambda: provisioner.apply(SPEC))
        assert_converged(provisioner, SPEC)
        deployment = provisioner.get("web")
        under(
            reading,
            lambda: provisioner.plan(CHANGED),
            lambda: provisioner.get("web").instances,
            deployment.verify,
            deployment.diagnose,
            deployment.logs,
            provisioner.list,
        )
        assert not provisioner.plan(SPEC).changes
        under(changing, lambda: provisioner.apply(CHANGED))
        assert_converged(provisioner, CHANGED)
        under(removing, lambda: provisioner.destroy("web", purge=True))
        provisioner.destroy("web", purge=True)
        assert emulator.live() == {}
