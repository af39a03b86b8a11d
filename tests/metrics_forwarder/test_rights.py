"""The forwarder with the rights that its spec declares, and the variables that its instance gets."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec
from tests.forwarder_process import wait_until
from tests.metrics_forwarder.conftest import Process, Tenancy
from tests.metrics_forwarder.wire import post, series, version_1


@pytest.fixture
def provisioner():
    with Provisioner.local(seed=1) as provisioner:
        yield provisioner


@pytest.fixture
def forwarder(provisioner, volume, tmp_path):
    """Starts the forwarder of a deployed instance, as its principal; arguments are variables in place of those."""
    spec = InstanceSpec("web", image_url="a:1", sidecars=[SidecarSpec.metrics_forwarder(metric_namespace="web")])
    resources = {str(key): ocid for key, ocid in provisioner.apply(spec).resources.items()}
    instance_id = resources["container-instance/web-0"]
    cloud = provisioner.emulator.app.cloud
    with cloud.lock:
        bodies = [one.body for one in cloud.store.all("container", cloud.clock.time())]
    (variables,) = [one["environmentVariables"] for one in bodies if one["displayName"] == "metrics-forwarder"]
    key = generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    token = provisioner.emulator.issue_token(public_key=public, resource_id=instance_id)
    given = {
        **variables,
        **Tenancy(provisioner.emulator, tmp_path).environment(volume),
        "OCI_RESOURCE_PRINCIPAL_RPST": token,
        "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        "OCISIDECAR_COMPARTMENT_ID": variables["OCISIDECAR_COMPARTMENT_ID"],
    }
    processes = []

    def start(**changes):
        process = Process("metrics-forwarder", {**given, **changes}, tmp_path / "log.jsonl")
        processes.append(process)
        return process.start()

    yield start
    for process in processes:
        process.kill()


def test_the_instance_may_post_to_its_namespace(provisioner, forwarder, tmp_path):
    """What a deployed instance's forwarder posts arrives, with the instance as dimensions."""
    process = forwarder()
    now = round(provisioner.emulator.clock.time() * 1000) - 120_000
    post(process.port, version_1(series("temperature", (now, 21.5))))
    assert process.stop() == 0
    dimensions = (("container_instance", "web-0"), ("deployment", "web"))
    assert Tenancy(provisioner.emulator, tmp_path).streams() == {("temperature", dimensions): [(now, 21.5)]}


def test_no_other_namespace_takes_anything(provisioner, forwarder):
    """A call for another namespace is refused, told with OCI's reason, and repeated while the datapoints wait."""
    process = forwarder(OCISIDECAR_METRIC_NAMESPACE="other")
    now = round(provisioner.emulator.clock.time() * 1000) - 120_000
    post(process.port, version_1(series("temperature", (now, 21.5))))
    wait_until(lambda: process.metric("call_failures_total") > 1, "the call is repeated")
    failed = next(one for one in process.events() if one["event"] == "push failed")
    assert (failed["status"], failed["level"]) == (404, "WARNING")
    assert "NotAuthorizedOrNotFound" in failed["reason"]
    assert process.metric("queued_points") == 1
