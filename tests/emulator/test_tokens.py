"""Retry tokens: a create happens once, however often it is asked for."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Assumptions


@pytest.fixture
def details(compartment):
    return {"compartmentId": compartment, "cidrBlocks": ["10.0.0.0/16"]}


def test_a_token_with_another_payload_is_refused(network, details, refusal):
    """The same token for something else gets the code that is assumed, and creates nothing."""
    network.create_vcn(details, opc_retry_token="once")
    other = {**details, "displayName": "other"}
    error = refusal(network.create_vcn, other, opc_retry_token="once")
    assert (error.status, error.code) == (409, "InvalidatedRetryToken")
    assert len(network.list_vcns(details["compartmentId"]).data) == 1


def test_the_code_of_a_mismatch_can_be_turned(make_emulator, client_of, refusal):
    """What is not known about OCI is configurable."""
    emulator = make_emulator(assumptions=Assumptions(retry_token_mismatch="Conflict"))
    network = client_of(emulator, "core.VirtualNetworkClient")
    details = {"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}
    network.create_vcn(details, opc_retry_token="once")
    error = refusal(network.create_vcn, {**details, "displayName": "other"}, opc_retry_token="once")
    assert (error.status, error.code) == (409, "Conflict")


def test_a_token_is_forgotten_after_a_day(network, details, clock):
    """24 hours later the same request is a new one."""
    first = network.create_vcn(details, opc_retry_token="once").data
    clock.advance(24 * 3600 - 1)
    assert network.create_vcn(details, opc_retry_token="once").data.id == first.id
    clock.advance(1)
    assert network.create_vcn(details, opc_retry_token="once").data.id != first.id


def test_a_token_belongs_to_one_region(client, details):
    """A token used in one region means nothing in another."""
    ids = {
        client("core.VirtualNetworkClient", path=f"/{region}/iaas")
        .create_vcn(details, opc_retry_token="once")
        .data.id
        for region in ("eu-frankfurt-1", "us-ashburn-1", "us-phoenix-1")
    }
    assert len(ids) == 3


def test_a_token_belongs_to_one_operation(network, compartment, details):
    """A token used for a VCN does not stop a security group from being made with it."""
    vcn = network.create_vcn(details, opc_retry_token="once").data
    group = {"compartmentId": compartment, "vcnId": vcn.id}
    assert network.create_network_security_group(group, opc_retry_token="once").status == 200


def test_a_replay_is_the_first_answer(network, details):
    """The answer of a replay equals the first one even when the resource has changed since."""
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
    """Tokens have at most 64 characters."""
    error = refusal(network.create_vcn, details, opc_retry_token="x" * 65)
    assert (error.status, error.code) == (400, "InvalidParameter")


def test_a_token_whose_resource_is_being_deleted_is_refused(instances, instance_details, refusal):
    """From the moment a delete is accepted the token is invalidated."""
    made = instances.create_container_instance(instance_details(), opc_retry_token="once").data
    instances.delete_container_instance(made.id)
    error = refusal(instances.create_container_instance, instance_details(), opc_retry_token="once")
    assert (error.status, error.code) == (409, "InvalidatedRetryToken")
