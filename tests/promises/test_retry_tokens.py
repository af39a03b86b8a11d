"""Retry tokens as the service treats them: they belong to a user, and to one body for 24 hours."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import DeploymentSpec, InstanceSpec, LoggingSpec
from ocisidecar.emulator import Fault

SPEC = DeploymentSpec(
    "web",
    [InstanceSpec("web", image_url="docker.io/acme/web:1.4", ports=[80])],
    logging=LoggingSpec.deployment(),
    freeform_tags={"build": "1"},
)


@pytest.mark.parametrize(
    "changed",
    [
        evolve(SPEC, freeform_tags={"build": "2"}),
        SPEC.with_instance(InstanceSpec("web", image_url="docker.io/acme/web:1.4", ports=[80, 443])),
        SPEC.with_instance(InstanceSpec("web", image_url="docker.io/acme/web:1.5", ports=[80])),
        SPEC,
    ],
    ids=["tags", "ports", "image", "nothing"],
)
def test_a_deployment_comes_back_within_a_day_whatever_has_changed(provisioner, emulator, changed):
    """Create, destroy and create again within 24 hours works, also with other tags, as CI sets them."""
    provisioner.apply(SPEC)
    provisioner.destroy("web", purge=True)
    deployment = provisioner.apply(changed)
    assert sorted(one for ids in emulator.live().values() for one in ids) == sorted(deployment.resources.values())
    assert not provisioner.plan(changed).changes


def test_a_token_that_is_taken_by_another_body_is_left_for_the_next(provisioner, emulator, web):
    """409 Conflict "in use for a different request" means another generation of the token, not a failed run."""
    message = "Token is currently in use for a different request: ocid1.tenancy|ocid1.user~ocid1.compartment~token"
    emulator.inject(Fault.error("create_vcn", "Conflict", message, status=409, times=2))
    deployment = provisioner.apply(web)
    assert emulator.live()["vcn"] == [deployment.resources["vcn/main"]]
