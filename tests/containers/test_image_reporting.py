"""Our images that talk to OCI, here to the emulator: the log forwarder, and the agent with its stand-in as base."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import pytest
from attrs import evolve

from ocisidecar import (
    Deployment,
    InstanceSpec,
    Provisioner,
    ScrapeTarget,
    SidecarSpec,
    Statement,
    VolumeSpec,
)
from ocisidecar.spec.own_images import own_image

NAMESPACE = "from_the_agent"
AGENT = SidecarSpec.management_agent(
    response_file="ManagementAgentInstallKey = s3cr3t-key\n", metric_namespace=NAMESPACE
)
STAND_IN_MAY_POST = Statement(
    "use",
    "metrics",
    where=f"target.metrics.namespace='{NAMESPACE}'",
    reason="the stand-in posts as the container instance; the real agent posts as a managementagent",
)
WEB = (
    InstanceSpec("web", image_url=own_image("app-with-metrics"), ports=[8080], scrape=ScrapeTarget(8081))
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus(scrape_interval_in_seconds=1))
    .with_sidecar(SidecarSpec.log_forwarder())
    .with_sidecar(evolve(AGENT, statements=[*AGENT.statements, STAND_IN_MAY_POST]))
)


@pytest.fixture(scope="module")
def local(images: Mapping[str, str]):
    with Provisioner.local(containers="docker", images=images) as provisioner:
        yield provisioner


@pytest.fixture(scope="module")
def deployment(local: Provisioner) -> Deployment:
    """An instance with an agent, whose stand-in may post metrics."""
    return local.apply(WEB)


def test_metrics_arrive(deployment: Deployment, eventually: Callable[..., None]) -> None:
    """A metric of the app arrives in OCI Monitoring, in the namespace that the preset was given."""
    query = 'app_metrics_updated_timestamp_seconds[1m]{container = "web"}.max()'
    eventually(lambda: deployment.metrics(query, namespace=NAMESPACE))
    (row, *_) = deployment.metrics(query, namespace=NAMESPACE)
    assert row.value > 1_700_000_000
    assert row.dimensions["job"] == "web"


def output(deployment: Deployment) -> str:
    """Return what the agent wrote."""
    return "\n".join(line.text for line in deployment.logs("management-agent"))


def test_nothing_is_refused(deployment: Deployment, eventually: Callable[..., None]) -> None:
    """Monitoring refuses no series that the agent posts."""
    eventually(lambda: re.search(r"posted [1-9]\d+ streams", output(deployment)))
    assert set(re.findall(r"(\d+) refused", output(deployment))) == {"0"}


def test_install_key_stays_in_its_file(deployment: Deployment, local: Provisioner) -> None:
    """Neither the agent's output nor the deployment nor its plan contains the install key."""
    texts = json.dumps([repr(deployment), str(local.plan(WEB)), output(deployment)])
    assert "s3cr3t-key" not in texts


def test_sigterm_ends_them(deployment: Deployment) -> None:
    """When the instance is stopped, all containers exit with code 0."""
    deployment.stop()
    containers = deployment.refresh().instances[0].containers
    assert {one.name: one.exit_code for one in containers} == dict.fromkeys((one.name for one in containers), 0)
