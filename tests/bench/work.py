"""The measured deployments: what DESIGN calls "the same work", with N container instances."""

from __future__ import annotations

from math import isfinite

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, SidecarSpec, TopicSpec, VolumeSpec
from ocisidecar.plan.plan import Action

PORTS = (80, 81, 82, 83, 84)


def spec(count, name="web"):
    """Return N instances of 3 containers with a private network, 6 rules, group, policy, log, alarm and topic."""
    web = (
        InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8, ports=PORTS, replicas=count)
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
        .with_sidecar(SidecarSpec.prometheus())
        .with_sidecar(SidecarSpec.log_forwarder())
    )
    alarm = AlarmSpec.cpu_utilization(80, destinations=[TopicSpec("oncall")])
    return DeploymentSpec(name, [web], alarms=[alarm])


def critical_path(plan, durations):
    """Return the seconds of the plan's longest chain, with the duration of each key from `durations`."""
    ends = {}
    for operation in plan.operations:  # ordered: each comes after those that it needs
        before = max((ends[need] for need in operation.needs), default=0.0)
        name = operation.id
        own = name.resource_id if name.action is Action.DELETE else str(name.key)
        ends[name] = before + durations.get(own, 0.0)
    return max(ends.values(), default=0.0)


def ready_after(lifetimes, resources):
    """Return key → seconds from a resource's creation until it was ready, as the emulator drew it."""
    spans = {one.id: one.ready - one.created for one in lifetimes}
    return {key: spans[live_id] for key, live_id in resources.items() if live_id in spans}


def gone_after(lifetimes):
    """Return OCID → seconds from a resource's deletion until it was gone, as the emulator drew it."""
    return {one.id: one.gone - one.deleting for one in lifetimes if isfinite(one.gone) and isfinite(one.deleting)}
