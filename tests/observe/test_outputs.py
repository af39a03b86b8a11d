"""What a deployment offers: addresses and URLs."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import DeploymentSpec, InstanceSpec, NetworkSpec, Port

WEB = InstanceSpec("web", image_url="web:1", ports=[80, Port(53, protocol="udp")])


@pytest.fixture
def cloud(emulator, connect):
    """A provisioner that treats the emulator as it treats the cloud."""
    return connect(emulator)


def test_a_private_instance_has_its_private_address_and_a_url(cloud):
    """Without a public address the URL is at the private one; a UDP port has none."""
    outputs = dict(cloud.apply(WEB).outputs)
    assert outputs.pop("console").startswith("https://cloud.oracle.com/")
    address = outputs["web-0.private_ip"]
    assert outputs == {"web-0.private_ip": address, "web-0.url.80": f"http://{address}:80"}


def test_a_public_instance_has_its_url_at_the_public_address(cloud):
    """With a public address, that is where the URL leads."""
    outputs = cloud.apply(DeploymentSpec("web", [WEB], network=NetworkSpec.public())).outputs
    assert outputs["web-0.url.80"] == f"http://{outputs['web-0.public_ip']}:80"


def test_each_replica_has_its_own(cloud):
    """Three replicas have three addresses and three URLs, all different."""
    outputs = cloud.apply(evolve(WEB, replicas=3)).outputs
    urls = [outputs[f"web-{number}.url.80"] for number in range(3)]
    assert len(set(urls)) == 3


def test_a_stopped_instance_keeps_its_address_and_has_no_url(cloud):
    """Nothing answers at the port of an instance that is stopped."""
    deployment = cloud.apply(WEB)
    address = deployment.outputs["web-0.private_ip"]
    outputs = dict(deployment.stop().outputs)
    outputs.pop("console")
    assert outputs == {"web-0.private_ip": address}


def test_a_deployment_without_instances_has_only_the_console(cloud):
    """A network that others share has no addresses of its own."""
    assert list(cloud.apply(DeploymentSpec("net")).outputs) == ["console"]
