"""The README's first example where IAM takes eight minutes, and log lines and datapoints are found after four."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ocisidecar.emulator import Latencies
from ocisidecar.events import StepRetrying
from ocisidecar.spec import InstanceSpec
from ocisidecar.verify.report import Status
from tests.verify.telemetry import FORWARDER, found

README = Path(__file__).parents[2] / "README.md"
IAM_SECONDS, INDEX_SECONDS = 480, 240


@pytest.fixture
def latencies() -> Latencies:
    return Latencies(
        iam_propagation=IAM_SECONDS,
        log_indexing=INDEX_SECONDS,
        metric_indexing=INDEX_SECONDS,
        container_instance_create=43,
        container_instance_delete=40,
        vnic_release=120,
    )


@pytest.fixture
def spec() -> InstanceSpec:
    """The spec of the README's first block, whose image is in a private repository."""
    block = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)[0]
    names: dict[str, Any] = {}
    exec(block.partition("\nwith ")[0], names)  # noqa: S102 - the README is ours
    web: InstanceSpec = names["web"]
    return web


@pytest.fixture
def heard() -> list[Any]:
    """The events of the apply."""
    return []


@pytest.fixture
def deployment(provisioner, real_containers, spec, heard):
    """The deployment after the first apply, whose containers count as real."""
    assert real_containers.live() == {}
    return provisioner.apply(spec, on_event=heard.append)


def test_the_readme_converges_and_passes_on_a_slow_cloud(
    provisioner, emulator, deployment, spec, heard, begin, writes, clock
):
    """The first apply converges, all checks pass, a second apply writes nothing, and in the end nothing is left."""
    waits = [one for one in heard if isinstance(one, StepRetrying)]
    assert {one.key for one in waits} == {"policy/main", "container-instance/web-0"}
    assert all("waiting for IAM to take effect" in one.reason for one in waits)
    begin()
    began = clock.time()
    report = deployment.verify()
    report.raise_for_failures()
    assert clock.time() - began > INDEX_SECONDS
    assert found(report, "log-lines-arrive", FORWARDER).status is Status.PASSED
    assert found(report, "log-lines-arrive", "log/app").status is Status.PASSED
    assert found(report, "metrics-arrive", "web/ocisidecar").status is Status.PASSED
    writes()
    provisioner.apply(spec)
    assert writes() == []
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}
