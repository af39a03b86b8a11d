"""Samples and measurements of the instances of a fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ocisidecar import InstanceSpec
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.verify.metric_samples import samples_of, targets_in, usage_of

START = datetime.fromtimestamp(0, UTC)


def row(name: str, value: float, *, minute: int = 0, **dimensions: str) -> MetricRow:
    return MetricRow(
        time=START + timedelta(minutes=minute),
        namespace="ocisidecar",
        resource_group="",
        name=name,
        dimensions=dimensions,
        value=value,
    )


@pytest.fixture
def fleet(provisioner):
    return provisioner.apply(InstanceSpec("web", image_url="web:1", replicas=2)).instances


def test_each_instance_has_its_own(fleet):
    """Samples and measurements of one instance are not taken for those of another."""
    for mine, other in (fleet, fleet[::-1]):
        ups = [row("up", value, container_instance=one.name) for one, value in ((mine, 1.0), (other, 0.0))]
        used = [row("CpuUtilization", value, resourceId=one.id) for one, value in ((mine, 1.0), (other, 2.0))]
        assert samples_of(ups, mine) == (ups[0],)
        assert usage_of(used, mine) == (used[0],)


def test_the_newest_sample_of_a_target_counts():
    """The newest sample of a target counts, and targets differ by job and address."""
    known = {"job": "redis", "instance": "127.0.0.1:9121", "container": "redis-exporter"}
    samples = [
        row("up", 0.0, minute=2, **known),
        row("up", 1.0, minute=1, **known),
        row("up", 1.0, **(known | {"instance": "127.0.0.1:1"})),
        row("scrape_duration_seconds", 0.5, **known),
    ]
    found = targets_in(samples)
    assert {(one.container, one.state, one.scrape_seconds) for one in found.targets} == {
        ("redis-exporter", "up", None),
        ("redis-exporter", "down", 0.5),
    }
    assert (found.reported_by, targets_in([]).reported_by) == ("OCI Monitoring", "")
