"""Container repositories, their images, and the registry's namespace."""

import pytest

from ocisidecar.emulator import Assumptions


@pytest.fixture
def artifacts(client):
    return client("artifacts.ArtifactsClient")


@pytest.fixture
def repository(emulator, artifacts):
    details = {"compartmentId": emulator.compartment_id, "displayName": "ocisidecar/web"}
    return artifacts.create_container_repository(details).data


def test_a_repository_is_empty_until_an_image_is_pushed(emulator, artifacts, repository):
    """The counters of the repository and of the list count the pushed images."""
    emulator.push_image(repository.id, "1.0")
    emulator.push_image(repository.id, "1.1")
    seen = artifacts.get_container_repository(repository.id).data
    listed = artifacts.list_container_repositories(emulator.compartment_id).data
    assert (repository.image_count, seen.image_count, listed.image_count) == (0, 2, 2)
    assert (listed.repository_count, listed.remaining_items_count) == (1, 0)
    assert seen.time_last_pushed is not None


def test_the_id_holds_the_namespace(client, artifacts, repository):
    """A repository's OCID has the tenancy's namespace before its unique part."""
    namespace = client("object_storage.ObjectStorageClient").get_namespace().data
    assert f".0.{namespace}.aaaaaaaa" in repository.id
    assert repository.namespace == namespace
    configuration = artifacts.get_container_configuration(repository.compartment_id).data
    assert configuration.namespace == namespace


def test_a_name_is_taken_once_in_the_tenancy(emulator, artifacts, repository, refused):
    """A repository's name is refused in another compartment too."""
    details = {"compartmentId": emulator.tenancy_id, "displayName": repository.display_name}
    refused(409, "NotAuthorizedOrResourceAlreadyExists", artifacts.create_container_repository, details)


def test_repositories_cannot_be_immutable(emulator, artifacts, repository, refused):
    """`isImmutable` may be false; true is refused in creates and updates."""
    details = {"compartmentId": emulator.compartment_id, "displayName": "ocisidecar/job", "isImmutable": True}
    error = refused(400, "InvalidParameter", artifacts.create_container_repository, details)
    assert error.message == "Setting isImmutable is not currently supported"
    refused(400, "InvalidParameter", artifacts.update_container_repository, repository.id, {"isImmutable": True})
    assert artifacts.create_container_repository({**details, "isImmutable": False}).data.is_immutable is False


def test_repositories_can_be_made_immutable(make_emulator, client_of):
    """With `accepts_immutable_repositories` a repository can be made immutable."""
    emulator = make_emulator(assumptions=Assumptions(accepts_immutable_repositories=True))
    details = {"compartmentId": emulator.compartment_id, "displayName": "ocisidecar/job", "isImmutable": True}
    assert client_of(emulator, "artifacts.ArtifactsClient").create_container_repository(details).data.is_immutable


@pytest.mark.parametrize("name", ["Web", "web/", "-web", "a b"])
def test_a_name_that_no_registry_takes_is_refused(emulator, artifacts, name, refused):
    """Repository names are lower-case paths."""
    details = {"compartmentId": emulator.compartment_id, "displayName": name}
    refused(400, "InvalidParameter", artifacts.create_container_repository, details)


def test_an_image_is_looked_up_by_tag_and_by_digest(emulator, artifacts, repository, refused):
    """A URI with the tag or the digest finds the image; another version gets 404, an invalid URI 400."""
    image_id = emulator.push_image(repository.id, "1.0")
    image = artifacts.get_container_image(image_id).data
    base = f"fra.ocir.io/{repository.namespace}/ocisidecar/web"
    lookup = artifacts.lookup_container_image_by_uri
    for uri in (f"{base}:1.0", f"{base}@{image.digest}"):
        assert lookup({"imageUri": uri}).data.id == image_id
    refused(404, "NotAuthorizedOrNotFound", lookup, {"imageUri": f"{base}:2.0"})
    refused(400, "InvalidParameter", lookup, {"imageUri": "web"})


def test_images_are_listed_page_by_page(emulator, artifacts, repository):
    """Each page of images contains the number of those that follow."""
    pushed = {emulator.push_image(repository.id, version) for version in ("1", "2", "3")}
    first = artifacts.list_container_images(emulator.compartment_id, repository_id=repository.id, limit=2)
    rest = artifacts.list_container_images(
        emulator.compartment_id, repository_id=repository.id, limit=2, page=first.headers["opc-next-page"]
    )
    assert (first.data.remaining_items_count, rest.data.remaining_items_count) == (1, 0)
    assert {one.id for one in [*first.data.items, *rest.data.items]} == pushed


def test_images_go_with_their_repository(emulator, artifacts, repository):
    """A deleted repository leaves no image behind."""
    emulator.push_image(repository.id, "1.0")
    artifacts.delete_container_repository(repository.id)
    assert artifacts.list_container_images(emulator.compartment_id).data.items == []
    assert emulator.live() == {}


def test_pushing_needs_a_repository(emulator):
    """A push into a missing repository raises LookupError."""
    with pytest.raises(LookupError, match="no image was pushed"):
        emulator.push_image("ocid1.containerrepo.oc1..none", "1.0")
