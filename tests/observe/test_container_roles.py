"""What containers do for telemetry, told from what OCI shows of those that our presets make."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.observe.container_roles import Duty, duty_of
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import as_deployment
from ocisidecar.wire import resolve_fields


def duty(sidecar: SidecarSpec) -> Duty:
    """Return what the sidecar does, as composed for OCI."""
    spec = InstanceSpec("web", image_url="web:1").with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    spec = spec.with_sidecar(sidecar)
    body = resolve_fields(compose(as_deployment(spec), spec, replica=0).body, lambda ref: f"ocid1.{ref.key.kind}")
    return duty_of(next(one for one in body["containers"] if one["displayName"] == sidecar.name))


def test_the_log_forwarder():
    """It ships the files of a volume to a log."""
    assert duty(SidecarSpec.log_forwarder()) == Duty(log_id="ocid1.log", log_volume="logs")


def test_the_management_agent():
    """It sends metrics to a namespace."""
    agent = SidecarSpec.management_agent(response_file="key", metric_namespace="shop")
    assert duty(agent) == Duty(metric_namespace="shop")


def test_prometheus():
    """It is known by a flag that only it has, and answers where it is told to listen."""
    assert duty(SidecarSpec.prometheus()) == Duty(prometheus_port=9090)
    other = SidecarSpec("metrics", image_url="prom:1", arguments=["--storage.tsdb.path=/data"])
    assert duty(other).prometheus_port == 9090
    moved = SidecarSpec("m", image_url="prom:1", arguments=["--storage.tsdb.path=/d", "--web.listen-address=:80"])
    assert duty(moved).prometheus_port == 80


@pytest.mark.parametrize("preset", [SidecarSpec.node_exporter, SidecarSpec.nginx_exporter, SidecarSpec.grafana])
def test_others_have_no_duty(preset):
    """They serve metrics or show them."""
    assert duty(preset()) == Duty()


@pytest.mark.parametrize("body", [{}, {"arguments": None, "environmentVariables": None, "volumeMounts": None}])
def test_a_container_that_shows_nothing(body):
    """What is null or absent is no duty."""
    assert duty_of(body) == Duty()
