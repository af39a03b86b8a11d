"""Telemetry roles of containers, read from what OCI shows of the containers that our presets make."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.observe.container_roles import TelemetryRole, telemetry_role_of
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import as_deployment
from ocisidecar.wire import resolve_fields


def role(sidecar: SidecarSpec) -> TelemetryRole:
    """Return the role of the sidecar as composed for OCI."""
    spec = InstanceSpec("web", image_url="web:1").with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    spec = spec.with_sidecar(sidecar)
    body = resolve_fields(compose(as_deployment(spec), spec, replica=0).body, lambda ref: f"ocid1.{ref.key.kind}")
    return telemetry_role_of(next(one for one in body["containers"] if one["displayName"] == sidecar.name))


def test_the_log_forwarder():
    """The log forwarder's role names its log and the volume that it reads."""
    assert role(SidecarSpec.log_forwarder()) == TelemetryRole(
        log_id="ocid1.log", log_source="web/web-0", log_volume="logs"
    )


def test_the_management_agent():
    """The management agent's role names the metric namespace that it sends to."""
    agent = SidecarSpec.management_agent(response_file="key", metric_namespace="shop")
    assert role(agent) == TelemetryRole(metric_namespace="shop")


def test_the_metrics_forwarder():
    """The metrics forwarder's role has where it sends, its limits and the port of its own metrics."""
    assert role(SidecarSpec.metrics_forwarder()) == TelemetryRole(
        metric_namespace="ocisidecar", takes_writes=True, max_streams=200, interval_seconds=60.0, status_port=9182
    )
    chosen = role(
        SidecarSpec.metrics_forwarder(
            metric_namespace="shop", resource_group="front", metrics=["up"], max_streams=7, interval_in_seconds=300
        )
    )
    assert chosen == TelemetryRole(
        metric_namespace="shop",
        resource_group="front",
        takes_writes=True,
        has_own_selectors=True,
        max_streams=7,
        interval_seconds=300.0,
        status_port=9182,
    )


def test_a_volume_for_metrics():
    """The volume that a container mounts at /metrics is where its metrics are written."""
    writer = SidecarSpec("writer", image_url="w:1", mounts={"/metrics": VolumeSpec.empty_dir("numbers")})
    assert role(writer) == TelemetryRole(metrics_volume="numbers")


def test_prometheus():
    """Prometheus is recognised by its storage flag, and its port is taken from the listen address."""
    assert role(SidecarSpec.prometheus()) == TelemetryRole(prometheus_port=9090)
    other = SidecarSpec("metrics", image_url="prom:1", arguments=["--storage.tsdb.path=/data"])
    assert role(other).prometheus_port == 9090
    moved = SidecarSpec("m", image_url="prom:1", arguments=["--storage.tsdb.path=/d", "--web.listen-address=:80"])
    assert role(moved).prometheus_port == 80


def test_a_protected_prometheus():
    """A Prometheus with a web configuration is recognised as one that may ask for a password."""
    users = {"ops": "$2y$10$" + "a" * 53}
    assert role(SidecarSpec.prometheus(users=users)) == TelemetryRole(prometheus_port=9090, is_protected=True)


@pytest.mark.parametrize("preset", [SidecarSpec.node_exporter, SidecarSpec.nginx_exporter, SidecarSpec.grafana])
def test_others_have_no_role(preset):
    """Exporters and Grafana have an empty role."""
    assert role(preset()) == TelemetryRole()


@pytest.mark.parametrize("body", [{}, {"arguments": None, "environmentVariables": None, "volumeMounts": None}])
def test_a_container_that_shows_nothing(body):
    """Null or absent fields give an empty role."""
    assert telemetry_role_of(body) == TelemetryRole()
