"""The work that is measured: what DESIGN calls "the same work", with N container instances."""

from __future__ import annotations

from math import isfinite

from ocisidecar import AlarmSpec, DeploymentSpec, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.plan.operations import Verb, nodes_of
from ocisidecar.resources.kinds import NEEDS

PORTS = (80, 81, 82, 83, 84)


def spec(count, name="web"):
    """A private network with 6 rules, group, policy, log group, log, alarm, and N instances of 3 containers."""
    web = (
        InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8, ports=PORTS, replicas=count)
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
        .with_sidecar(SidecarSpec.prometheus())
        .with_sidecar(SidecarSpec.log_forwarder())
    )
    return DeploymentSpec(name, [web], alarms=[AlarmSpec.cpu_utilization(80)])


def critical_path(plan, durations):
    """Seconds that the longest chain of `plan` takes when each key takes what `durations` says."""
    nodes = {node.id: node for node in nodes_of(plan, NEEDS)}
    done = {}

    def finish(node_id):
        if node_id not in done:
            node = nodes[node_id]
            before = max((finish(need) for need in node.needs), default=0.0)
            own = node_id.live_id if node_id.verb is Verb.DELETE else str(node_id.key)
            done[node_id] = before + durations.get(own, 0.0)
        return done[node_id]

    return max((finish(node) for node in nodes), default=0.0)


def ready_after(lifetimes, resources):
    """Key → seconds from a resource's creation until it was ready, as the emulator drew it."""
    spans = {one.id: one.ready - one.created for one in lifetimes}
    return {key: spans[live_id] for key, live_id in resources.items() if live_id in spans}


def gone_after(lifetimes):
    """OCID → seconds from a resource's deletion until it was gone, as the emulator drew it."""
    return {one.id: one.gone - one.deleting for one in lifetimes if isfinite(one.gone) and isfinite(one.deleting)}
