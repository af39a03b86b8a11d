"""Repositories of the tenancy's container registry."""

from __future__ import annotations

import pytest

from ocisidecar import Action, DeploymentSpec, NetworkSpec, RepositorySpec
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Live, Phase
from tests.plan_values import key

NOWHERE = NetworkSpec.existing("ocid1.subnet.oc1..unused")
SPEC = DeploymentSpec("web", network=NOWHERE, repositories=[RepositorySpec("acme/web")])
KEY = "container-repository/acme/web"


def test_a_repository_is_named_as_images_are_pushed(wanted):
    """A repository has the name that images are pushed to, and is private by default."""
    body = wanted(network=NOWHERE, repositories=SPEC.repositories)[KEY].body
    assert (body["displayName"], body["isPublic"]) == ("acme/web", False)
    assert "isImmutable" not in body


@pytest.mark.parametrize(
    ("body", "words"), [({"imageCount": 2}, "holds 2 images"), ({"imageCount": 0}, ""), ({}, "")]
)
def test_images_are_data(body, words):
    """A repository with images holds data, one without holds none."""
    live = Live(key(KEY), "web", "id", "AVAILABLE", Phase.READY, body)
    assert KINDS["container-repository"].describe_data(None, live) == words


def test_a_repository_with_images_is_kept(provisioner, emulator):
    """A destroy keeps a repository with images, unless it purges."""
    repository = provisioner.apply(SPEC).resources[KEY]
    emulator.push_image(repository, "1.4")
    (step,) = provisioner.plan_destroy("web").steps
    assert (step.action, step.reason) == (Action.NOOP, "kept holds 1 images")
    assert provisioner.destroy("web").resources == {KEY: repository}
    assert provisioner.destroy("web", purge=True).resources == {}
    assert emulator.live() == {}
