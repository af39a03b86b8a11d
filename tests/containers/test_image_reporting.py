"""Our images that talk to OCI, here to the emulator: the log forwarder, and the agent with its stand-in as base."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import oci
import pytest

from ocisidecar import (
    Deployment,
    InstanceSpec,
    Provisioner,
    ScrapeTarget,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.own_images import own_image

NAMESPACE = "from_the_agent"
WEB = (
    InstanceSpec("web", image_url=own_image("app-with-metrics"), ports=[8080], scrape=ScrapeTarget(8081))
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus(scrape_interval_in_seconds=1))
    .with_sidecar(SidecarSpec.log_forwarder())
    .with_sidecar(SidecarSpec.management_agent(metric_namespace=NAMESPACE))
)


@pytest.fixture(scope="module")
def local(images: Mapping[str, str]):
    with Provisioner.local(containers="docker", images=images) as provisioner:
        yield provisioner


@pytest.fixture(scope="module")
def deployment(local: Provisioner) -> Deployment:
    """An instance with an agent, which registers with the deployment's own key."""
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


@pytest.fixture
def agents(local: Provisioner) -> oci.management_agent.ManagementAgentClient:
    """A client of the Management Agent service."""
    emulator = local.emulator
    return oci.management_agent.ManagementAgentClient(emulator.oci_config, service_endpoint=emulator.endpoint)


def test_install_key_stays_in_its_file(deployment: Deployment, local: Provisioner, agents) -> None:
    """Neither the agent's output nor the deployment nor its plan contains the install key."""
    key_id = deployment.resources["management-agent-install-key/agents"]
    secret = agents.get_management_agent_install_key(key_id).data.key
    texts = json.dumps([repr(deployment), str(local.plan(WEB)), output(deployment)])
    assert secret not in texts


def test_the_agent_is_registered_once(deployment: Deployment, local: Provisioner, agents) -> None:
    """It is the one that the deployment knows by its tags, ACTIVE, and has used the key once."""
    (agent,) = agents.list_management_agents(local.emulator.compartment_id).data
    assert agent.id == deployment.resources["management-agent/web-0"]
    assert agent.availability_status == "ACTIVE"
    assert agents.get_management_agent_install_key(agent.install_key_id).data.current_key_install_count == 1


def test_a_data_source_of_the_service_is_scraped_too(
    deployment: Deployment, local: Provisioner, agents, eventually: Callable[..., None]
) -> None:
    """What create_data_source says, the agent scrapes, and posts to the namespace and with the dimensions there."""
    details = {
        "type": "PROMETHEUS_EMITTER",
        "name": "by-api",
        "compartmentId": local.emulator.compartment_id,
        "url": "http://127.0.0.1:8081/metrics",
        "namespace": NAMESPACE,
        "metricDimensions": [{"name": "way", "value": "api"}],
    }
    agents.create_data_source(deployment.resources["management-agent/web-0"], details)
    query = 'app_metrics_updated_timestamp_seconds[1m]{way = "api"}.max()'
    eventually(lambda: deployment.metrics(query, namespace=NAMESPACE))


def test_sigterm_ends_them(deployment: Deployment) -> None:
    """When the instance is stopped, all containers exit with code 0."""
    deployment.stop()
    containers = deployment.refresh().instances[0].containers
    assert {one.name: one.exit_code for one in containers} == dict.fromkeys((one.name for one in containers), 0)
