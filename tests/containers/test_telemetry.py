"""Telemetry checks of a deployment with real containers on the emulator."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from ocisidecar import (
    HealthCheck,
    InstanceSpec,
    Provisioner,
    ScrapeTarget,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.connection import base_url
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.third_party_images import REDIS
from ocisidecar.verify.report import Check, Report, Status
from tests.readers import reader_of

INSTANCE = "container-instance/shop-0"
APP = (
    InstanceSpec(
        "shop",
        image_url=own_image("app-with-metrics"),
        ocpus=2,
        memory_in_gbs=8,
        ports=[8080, 9090],
        health_checks=[HealthCheck.http(8080, path="/health", initial_delay_in_seconds=1, interval_in_seconds=2)],
        scrape=ScrapeTarget(8081),
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
)
AGENT = SidecarSpec.management_agent()
FORWARDER = SidecarSpec.metrics_forwarder(metric_namespace="forwarded", interval_in_seconds=2, max_streams=1000)
SHOP = (
    APP.with_sidecar(
        SidecarSpec("redis", image_url=REDIS.url, memory_limit_in_gbs=0.25, health_checks=[HealthCheck.tcp(6379)])
    )
    .with_sidecar(SidecarSpec.redis_exporter())
    .with_sidecar(SidecarSpec.nginx_exporter(scrape_uri="http://127.0.0.1:8080/stub_status"))
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.prometheus(scrape_interval_in_seconds=2))
    .with_sidecar(SidecarSpec.log_forwarder())
    .with_sidecar(AGENT)
    .with_sidecar(FORWARDER)
)
"""Metrics go to OCI Monitoring in both ways, in namespaces of their own: one counts on, one sends increments."""
JOBS = "log-forwarder, metrics-forwarder, nginx-exporter, node-exporter, prometheus, redis-exporter, shop"
TELEMETRY = (
    "volumes-shared",
    "targets-up",
    "scrape-latency",
    "app-answers",
    "restarts",
    "usage-within-limits",
    "log-lines-arrive",
    "metrics-arrive",
    "metrics-queue",
    "remote-write",
    "metrics-volume",
)
ALL = tuple(f"{INSTANCE}/{one.name}" for one in (SHOP, *SHOP.sidecars))
WITH_HEALTH_CHECK = tuple(f"{INSTANCE}/{one.name}" for one in (SHOP, *SHOP.sidecars) if one.health_checks)
POST_DEPLOYMENT = {
    "Container instance is ACTIVE": {"ready": [INSTANCE]},
    "All containers are RUNNING": {"running": ALL},
    "Shared volumes are mounted": {"volumes": [INSTANCE], "volumes-shared": [INSTANCE]},
    "Metrics flow to /metrics volume": {"metrics-volume": [INSTANCE]},
    "Management Agent registered in OCI": {"agents": ["management-agent/shop-0"]},
    "Prometheus scraping works": {"targets-up": [INSTANCE], "scrape-latency": [INSTANCE]},
    "OCI Monitoring receives metrics": {
        "metrics-arrive": [f"{INSTANCE}/management-agent", f"{INSTANCE}/metrics-forwarder"],
        "metrics-queue": [f"{INSTANCE}/metrics-forwarder"],
    },
    "Health checks passing": {"health": WITH_HEALTH_CHECK},
    "Logs accessible": {"logs": ALL, "log-lines-arrive": ["log/app", f"{INSTANCE}/log-forwarder"]},
}
"""Item of the list of what is tested after a deployment → checks, each with the keys for which it must pass."""


@pytest.fixture(scope="module")
def provisioner(engine, images):
    """A provisioner with real containers, none of which is left after its `close`."""
    before = set(engine.owned_objects())
    with Provisioner.local(containers="docker", images=images) as provisioner:
        yield provisioner
    assert set(engine.owned_objects()) <= before


@pytest.fixture(scope="module")
def deployment(provisioner):
    return provisioner.apply(SHOP)


@pytest.fixture(scope="module")
def report(deployment) -> Report:
    return deployment.verify(SHOP, telemetry_timeout_seconds=60)


def found(report: Report, name: str, key: str) -> Check:
    (check,) = [one for one in report.checks if (one.name, one.key) == (name, key)]
    return check


@pytest.mark.parametrize(
    "item",
    [
        *POST_DEPLOYMENT,
        pytest.param(
            "Grafana shows data", marks=pytest.mark.skip("Grafana is a stand-in here, which shows nothing")
        ),
    ],
)
def test_the_list_after_a_deployment(report, item):
    """Every check of an item of the list passes for everything that the item is about, with evidence."""
    for name, keys in POST_DEPLOYMENT[item].items():
        checks = [found(report, name, key) for key in keys]
        assert checks
        assert {one.status for one in checks} == {Status.PASSED}, checks
        assert all(one.detail for one in checks)


@pytest.mark.parametrize("name", TELEMETRY)
def test_everything_is_proven(report, name):
    """Every telemetry check passes, and each has evidence."""
    checks = [one for one in report.checks if one.name == name]
    assert checks
    assert {one.status for one in checks} == {Status.PASSED}, checks
    assert all(one.detail for one in checks)


def test_the_rest_passes_too(report):
    """Every other check passes, except that `health` is skipped for containers without a health check."""
    assert {one.status for one in report.checks if one.name != "health"} == {Status.PASSED}
    assert report.ok


def test_the_evidence_names_what_was_seen(report):
    """The evidence names the log file of the request, every exporter, and each container's memory."""
    assert "a request to 'access.log' on the volume 'logs'" in found(report, "volumes-shared", INSTANCE).detail
    assert found(report, "targets-up", INSTANCE).detail == f"7 of 7 up according to Prometheus: {JOBS}"
    usage = found(report, "usage-within-limits", INSTANCE).detail
    assert all(f"memory of {one.name} " in usage for one in (*SHOP.sidecars, SHOP))
    assert "'metrics' was written" in found(report, "metrics-volume", INSTANCE).detail
    assert "app_" in found(report, "metrics-arrive", f"{INSTANCE}/metrics-forwarder").detail
    assert " in ocisidecar, " in found(report, "metrics-arrive", f"{INSTANCE}/management-agent").detail
    assert " datapoints wait" in found(report, "metrics-queue", f"{INSTANCE}/metrics-forwarder").detail


def test_prometheus_need_not_be_reached(provisioner, deployment, eventually):
    """If port 9090 is closed, the state of the targets comes from OCI Monitoring."""
    closed = {"securityRuleIds": _rules_for(provisioner, deployment, 9090)}
    group = deployment.resources["network-security-group/shop"]
    caller = reader_of(provisioner, "shop").caller
    caller.call("core.VirtualNetworkClient", "remove_network_security_group_security_rules", group, closed)

    def detail(name: str) -> str:
        report = deployment.verify(read_only=True, telemetry_timeout_seconds=10)
        return found(report, name, INSTANCE).detail

    eventually(lambda: detail("targets-up") == f"7 of 7 up according to OCI Monitoring: {JOBS}")
    assert detail("scrape-latency").endswith("according to OCI Monitoring")


def _rules_for(provisioner, deployment, port: int) -> list[str]:
    rules = reader_of(provisioner, "shop").caller.pages(
        "core.VirtualNetworkClient",
        "list_network_security_group_security_rules",
        deployment.resources["network-security-group/shop"],
        direction="INGRESS",
    )
    return [one["id"] for one in rules if one["tcpOptions"]["destinationPortRange"]["min"] == port]


def test_another_process_finds_the_way_too(provisioner, deployment):
    """A provisioner that connects to the emulator's endpoint gets the pod's real address from the emulator."""
    emulator = provisioner.emulator
    where = {"endpoint": emulator.endpoint, "compartment_id": emulator.compartment_id}
    with Provisioner.from_config(emulator.oci_config, **where) as other:
        (instance,) = other.get(deployment.name).instances
        assert base_url(instance, 8080) == emulator.reach(instance.id, 8080)


def test_logs_are_what_the_programs_wrote(deployment):
    """`logs` returns lines of nginx, Redis and the log forwarder, each with its time."""
    lines = list(deployment.logs())
    said = {name: [one.text for one in lines if one.container == name] for name in ("shop", "redis")}
    assert any("start worker process" in text for text in said["shop"])
    assert any("Ready to accept connections" in text for text in said["redis"])
    forwarder = [json.loads(one.text) for one in deployment.logs("log-forwarder")]
    assert "access.log" in {one.get("path") for one in forwarder}
    assert all(one.time is not None for one in lines)


def test_a_forwarder_that_may_not_push_fails(provisioner):
    """A forwarder without a resource principal fails its check, and the operator's own test entry passes."""
    forwarder = evolve(SidecarSpec.log_forwarder(), is_resource_principal_disabled=True, health_checks=())
    spec = evolve(APP, name="mute", ports=(8080,)).with_sidecar(forwarder)
    deployment = provisioner.apply(spec, wait="ready")
    report = deployment.verify(telemetry_timeout_seconds=4)
    assert found(report, "log-lines-arrive", "container-instance/mute-0/log-forwarder").status is Status.FAILED
    assert found(report, "log-lines-arrive", "log/app").status is Status.PASSED
    provisioner.destroy("mute", purge=True)


def test_destroy_leaves_nothing(provisioner, deployment, engine):
    """A destroy with purge leaves no object on the engine and no resource in the emulator."""
    assert [one for one in engine.owned_objects() if "shop" in one]
    provisioner.destroy(deployment, purge=True)
    assert engine.owned_objects() == ()
    assert provisioner.emulator.live() == {}
