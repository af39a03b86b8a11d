"""Checks of telemetry as a whole: everything arrives, nothing may be sent, or nothing can be proven."""

from __future__ import annotations

import pytest

from ocisidecar import DeploymentSpec, InstanceSpec, LoggingSpec
from ocisidecar.emulator import Latencies
from ocisidecar.verify.report import Status
from tests.verify.telemetry import AGENT, FORWARDER, FULL, INSTANCE, found, verdicts


def test_every_check_passes_with_evidence(look, endpoint, ship, begin, sample, measure):
    """Every check passes if everything arrives, and its detail names what was found where."""
    begin()
    endpoint.wrote = ship
    sample("prometheus")
    measure("CpuUtilization", 3.0)
    measure("MemoryUtilization", 12.5)
    measure("EphemeralStorageUsed", 3 * 1024**3)
    measure("ContainerMemoryUsed", 256 * 1024**2, containerDisplayName="prometheus")
    report = look(FULL)
    assert report.ok
    said = {name: found(report, name, INSTANCE).detail for name in ("volumes-shared", "targets-up")}
    assert said == {
        "volumes-shared": "the app logged a request to 'access.log' on the volume 'logs'; "
        "log-forwarder sent the line, which arrived 0 ms after the request",
        "targets-up": "2 of 2 up according to Prometheus: log-forwarder, prometheus",
    }
    assert "2.0 ms according to Prometheus" in found(report, "scrape-latency", INSTANCE).detail
    assert "/health: 200, median" in found(report, "app-answers", f"{INSTANCE}/web").detail
    assert found(report, "usage-within-limits", INSTANCE).detail == (
        "CPU 3.0 %, memory 12.5 %, disk 3.000 of 15 GB, memory of prometheus 0.250 of 1 GB"
    )
    assert verdicts(report, "log-lines-arrive") == {"log/app": "passed", FORWARDER: "passed"}
    assert found(report, "log-lines-arrive", "log/app").detail == "a test entry arrived after 0 ms"
    assert verdicts(report, "metrics-arrive") == {"web/ocisidecar": "passed", AGENT: "passed"}
    assert "scrape_duration_seconds, up in ocisidecar" in found(report, "metrics-arrive", AGENT).detail


def test_each_delay_is_its_own(look, begin):
    """The delay of an entry that is found at once does not include the wait for the app's lines."""
    begin()
    report = look()
    assert "has arrived" in found(report, "volumes-shared", INSTANCE).reason
    assert found(report, "log-lines-arrive", "log/app").detail == "a test entry arrived after 0 ms"


def test_one_request_has_the_nonce(look, endpoint):
    """The first request of a run has a nonce as a parameter, and no other request has the same."""
    look()
    look()
    first, *more = endpoint.asked
    assert first.startswith("/health?ocisidecar-nonce=")
    assert len(more) > 1
    assert first not in more


def test_read_only(look, endpoint, writes):
    """`read_only` writes nothing, sends no nonce, and skips what only a nonce can prove."""
    writes()
    report = look(read_only=True)
    assert writes() == []
    assert set(endpoint.asked) == {"/health"}
    assert "read-only" in found(report, "log-lines-arrive", "web").reason
    assert "read-only" in found(report, "metrics-arrive", "web").reason


def test_telemetry_can_be_left_out(look, endpoint, writes):
    """`telemetry=False` skips every check of telemetry and sends neither writes nor requests to the app."""
    writes()
    report = look(telemetry=False)
    assert (writes(), endpoint.asked) == ([], [])
    assert found(report, "targets-up", "web").reason == "telemetry checks are off"


@pytest.mark.usefixtures("real_containers")
def test_a_deployment_without_sidecars(provisioner):
    """A deployment without sidecars has its log and a metric namespace tested, and the rest skipped."""
    deployment = provisioner.apply(InstanceSpec("job", image_url="job:1"))
    report = deployment.verify()
    assert report.ok
    reasons = {one.name: one.reason for one in report.checks if one.status is Status.SKIPPED}
    assert "log_forwarder" in reasons["volumes-shared"]
    assert "no Prometheus" in reasons["targets-up"]
    assert "no HTTP health check" in reasons["app-answers"]
    assert found(report, "metrics-arrive", "job/ocisidecar").status is Status.PASSED


def test_slow_indexing_is_waited_for(make_provisioner, monkeypatch):
    """By default what was sent is found although searches and queries find it after up to four minutes only."""
    slow = make_provisioner(latencies=Latencies.realistic(1))
    monkeypatch.setattr(slow.emulator.app.cloud.pods, "containers", "docker", raising=True)
    job = InstanceSpec("job", image_url="job:1")
    report = slow.apply(DeploymentSpec("job", [job], logging=LoggingSpec.deployment())).verify()
    assert found(report, "log-lines-arrive", "log/app").status is Status.PASSED
    assert found(report, "metrics-arrive", "job/ocisidecar").status is Status.PASSED


@pytest.mark.usefixtures("real_containers")
def test_without_instances_nothing_is_checked(provisioner, writes):
    """A deployment without instances has no checks of telemetry, and nothing is sent."""
    deployment = provisioner.apply(DeploymentSpec("platform"))
    writes()
    assert not [one for one in deployment.verify().checks if one.name.endswith("-arrive")]
    assert writes() == []


def test_instances_that_are_not_active_are_not_probed(look, deployment, endpoint, writes):
    """If no instance is active, telemetry is skipped with that reason and nothing is sent."""
    deployment.stop()
    writes()
    report = look()
    assert (writes(), endpoint.asked) == ([], [])
    assert found(report, "app-answers", "web").reason == "no instance is active"


def test_simulated_containers_prove_nothing(make_provisioner):
    """Telemetry of simulated containers is skipped with that reason, and nothing is sent."""
    provisioner = make_provisioner()
    deployment = provisioner.apply(FULL)
    before = len(provisioner.emulator.requests)
    report = deployment.verify()
    assert report.ok
    assert "simulated" in found(report, "log-lines-arrive", "web").reason
    assert not [one.operation for one in provisioner.emulator.requests[before:] if one.is_write]
