"""Our images on EMPTYDIR volumes that belong to root and are closed for others, as OCI may make them."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import DeploymentSpec, InstanceSpec, Provisioner, SecurityContext, SidecarSpec, VolumeSpec
from ocisidecar.emulator import Assumptions, Emulator
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec.own_images import own_image
from ocisidecar.wire import resolve_fields

CLOSED = 0o755
AS_ROOT = SecurityContext(run_as_user=0)
PROMETHEUS = evolve(SidecarSpec.prometheus(image_url=own_image("prometheus")), health_checks=())
WEB = (
    InstanceSpec("web", image_url=own_image("app-with-metrics"), container_restart_policy="NEVER")
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(PROMETHEUS)
)


@pytest.fixture
def run(engine, images):
    """Runs an instance on closed volumes; returns its pod."""
    pods = []

    def run(instance: InstanceSpec):
        composed = compose(DeploymentSpec("web", [instance]), instance, replica=0)
        body = resolve_fields(composed.body, lambda ref: f"local-{ref.key.name}")
        pods.append(engine.run_pod(body, name="closed", images=images, emptydir_mode=CLOSED))
        return pods[-1]

    yield run
    for pod in pods:
        pod.close()


def test_our_images_name_the_directory_and_the_remedy(run, eventually):
    """As another user than root each of our images ends with 73 and one line."""
    pod = run(WEB)
    eventually(lambda: all(one.exit_code is not None for one in pod.containers))
    assert [one.exit_code for one in pod.containers] == [73, 73]
    assert "cannot write to /logs" in pod.logs("web")
    assert "cannot write to /prometheus" in pod.logs("prometheus")
    assert all(pod.logs(name).count("run as root (run_as_user=0)") == 1 for name in ("web", "prometheus"))


def test_the_remedy_works(run, eventually):
    """As root the same images write to the volumes."""
    root = evolve(WEB, container_security_context=AS_ROOT, sidecars=[evolve(PROMETHEUS, security_context=AS_ROOT)])
    pod = run(root)
    eventually(lambda: "start worker process" in pod.logs("web"))
    assert all(one.is_running for one in pod.containers)


def test_the_emulator_takes_the_mode_from_its_assumptions(engine, standins, eventually):
    """With `Assumptions.emptydir_mode` the volumes of the emulator's pods have these permissions."""
    engine.sweep()
    show = InstanceSpec(
        "web", image_url=standins["python"], command=["sh", "-c", "stat -c %a:%u /data; sleep 1000"]
    )
    show = show.with_volume(VolumeSpec.empty_dir("data"), mount_path="/data")
    with Emulator(containers="docker", assumptions=Assumptions(emptydir_mode=CLOSED)) as emulator:
        settings = {"compartment_id": emulator.compartment_id, "endpoint": emulator.endpoint}
        with Provisioner.from_config(emulator.oci_config, **settings) as provisioner:
            deployment = provisioner.apply(show)
            eventually(lambda: [line.text for line in deployment.logs("web")] == ["755:0"])
