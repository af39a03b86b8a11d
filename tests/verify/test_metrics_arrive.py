"""Whether metrics arrive: samples of management agents, and measurements of OCI."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Fault
from ocisidecar.verify.report import Status
from tests.verify.telemetry import AGENT, FULL, INSTANCE, found, verdicts


@pytest.mark.parametrize("operation", ["post_metric_data", "summarize_metrics_data"])
def test_a_user_without_the_right(look, real_containers, begin, sample, operation):
    """A missing permission skips the check with the service's error, and nothing fails."""
    begin()
    sample("prometheus")
    real_containers.inject(Fault.error(operation, "NotAuthorizedOrNotFound", times=None))
    report = look()
    assert "404" in found(report, "metrics-arrive", "web/ocisidecar").reason
    assert "failed" not in verdicts(report, "metrics-arrive").values()


def test_an_agent_that_sends_nothing(look, sample):
    """An agent without samples fails, or warns if the spec says that it is not essential."""
    sample("prometheus", deployment="shop")
    assert found(look(), "metrics-arrive", AGENT).status is Status.FAILED
    assert found(look(FULL), "metrics-arrive", AGENT).status is Status.WARNED


@pytest.mark.parametrize(("up", "status"), [(1.0, Status.PASSED), (0.0, Status.FAILED)])
def test_samples_stand_in_for_prometheus(look, sample, up, status):
    """If Prometheus cannot be reached, its samples in OCI Monitoring show the state of its targets."""
    sample("prometheus", up=up)
    report = look(url=None)
    assert found(report, "targets-up", INSTANCE).status is status
    assert "according to OCI Monitoring" in found(report, "targets-up", INSTANCE).detail
    assert "3.0 ms" in found(report, "scrape-latency", INSTANCE).detail


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("MemoryUtilization", 89.0, Status.PASSED),
        ("MemoryUtilization", 93.0, Status.WARNED),
        ("CpuUtilization", 99.0, Status.WARNED),
        ("EphemeralStorageUsed", 14 * 1024**3, Status.WARNED),
        ("EphemeralStorageUsed", 16 * 1024**3, Status.FAILED),
    ],
)
def test_usage_is_compared_with_the_limits(look, measure, name, value, status):
    """90 % of a limit and more warns, and more than the limit fails."""
    measure(name, value)
    assert found(look(), "usage-within-limits", INSTANCE).status is status


def test_memory_is_compared_with_the_containers_limit(look, measure):
    """The memory of a container is compared with its own limit and not with the instance's."""
    measure("ContainerMemoryUsed", 0.24 * 1024**3, containerDisplayName="log-forwarder")
    check = found(look(), "usage-within-limits", INSTANCE)
    assert (check.status, check.detail) == (Status.WARNED, "memory of log-forwarder 0.240 of 0.25 GB")


def test_no_measurements_yet(look):
    """Usage without measurements is skipped, and the reason says when they appear."""
    assert "a minute or two" in found(look(), "usage-within-limits", INSTANCE).reason
