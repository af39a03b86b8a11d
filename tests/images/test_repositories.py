"""Repositories that are there before anything is pushed, in the emulated tenancy."""

from __future__ import annotations

import pytest

from ocisidecar import Cancel
from ocisidecar.emulator import Fault
from ocisidecar.errors import Cancelled, ConfigError, ServiceCallError
from ocisidecar.images import ensure_repositories, namespace

NAMES = ["ocisidecar/prometheus", "ocisidecar/grafana"]


@pytest.fixture
def listed(sdk, emulator):
    """Returns name → repository in wire form."""

    def found() -> dict[str, dict[str, object]]:
        client = sdk("artifacts.ArtifactsClient")
        return {
            one["displayName"]: one
            for one in client.list_container_repositories(emulator.compartment_id).data["items"]
        }

    return found


def test_the_namespace_is_the_tenancys(provisioner, listed):
    """It is the one that repositories are in."""
    ensure_repositories(provisioner, NAMES)
    assert {one["namespace"] for one in listed().values()} == {namespace(provisioner)}


def test_missing_repositories_are_made_private(provisioner, listed):
    """In the order of their names, in the provisioner's compartment."""
    made = ensure_repositories(provisioner, NAMES)
    found = listed()
    assert [one.name for one in made] == NAMES
    assert {one.is_new for one in made} == {True}
    assert [one.repository_id for one in made] == [found[name]["id"] for name in NAMES]
    assert {found[name]["isPublic"] for name in NAMES} == {False}


def test_running_again_writes_nothing(provisioner, writes):
    """What is there is returned as it is."""
    made = ensure_repositories(provisioner, NAMES)
    writes()
    again = ensure_repositories(provisioner, NAMES)
    assert writes() == []
    assert [one.repository_id for one in again] == [one.repository_id for one in made]
    assert {one.is_new for one in again} == {False}


def test_a_public_repository_stays_public_and_is_told(provisioner, sdk, emulator):
    """Whoever made it so had a reason."""
    details = {"compartmentId": emulator.compartment_id, "displayName": "acme/web", "isPublic": True}
    sdk("artifacts.ArtifactsClient").create_container_repository(details)
    (found,) = ensure_repositories(provisioner, ["acme/web"])
    assert (found.is_public, found.is_new) == (True, False)


def test_a_name_of_another_compartment_is_told(provisioner, emulator):
    """Names are unique in a tenancy: the error says so, and that compartment can be named."""
    ensure_repositories(provisioner, ["acme/web"], compartment_id=emulator.tenancy_id)
    with pytest.raises(ConfigError, match=r"acme/web.*another compartment"):
        ensure_repositories(provisioner, ["acme/web"])
    (found,) = ensure_repositories(provisioner, ["acme/web"], compartment_id=emulator.tenancy_id)
    assert not found.is_new


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_lost_answer_leaves_one_repository(provisioner, emulator, listed, after_commit):
    """Whether the service had made it or not."""
    emulator.inject(Fault.reset("create_container_repository", after_commit=after_commit))
    (made,) = ensure_repositories(provisioner, ["acme/web"])
    assert [one["id"] for one in listed().values()] == [made.repository_id]


def test_a_refusal_is_told(provisioner, emulator):
    """With the service's words."""
    emulator.inject(Fault.error("create_container_repository", "NotAuthorizedOrNotFound"))
    with pytest.raises(ServiceCallError, match="create_container_repository: 404 NotAuthorizedOrNotFound"):
        ensure_repositories(provisioner, ["acme/web"])


def test_it_can_be_cancelled(provisioner, listed):
    """Before anything is written."""
    cancel = Cancel()
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        ensure_repositories(provisioner, NAMES, cancel=cancel)
    assert listed() == {}
