"""What all operations have in common: ids, etags, request ids, pages, tokens, routing, recorded requests."""

from __future__ import annotations

import oci
import pytest


def test_create_answers_with_etag_and_request_id(emulator, network):
    """A create answers 200 with an etag, and the request id begins with the client's own."""
    details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.0.0.0/16"]}
    response = network.create_vcn(details)
    assert response.status == 200
    assert len(response.headers["etag"]) == 8
    parts = response.request_id.split("/")
    assert [len(part) for part in parts] == [32, 32, 32]
    assert parts[0] == response.request.header_params["opc-request-id"]


def test_malformed_requests_are_refused(raw):
    """A missing query parameter and a body that is not JSON get 400 with different codes, not 404."""
    answer = raw("GET", "/20160918/vcns")
    assert (answer.status_code, answer.json()["code"]) == (400, "MissingParameter")
    for body in (b"{", b"", b"[]"):
        answer = raw("POST", "/20160918/vcns", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "CannotParseRequest")


@pytest.mark.usefixtures("vcn")
def test_endpoint_paths_select_region_and_service(emulator, client):
    """A resource is visible at its region's endpoints only, with or without the service's prefix."""
    seen = {
        path: len(client("core.VirtualNetworkClient", path=path).list_vcns(emulator.compartment_id).data)
        for path in ("", "/iaas", "/eu-frankfurt-1/iaas", "/us-ashburn-1/iaas", "/us-ashburn-1")
    }
    assert seen == {"": 1, "/iaas": 1, "/eu-frankfurt-1/iaas": 1, "/us-ashburn-1/iaas": 0, "/us-ashburn-1": 0}


def test_retry_token_replays_the_first_answer(emulator, network):
    """A create that is repeated with its token gets the resource of the first one."""
    details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.0.0.0/16"]}
    first = network.create_vcn(details, opc_retry_token="once").data
    assert network.create_vcn(details, opc_retry_token="once").data.id == first.id
    assert emulator.live() == {"vcn": [first.id]}


def test_retry_token_of_a_deleted_resource_is_refused(emulator, network):
    """A token whose resource has been deleted is invalidated."""
    details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.0.0.0/16"]}
    network.delete_vcn(network.create_vcn(details, opc_retry_token="once").data.id)
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        network.create_vcn(details, opc_retry_token="once")
    assert (caught.value.status, caught.value.code) == (409, "InvalidatedRetryToken")
