"""Users who have only the rights that policies give their groups."""

from __future__ import annotations

import pytest


@pytest.fixture
def as_user(emulator, client_of):
    """Adds a user of the group `team`, which these statements are for; returns a maker of clients for the user."""

    def add(*statements):
        config = emulator.add_user("user", groups=["team"])
        if statements:
            emulator.add_policy(*(one.format(c=emulator.compartment_id) for one in statements))

        def make(name, path=""):
            import oci

            signer = oci.signer.Signer(
                config["tenancy"],
                config["user"],
                config["fingerprint"],
                private_key_file_location=None,
                private_key_content=config["key_content"],
            )
            return client_of(emulator, name, config=config, signer=signer, path=path)

        return make

    return add


IDENTITY = "identity.IdentityClient"
NETWORK = "core.VirtualNetworkClient"
MANAGE = "Allow group team to manage all-resources in compartment id {c}"


def test_a_user_without_a_policy_is_refused(as_user, refused, compartment):
    """A user whose groups have no policy gets 404 for a list in the compartment."""
    network = as_user()(NETWORK)
    refused(404, "NotAuthorizedOrNotFound", network.list_vcns, compartment)


def test_a_compartment_administrator_sees_nothing_of_the_tenancy(as_user, refused, emulator, compartment):
    """An administrator of a compartment gets 404 for dynamic groups, regions and domains of the root."""
    identity = as_user(MANAGE)(IDENTITY)
    root = emulator.tenancy_id
    for call in (
        identity.list_dynamic_groups,
        identity.list_region_subscriptions,
        identity.list_availability_domains,
        identity.list_policies,
        identity.get_tenancy,
    ):
        refused(404, "NotAuthorizedOrNotFound", call, root)
    assert len(identity.list_availability_domains(compartment).data) == 3
    assert identity.list_policies(compartment).data == []


def test_a_compartment_administrator_may_do_everything_in_the_compartment(as_user, compartment):
    """An administrator of a compartment creates, changes and deletes a VCN there."""
    network = as_user(MANAGE)(NETWORK)
    vcn = network.create_vcn({"compartmentId": compartment, "cidrBlocks": ["10.0.0.0/16"]}).data
    network.update_vcn(vcn.id, {"displayName": "net"})
    assert [one.id for one in network.list_vcns(compartment).data] == [vcn.id]
    network.delete_vcn(vcn.id)


def test_a_reader_may_not_write(as_user, refused, vcn, compartment):
    """A group that may read gets what exists, and 404 for a create and for a delete."""
    network = as_user("Allow group team to read virtual-network-family in compartment id {c}")(NETWORK)
    assert network.get_vcn(vcn.id).data.id == vcn.id
    refused(404, "NotAuthorizedOrNotFound", network.delete_vcn, vcn.id)
    details = {"compartmentId": compartment, "cidrBlocks": ["10.1.0.0/16"]}
    refused(404, "NotAuthorizedOrNotFound", network.create_vcn, details)


def test_inspect_does_not_include_get(as_user, refused, vcn, compartment):
    """A group that may inspect lists VCNs and gets 404 for a single one."""
    network = as_user("Allow group team to inspect vcns in compartment id {c}")(NETWORK)
    assert network.list_vcns(compartment).data
    refused(404, "NotAuthorizedOrNotFound", network.get_vcn, vcn.id)


def test_an_instance_needs_the_use_of_its_network(as_user, refused, instance_details):
    """A create of an instance is refused until the caller may also use subnets and VNICs."""
    make = as_user("Allow group team to manage compute-container-family in compartment id {c}")
    instances = make("container_instances.ContainerInstanceClient")
    details = instance_details()
    refused(404, "NotAuthorizedOrNotFound", instances.create_container_instance, details)


def test_an_instance_is_created_with_the_use_of_its_network(as_user, instance_details):
    """Rights on container instances and the use of the network suffice for an instance."""
    make = as_user(
        "Allow group team to manage compute-container-family in compartment id {c}",
        "Allow group team to use virtual-network-family in compartment id {c}",
    )
    instances = make("container_instances.ContainerInstanceClient")
    created = instances.create_container_instance(instance_details()).data
    assert instances.get_container_instance(created.id).data.lifecycle_state == "ACTIVE"


def test_a_vnic_changes_its_groups_with_the_use_of_both(
    as_user, refused, make_instance, instances, network, vcn, compartment
):
    """Who may use VNICs but not security groups renames a VNIC, and gets 404 where it would join a group."""
    group = network.create_network_security_group({"compartmentId": compartment, "vcnId": vcn.id}).data
    vnic_id = instances.get_container_instance(make_instance().data.id).data.vnics[0].vnic_id
    own = as_user("Allow group team to use vnics in compartment id {c}")(NETWORK)
    own.update_vnic(vnic_id, {"displayName": "renamed", "nsgIds": []})
    refused(404, "NotAuthorizedOrNotFound", own.update_vnic, vnic_id, {"nsgIds": [group.id]})


def test_a_policy_for_any_user_includes_users(as_user, compartment):
    """A statement for any-user gives the right to users too."""
    network = as_user("Allow any-user to inspect vcns in compartment id {c}")(NETWORK)
    assert network.list_vcns(compartment).data == []


def test_an_added_user_is_an_administrator_by_default(emulator, client_of):
    """A user who is added without groups may list the tenancy's dynamic groups."""
    config = emulator.add_user("second")
    import oci

    signer = oci.signer.Signer(
        config["tenancy"],
        config["user"],
        config["fingerprint"],
        private_key_file_location=None,
        private_key_content=config["key_content"],
    )
    identity = client_of(emulator, IDENTITY, config=config, signer=signer)
    assert identity.list_dynamic_groups(emulator.tenancy_id).data == []


def test_a_wrong_statement_is_not_added(emulator):
    """A text that is not a policy statement is refused."""
    with pytest.raises(ValueError, match="expected"):
        emulator.add_policy("Let everybody in")
