"""Where the ports of an instance can be reached."""

from __future__ import annotations

from ocisidecar.connection import base_url
from ocisidecar.spec import DeploymentSpec, InstanceSpec, NetworkSpec

WEB = InstanceSpec("web", image_url="web:1", ports=[80])


def test_the_port_of_a_private_instance_is_at_its_address_in_the_subnet(emulator, connect):
    """Without a public address, the base URL holds the private one."""
    (instance,) = connect(emulator).apply(WEB).instances
    assert base_url(instance, 80) == f"http://{instance.private_ip}:80"


def test_the_port_of_a_public_instance_is_at_its_public_address(emulator, connect):
    """An instance with both addresses is reached at the public one."""
    (instance,) = connect(emulator).apply(DeploymentSpec("web", [WEB], network=NetworkSpec.public())).instances
    assert base_url(instance, 8080) == f"http://{instance.public_ip}:8080"


def test_simulated_containers_have_no_port(provisioner):
    """A local provisioner asks its emulator, whose simulated containers listen nowhere."""
    (instance,) = provisioner.apply(WEB).instances
    assert provisioner.emulator.reach(instance.id, 80) is None
