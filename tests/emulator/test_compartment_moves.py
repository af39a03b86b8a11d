"""Moves of resources and compartments to other compartments."""

from __future__ import annotations

import pytest


@pytest.fixture
def make_compartment(emulator, identity):
    def make(name, parent=None):
        details = {"compartmentId": parent or emulator.compartment_id, "name": name, "description": name}
        return identity.create_compartment(details).data.id

    return make


def test_a_moved_resource_is_listed_in_its_new_compartment(network, compartment, vcn, make_compartment):
    """A move of a VCN is a core work request of the compartment that it leaves."""
    other = make_compartment("other")
    moved = network.change_vcn_compartment(vcn.id, {"compartmentId": other})
    assert (moved.status, moved.data) == (202, None)
    assert moved.headers["opc-work-request-id"]
    assert [one.id for one in network.list_vcns(other).data] == [vcn.id]
    assert network.list_vcns(compartment).data == []


def test_a_move_changes_the_entity_tag(network, vcn, make_compartment):
    """The move of a gateway answers with the entity tag that a read then shows."""
    details = {"compartmentId": vcn.compartment_id, "vcnId": vcn.id, "isEnabled": True}
    made = network.create_internet_gateway(details)
    moved = network.change_internet_gateway_compartment(made.data.id, {"compartmentId": make_compartment("other")})
    assert moved.headers["etag"] == network.get_internet_gateway(made.data.id).headers["etag"]
    assert moved.headers["etag"] != made.headers["etag"]
    assert "opc-work-request-id" not in moved.headers


def test_a_move_needs_a_compartment(network, vcn, refusal):
    """A move to a compartment that does not exist gets 404 and changes nothing."""
    place = {"compartmentId": "ocid1.compartment.oc1..x"}
    assert refusal(network.change_vcn_compartment, vcn.id, place).status == 404
    assert network.get_vcn(vcn.id).data.compartment_id == vcn.compartment_id


def test_parts_move_with_their_owner(emulator, client, make_compartment):
    """The images of a repository and the logs of a log group move with it."""
    registry, other = client("artifacts.ArtifactsClient"), make_compartment("other")
    details = {"compartmentId": emulator.compartment_id, "displayName": "web"}
    repository = registry.create_container_repository(details).data
    emulator.push_image(repository.id, "1")
    registry.change_container_repository_compartment(repository.id, {"compartmentId": other})
    assert len(registry.list_container_images(other).data.items) == 1
    logging = client("logging.LoggingManagementClient")

    def made(response):
        return logging.get_work_request(response.headers["opc-work-request-id"]).data.resources[0].identifier

    group = made(logging.create_log_group(details))
    log = made(logging.create_log(group, {"displayName": "app", "logType": "CUSTOM"}))
    logging.change_log_group_compartment(group, {"compartmentId": other})
    assert logging.get_log(group, log).data.compartment_id == other


def test_a_log_moves_to_another_group(emulator, client, refusal):
    """A moved log is found in its new group only, unless its name is taken there."""
    logging = client("logging.LoggingManagementClient")

    def made(response):
        return logging.get_work_request(response.headers["opc-work-request-id"]).data.resources[0].identifier

    details = {"compartmentId": emulator.compartment_id}
    first, second = (made(logging.create_log_group({**details, "displayName": name})) for name in "ab")
    log = made(logging.create_log(first, {"displayName": "app", "logType": "CUSTOM"}))
    assert logging.change_log_log_group(first, log, {"targetLogGroupId": second}).status == 202
    assert logging.get_log(second, log).data.log_group_id == second
    assert refusal(logging.get_log, first, log).status == 404
    other = made(logging.create_log(first, {"displayName": "app", "logType": "CUSTOM"}))
    assert refusal(logging.change_log_log_group, first, other, {"targetLogGroupId": second}).code == "Conflict"


def test_a_compartment_moves_with_all_below_it(emulator, identity, make_compartment, refusal):
    """A moved compartment has another parent; a place below itself and a taken name are refused."""
    parent, child = make_compartment("parent"), make_compartment("child")
    moved = identity.move_compartment(child, {"targetCompartmentId": parent})
    assert (moved.status, identity.get_compartment(child).data.compartment_id) == (202, parent)
    assert identity.get_work_request(moved.headers["opc-work-request-id"]).data.status == "SUCCEEDED"
    assert refusal(identity.move_compartment, parent, {"targetCompartmentId": child}).status == 400
    assert refusal(identity.move_compartment, emulator.tenancy_id, {"targetCompartmentId": child}).status == 400
    twin = {"targetCompartmentId": emulator.compartment_id}
    make_compartment("child")
    assert refusal(identity.move_compartment, child, twin).code == "CompartmentAlreadyExists"
