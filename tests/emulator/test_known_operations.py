"""Operations that OCI has and the emulator lacks are refused as such, whichever client calls them."""

from importlib.resources import files

import oci
import pytest

from ocisidecar.emulator import known_operations
from ocisidecar.emulator.known_operations import FILE
from ocisidecar.emulator.router import Router
from ocisidecar.emulator.services import SERVICES
from tests.emulator.contract.sdk_operations import HEAD, sdk_operations, text


def test_the_file_holds_the_operations_of_the_installed_sdk():
    """The file is what the SDK's source says, for the SDK that wrote it."""
    stored = files(known_operations.__package__).joinpath(FILE).read_text()
    if not stored.startswith(HEAD.format(version=oci.__version__)):
        pytest.skip(f"{FILE} is made from another SDK than {oci.__version__}")
    assert stored == text()


@pytest.mark.parametrize("value", ["x", "ocid1.vcn.oc1..x"], ids=["word", "OCID"])
@pytest.mark.parametrize("start", ["", "/us-ashburn-1", "/{host}", "/us-ashburn-1/{host}"])
def test_no_operation_of_the_sdk_is_unknown(start, value):
    """At each form of endpoint every operation of the SDK is emulated or a 501 that names it, never 404 or 405."""
    router = Router(SERVICES)
    wrong = {}
    for one in sdk_operations():
        rest = one.path.strip("/").replace("**", "a/b").replace("*", value)
        path = start.format(host=one.host).rstrip("/") + "/" + rest
        match = router.find(one.method, path)
        if match is not None and "{host}" in start and match.operation.name != one.name:
            wrong[f"{one.client}.{one.name}"] = f"is answered as {match.operation.name}"
        elif match is None:
            refusal = router.refusal(one.method, path)
            if refusal.status != 501 or one.name not in refusal.message:
                wrong[f"{one.client}.{one.name}"] = str(refusal)
    assert wrong == {}


def test_an_upload_without_a_signed_body_is_named(client):
    """Uploads leave the body out of the signature, which is no reason to refuse them with 401."""
    storage = client("object_storage.ObjectStorageClient")
    with pytest.raises(oci.exceptions.ServiceError, match=r"ObjectStorageClient\.put_object") as caught:
        storage.put_object("emulatedns", "bucket", "a/b.txt", b"content")
    assert caught.value.status == 501


def test_a_question_without_answer_body_is_refused_too(client):
    """A HEAD of what the emulator lacks gets 501, without a body."""
    storage = client("object_storage.ObjectStorageClient")
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        storage.head_object("emulatedns", "bucket", "a/b.txt")
    assert caught.value.status == 501


def test_a_slash_that_clients_do_not_encode_belongs_to_the_parameter(client):
    """The SDK sends the slashes of paths within a repository of artifacts as they are."""
    artifacts = client("artifacts.ArtifactsClient")
    with pytest.raises(oci.exceptions.ServiceError, match="get_generic_artifact_by_path") as caught:
        artifacts.get_generic_artifact_by_path("ocid1.artifactrepository.oc1..x", "a/b/c.txt", "1")
    assert caught.value.status == 501


def test_the_host_of_an_identity_domain_is_a_prefix_too(raw):
    """Scanners ask the domain for its users, at a host of its own."""
    answer = raw("GET", "/idcs-0123456789abcdef/admin/v1/Users")
    assert answer.status_code == 501
    assert "identity_domains.IdentityDomainsClient.list_users" in answer.json()["message"]
