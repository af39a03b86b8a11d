"""The first apply where IAM takes minutes: what depends on it is tried again, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocisidecar.emulator import Assumptions, Emulator, Fault, Latencies
from ocisidecar.errors import ApplyFailed
from ocisidecar.events import Event, StepRetrying
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec import AccessSpec, DeploymentSpec, InstanceSpec, SidecarSpec, Statement, VolumeSpec

REFUSED = "A container's image could not be pulled because the image does not exist or requires authorization."
README = (
    InstanceSpec(
        "web",
        image_url="fra.ocir.io/acme/web:1.4",
        shape="CI.Standard.E4.Flex",
        ocpus=1,
        memory_in_gbs=4,
        ports=[8080],
    )
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.log_forwarder())
)
"""The spec of the README's first block: its image is in a private repository."""
SLOW = Latencies(iam_propagation=480, container_instance_create=43, container_instance_delete=20, vnic_release=60)


@pytest.fixture
def make(clock, connect) -> Callable[..., tuple[Provisioner, Emulator]]:
    """Starts an emulator in which IAM takes eight minutes, and a provisioner for it."""
    running = []

    def start(**assumptions: object) -> tuple[Provisioner, Emulator]:
        emulator = Emulator(latencies=SLOW, clock=clock, seed=1, assumptions=Assumptions(**assumptions)).start()
        running.append(emulator)
        return connect(emulator), emulator

    yield start
    for emulator in running:
        emulator.close()


def converges(provisioner: Provisioner, emulator: Emulator, spec: InstanceSpec) -> list[Event]:
    """Apply once, verify, and destroy; returns the events of the apply."""
    heard: list[Event] = []
    deployment = provisioner.apply(spec, on_event=heard.append)
    assert not provisioner.plan(spec).changes
    deployment.verify().raise_for_failures()
    assert len(emulator.live()["container-instance"]) == 1
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}
    return heard


def test_the_first_apply_of_the_readme_converges(make, clock) -> None:
    """The README's spec with an image in a private repository converges on the first apply."""
    began = clock.time()
    heard = converges(*make(), README)
    waits = [one for one in heard if isinstance(one, StepRetrying)]
    assert {one.key for one in waits} == {"policy/main", "container-instance/web-0"}
    assert all("waiting for IAM to take effect" in one.reason for one in waits)
    assert any(REFUSED in one.reason for one in waits)
    assert 960 < clock.time() - began < 1800


@pytest.mark.parametrize(
    "assumptions",
    [{"unknown_group_message": "No permissions found"}, {"removes_instance_on_refused_pull": True}],
)
def test_other_answers_of_the_service_make_no_difference(make, assumptions) -> None:
    """The first apply converges also where the service answers in the other ways that are possible."""
    heard = converges(*make(**assumptions), README)
    waits = [one for one in heard if isinstance(one, StepRetrying)]
    assert all("waiting for IAM to take effect" in one.reason for one in waits)


@pytest.mark.parametrize("replicas", [3, 40])
def test_replicas_are_not_doubled(make, replicas) -> None:
    """Replicas that are refused several times are as many instances in the end, even if workers are fewer."""
    provisioner, emulator = make()
    spec = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", replicas=replicas)
    deployment = provisioner.apply(spec)
    assert len(emulator.live()["container-instance"]) == replicas
    assert len(deployment.instances) == replicas


def test_an_address_is_waited_for(make) -> None:
    """An instance with a fixed address is created again when its refused predecessor has released the address."""
    provisioner, emulator = make()
    web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", private_ip="10.0.0.5")
    provisioner.apply(web)
    provisioner.apply(web.with_image("fra.ocir.io/acme/web:1.5"))
    assert len(emulator.live()["container-instance"]) == 1


def test_what_shares_a_fresh_policy_waits_too(make) -> None:
    """A deployment that shares the access of one that was made just before waits for its policy."""
    provisioner, _ = make()
    read = Statement("read", "repos", where="target.repo.name='web'", reason="OCI pulls the image")
    platform = DeploymentSpec("platform", [], access=AccessSpec.deployment(statements=[read]))
    provisioner.apply(platform)
    web = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4")
    heard: list[Event] = []
    provisioner.apply(DeploymentSpec("web", [web], access=AccessSpec.of("platform")), on_event=heard.append)
    assert any(isinstance(one, StepRetrying) and REFUSED in one.reason for one in heard)


def test_an_apply_soon_after_waits_too(make, clock) -> None:
    """An apply that follows one that was cut off waits for what that one has written."""
    provisioner, emulator = make()
    emulator.inject(Fault.error("create_container_instance", "InvalidParameter", times=1))
    with pytest.raises(ApplyFailed):
        provisioner.apply(README)
    clock.advance(60)
    converges(provisioner, emulator, README)


def test_a_lack_of_rights_is_told_at_once_where_iam_was_not_written(make, clock) -> None:
    """An image that nothing lets the instance read fails the first attempt where the run writes no IAM."""
    provisioner, _ = make()
    spec = DeploymentSpec(
        "web", [InstanceSpec("web", image_url="fra.ocir.io/acme/web:1")], access=AccessSpec.none()
    )
    heard, began = [], clock.time()
    with pytest.raises(ApplyFailed, match=REFUSED):
        provisioner.apply(spec, on_event=heard.append)
    assert not [one for one in heard if isinstance(one, StepRetrying)]
    assert clock.time() - began < 120


def test_a_missing_image_ends_the_apply_after_a_quarter_of_an_hour(make, clock) -> None:
    """An image that does not exist is refused for as long as IAM may lag, and then ends the apply."""
    provisioner, emulator = make(foreign_images="missing")
    began = clock.time()
    with pytest.raises(ApplyFailed, match=REFUSED):
        provisioner.apply(README)
    assert 480 + 900 < clock.time() - began < 480 + 900 + 300
    assert len(emulator.live()["container-instance"]) == 1
