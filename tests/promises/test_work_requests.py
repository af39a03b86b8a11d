"""Work requests decide: a change that the service accepted and then failed is an error, whatever the state says."""

from __future__ import annotations

import re

import pytest
from attrs import evolve

from ocisidecar import (
    ApplyFailed,
    Cancel,
    Cancelled,
    DeploymentSpec,
    DestroyFailed,
    InstanceSpec,
    LoggingSpec,
    RolloutSpec,
    StepWaiting,
)
from ocisidecar.emulator import Fault, Latencies

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="docker.io/acme/web:1.4")],
    logging=LoggingSpec.deployment(),
    freeform_tags={"team": "blue"},
)
RETAGGED = evolve(SPEC, freeform_tags={"team": "red"})


@pytest.fixture(params=[Latencies(), Latencies(container_instance_action=20, logging=5)], ids=["at once", "slow"])
def provisioner(request, make_provisioner):
    """A provisioner with an emulator in which updates end at once, or take their time."""
    return make_provisioner(latencies=request.param)


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ("update_container_instance", "container-instance/web-0"),
        ("update_log_group", "log-group/main"),
        ("update_log", "log/app"),
    ],
)
def test_an_update_that_fails_in_its_work_request_fails_the_apply(provisioner, emulator, operation, key):
    """The resource is ACTIVE as before; the error is the work request's, and the next apply makes the change."""
    provisioner.apply(SPEC)
    emulator.inject(Fault.failed(operation, code="InternalError", message="the tag store is down"))
    with pytest.raises(ApplyFailed, match="the tag store is down") as caught:
        provisioner.apply(RETAGGED)
    assert list(caught.value.causes) == [key]
    assert key in {str(step.key) for step in provisioner.plan(RETAGGED).changes}
    provisioner.apply(RETAGGED)
    assert provisioner.plan(RETAGGED).changes == ()


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ("delete_container_instance", "container-instance/web-0"),
        ("delete_log_group", "log-group/main"),
        ("delete_log", "log/app"),
    ],
)
def test_a_delete_that_fails_in_its_work_request_ends_at_once(make_provisioner, clock, operation, key):
    """The error is the work request's, nothing is waited for after it, and the next destroy leaves nothing."""
    provisioner = make_provisioner(latencies=Latencies(logging=2, container_instance_delete=10))
    provisioner.apply(SPEC)
    emulator, began = provisioner.emulator, clock.time()
    emulator.inject(Fault.failed(operation, code="InternalError", message="the VNIC cannot be detached"))
    with pytest.raises(
        DestroyFailed, match=f"delete of {key} .*the VNIC cannot be detached.*run it again"
    ) as caught:
        provisioner.destroy("web", purge=True)
    assert list(caught.value.causes) == [key]
    assert clock.time() - began < 60
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}


@pytest.mark.parametrize("replace", ["overlap", "stop_first"])
def test_a_replacement_whose_delete_fails_ends_at_once_and_is_completed_later(make_provisioner, clock, replace):
    """The apply that replaces an instance fails with the reason, and the next one leaves one instance."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_create=5, container_instance_delete=10))
    web = InstanceSpec("web", image_url="docker.io/acme/web:1.4", rollout=RolloutSpec(replace=replace))
    provisioner.apply(web)
    began = clock.time()
    provisioner.emulator.inject(Fault.failed("delete_container_instance", message="the VNIC cannot be detached"))
    with pytest.raises(ApplyFailed, match="the VNIC cannot be detached"):
        provisioner.apply(web.with_image("docker.io/acme/web:1.5"))
    assert clock.time() - began < 60
    provisioner.apply(web.with_image("docker.io/acme/web:1.5"))
    assert len(provisioner.emulator.live()["container-instance"]) == 1


def test_a_failed_removal_of_an_earlier_run_is_noticed(make_provisioner, clock):
    """A run that finds an instance going, and sees it FAILED later, ends with the reason instead of waiting on."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_delete=10))
    provisioner.apply(SPEC)
    emulator, cancel = provisioner.emulator, Cancel()
    emulator.inject(Fault.failed("delete_container_instance", message="the VNIC cannot be detached"))
    with pytest.raises(Cancelled):
        provisioner.destroy(
            "web",
            purge=True,
            cancel=cancel,
            on_event=lambda one: isinstance(one, StepWaiting) and cancel.set("cut"),
        )
    began = clock.time()
    with pytest.raises(DestroyFailed, match="the VNIC cannot be detached"):
        provisioner.destroy("web", purge=True)
    assert clock.time() - began < 60
    provisioner.destroy("web", purge=True)
    assert emulator.live() == {}


def test_a_removal_that_never_ends_is_told_in_the_words_of_a_destroy(make_provisioner, clock):
    """After 20 minutes the error says what is still going, and to run it again; each key is named once."""
    provisioner = make_provisioner(latencies=Latencies(container_instance_delete=10))
    provisioner.apply(SPEC)
    clock.advance(3600)
    provisioner.emulator.inject(Fault.stuck("delete_container_instance"))
    with pytest.raises(DestroyFailed) as caught:
        provisioner.destroy("web")
    words = (
        r"web is not gone: container-instance/web-0 \(ocid1\S+\) was still DELETING after 12\d\d s of waiting "
        r"until it is gone\. Run it again to continue waiting, or look at its work requests in the console\. "
        r"\d+ resources remain; destroy again to continue\."
    )
    assert re.fullmatch(words, str(caught.value))
