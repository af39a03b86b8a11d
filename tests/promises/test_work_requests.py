"""Work requests decide: a change that the service accepted and then failed is an error, whatever the state says."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import ApplyFailed, DeploymentSpec, InstanceSpec, LoggingSpec
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
