"""Retry tokens: a create that is repeated with its token creates one resource."""

from __future__ import annotations

import oci
import pytest

from ocisidecar.emulator import Assumptions


@pytest.fixture
def details(compartment):
    return {"compartmentId": compartment, "cidrBlocks": ["10.0.0.0/16"]}


def test_a_token_with_another_payload_is_refused(network, details, refusal):
    """A token with another body gets the assumed code, and nothing is created."""
    network.create_vcn(details, opc_retry_token="once")
    other = {**details, "displayName": "other"}
    error = refusal(network.create_vcn, other, opc_retry_token="once")
    assert (error.status, error.code) == (409, "Conflict")
    assert error.message.startswith("Token is currently in use for a different request: ocid1.tenancy.")
    assert len(network.list_vcns(details["compartmentId"]).data) == 1


def test_the_code_of_a_mismatch_can_be_turned(make_emulator, client_of, refusal):
    """retry_token_mismatch sets the code for a token with another body."""
    emulator = make_emulator(assumptions=Assumptions(retry_token_mismatch="InvalidatedRetryToken"))
    network = client_of(emulator, "core.VirtualNetworkClient")
    details = {"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}
    network.create_vcn(details, opc_retry_token="once")
    error = refusal(network.create_vcn, {**details, "displayName": "other"}, opc_retry_token="once")
    assert (error.status, error.code) == (409, "InvalidatedRetryToken")


def test_a_token_is_forgotten_after_a_day(network, details, clock):
    """A request that is repeated after 24 hours creates a new resource."""
    first = network.create_vcn(details, opc_retry_token="once").data
    clock.advance(24 * 3600 - 1)
    assert network.create_vcn(details, opc_retry_token="once").data.id == first.id
    clock.advance(1)
    assert network.create_vcn(details, opc_retry_token="once").data.id != first.id


def test_a_token_belongs_to_one_region(client, details):
    """A token of one region is unknown in another one."""
    ids = {
        client("core.VirtualNetworkClient", path=f"/{region}/iaas")
        .create_vcn(details, opc_retry_token="once")
        .data.id
        for region in ("eu-frankfurt-1", "us-ashburn-1", "us-phoenix-1")
    }
    assert len(ids) == 3


def test_a_token_belongs_to_one_user(emulator, network, details):
    """Two users who send the same token create two resources."""
    other = oci.core.VirtualNetworkClient(emulator.add_user("ci"), service_endpoint=emulator.endpoint)
    ids = {one.create_vcn(details, opc_retry_token="once").data.id for one in (network, other)}
    assert len(ids) == 2


def test_a_token_belongs_to_one_operation(network, compartment, details):
    """A token used for a VCN can be used to create a security group too."""
    vcn = network.create_vcn(details, opc_retry_token="once").data
    group = {"compartmentId": compartment, "vcnId": vcn.id}
    assert network.create_network_security_group(group, opc_retry_token="once").status == 200


def test_a_replay_is_the_first_answer(network, details):
    """The response to a repeated create equals the first one even when the resource has changed since."""
    first = network.create_vcn(details, opc_retry_token="once")
    network.update_vcn(first.data.id, {"displayName": "renamed"})
    again = network.create_vcn(details, opc_retry_token="once")
    assert again.data == first.data
    assert again.headers["etag"] == first.headers["etag"]


def test_a_refused_create_leaves_its_token_free(network, details, refusal):
    """A token whose first request was refused can be used for a correct one."""
    refusal(network.create_vcn, {**details, "cidrBlocks": ["nonsense"]}, opc_retry_token="once")
    assert network.create_vcn(details, opc_retry_token="once").status == 200


def test_a_long_token_is_refused(network, details, refusal):
    """A token of more than 64 characters gets 400."""
    error = refusal(network.create_vcn, details, opc_retry_token="x" * 65)
    assert (error.status, error.code) == (400, "InvalidParameter")


def test_a_token_whose_resource_is_being_deleted_is_refused(instances, instance_details, refusal):
    """From the moment a delete is accepted the token is invalidated."""
    made = instances.create_container_instance(instance_details(), opc_retry_token="once").data
    instances.delete_container_instance(made.id)
    error = refusal(instances.create_container_instance, instance_details(), opc_retry_token="once")
    assert (error.status, error.code) == (409, "InvalidatedRetryToken")
