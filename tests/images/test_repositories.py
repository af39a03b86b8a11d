"""Repositories that exist before anything is pushed, in the emulated tenancy."""

from __future__ import annotations

import pytest

from ocisidecar import Cancel
from ocisidecar.emulator import Fault
from ocisidecar.errors import Cancelled, ConfigError, ServiceCallError
from ocisidecar.images import ensure_repositories, namespace

NAMES = ["ocisidecar/prometheus", "ocisidecar/grafana"]


@pytest.fixture
def listed(sdk, emulator):
    """A function that returns name → repository in wire form."""

    def found() -> dict[str, dict[str, object]]:
        client = sdk("artifacts.ArtifactsClient")
        return {
            one["displayName"]: one
            for one in client.list_container_repositories(emulator.compartment_id).data["items"]
        }

    return found


def test_the_namespace_is_the_tenancys(provisioner, listed):
    """`namespace` returns the namespace of the tenancy's repositories."""
    ensure_repositories(provisioner, NAMES)
    assert {one["namespace"] for one in listed().values()} == {namespace(provisioner)}


def test_missing_repositories_are_created_private(provisioner, listed):
    """Missing repositories are created private, in the provisioner's compartment and in the order of the names."""
    made = ensure_repositories(provisioner, NAMES)
    found = listed()
    assert [one.name for one in made] == NAMES
    assert {one.is_new for one in made} == {True}
    assert [one.repository_id for one in made] == [found[name]["id"] for name in NAMES]
    assert {found[name]["isPublic"] for name in NAMES} == {False}


def test_running_again_writes_nothing(provisioner, writes):
    """A second run sends no write and returns the existing repositories."""
    made = ensure_repositories(provisioner, NAMES)
    writes()
    again = ensure_repositories(provisioner, NAMES)
    assert writes() == []
    assert [one.repository_id for one in again] == [one.repository_id for one in made]
    assert {one.is_new for one in again} == {False}


def test_a_public_repository_stays_public(provisioner, sdk, emulator):
    """A public repository is returned with `is_public` and not changed."""
    details = {"compartmentId": emulator.compartment_id, "displayName": "acme/web", "isPublic": True}
    sdk("artifacts.ArtifactsClient").create_container_repository(details)
    (found,) = ensure_repositories(provisioner, ["acme/web"])
    assert (found.is_public, found.is_new) == (True, False)


def test_a_name_of_another_compartment_is_an_error(provisioner, emulator):
    """A name in use elsewhere raises ConfigError, and passing that compartment finds the repository."""
    ensure_repositories(provisioner, ["acme/web"], compartment_id=emulator.tenancy_id)
    with pytest.raises(ConfigError, match=r"acme/web.*another compartment"):
        ensure_repositories(provisioner, ["acme/web"])
    (found,) = ensure_repositories(provisioner, ["acme/web"], compartment_id=emulator.tenancy_id)
    assert not found.is_new


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_lost_response_leaves_one_repository(provisioner, emulator, listed, after_commit):
    """After a lost response there is one repository, whether the service had created it or not."""
    emulator.inject(Fault.reset("create_container_repository", after_commit=after_commit))
    (made,) = ensure_repositories(provisioner, ["acme/web"])
    assert [one["id"] for one in listed().values()] == [made.repository_id]


def test_a_refusal_is_an_error(provisioner, emulator):
    """A refused create raises ServiceCallError with operation, status and code."""
    emulator.inject(Fault.error("create_container_repository", "NotAuthorizedOrNotFound"))
    with pytest.raises(ServiceCallError, match="create_container_repository: 404 NotAuthorizedOrNotFound"):
        ensure_repositories(provisioner, ["acme/web"])


def test_it_can_be_cancelled(provisioner, listed):
    """A cancelled call raises Cancelled and creates nothing."""
    cancel = Cancel()
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        ensure_repositories(provisioner, NAMES, cancel=cancel)
    assert listed() == {}
