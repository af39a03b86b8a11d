"""All from the first apply to the destroy, whatever the real service's durations are within what is known."""

from __future__ import annotations

from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocisidecar import (
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    LoggingSpec,
    Provisioner,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Latencies

WEB = (
    InstanceSpec(
        "web", image_url="fra.ocir.io/acme/web:1.4", ports=[8080], health_checks=[HealthCheck.http(8080, path="/")]
    )
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.log_forwarder())
)
SPEC = DeploymentSpec("web", [WEB], alarms=[AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])])
CHANGED = DeploymentSpec(
    "web",
    [evolve(WEB.with_image("fra.ocir.io/acme/web:1.5"), ports=[8080, 8443], replicas=2)],
    alarms=[AlarmSpec.cpu_utilization(90, destinations=[TopicSpec("oncall")])],
    logging=LoggingSpec.deployment(log_names=["app", "audit"]),
)


@settings(max_examples=2)
@given(st.integers(0, 2**32))
@example(65)  # an instance whose image was refused is still DELETING when its successor works
def test_every_run_converges_and_leaves_nothing(seed):
    """For every seed apply, change, verify and destroy succeed at the first attempt, and no plan finds a rest."""
    clock = VirtualClock()
    with Provisioner.local(latencies=Latencies.realistic(seed), seed=seed, clock=clock) as provisioner:
        for spec in (SPEC, CHANGED):
            deployment = provisioner.apply(spec)
            deployment.verify(spec).raise_for_failures()
            assert not provisioner.plan(spec).changes
        assert len(deployment.instances) == 2
        provisioner.destroy("web", purge=True)
        assert provisioner.emulator.live() == {}
