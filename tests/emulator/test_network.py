"""Core: networks, their defaults, and the refusals that keep them consistent."""

from __future__ import annotations

from ipaddress import IPv6Network

import pytest
from oci.core import models

from ocisidecar.emulator import Latencies

ANYWHERE = "0.0.0.0/0"


def rule(**members):
    return {"direction": "INGRESS", "protocol": "6", "source": "10.0.0.0/16", "sourceType": "CIDR_BLOCK", **members}


@pytest.fixture
def group(network, compartment, vcn):
    return network.create_network_security_group({"compartmentId": compartment, "vcnId": vcn.id}).data


@pytest.fixture
def gateway(network, compartment, vcn):
    details = {"compartmentId": compartment, "vcnId": vcn.id, "isEnabled": True}
    return network.create_internet_gateway(details).data


@pytest.fixture
def make_table(network, compartment, vcn):
    def make(*rules):
        details = {"compartmentId": compartment, "vcnId": vcn.id, "routeRules": list(rules)}
        return network.create_route_table(details).data

    return make


def route(entity, destination=ANYWHERE, kind="CIDR_BLOCK"):
    return {"networkEntityId": entity.id, "destination": destination, "destinationType": kind}


class TestVcn:
    def test_it_is_born_with_defaults(self, network, vcn):
        """A new VCN has a route table, a security list and DHCP options of its name, which do not count as live."""
        assert vcn.vcn_domain_name == "net.oraclevcn.com"
        assert (vcn.cidr_block, vcn.cidr_blocks) == ("10.0.0.0/16", ["10.0.0.0/16"])
        table = network.get_route_table(vcn.default_route_table_id).data
        security = network.get_security_list(vcn.default_security_list_id).data
        options = network.get_dhcp_options(vcn.default_dhcp_options_id).data
        assert table.display_name == "Default Route Table for net"
        assert security.display_name == "Default Security List for net"
        assert options.display_name == "Default DHCP Options for net"
        assert table.route_rules == []
        assert [option.type for option in options.options] == ["DomainNameServer", "SearchDomain"]

    def test_its_default_security_list_admits_ssh(self, network, vcn):
        """The default security list permits all egress, and SSH and the recorded ICMP messages as ingress."""
        security = network.get_security_list(vcn.default_security_list_id).data
        [egress] = security.egress_security_rules
        assert (egress.protocol, egress.destination) == ("all", ANYWHERE)
        ssh, unreachable, local = security.ingress_security_rules
        assert (ssh.source, ssh.tcp_options.destination_port_range.min) == (ANYWHERE, 22)
        assert (unreachable.source, unreachable.icmp_options.type, unreachable.icmp_options.code) == (
            ANYWHERE,
            3,
            4,
        )
        assert (local.source, local.icmp_options.type, local.icmp_options.code) == ("10.0.0.0/16", 3, None)

    def test_it_takes_its_defaults_with_it(self, emulator, network, vcn, refusal):
        """Deleting a VCN deletes its defaults, and they are 404 at once."""
        network.delete_vcn(vcn.id)
        assert emulator.live() == {}
        assert refusal(network.get_vcn, vcn.id).status == 404
        assert refusal(network.get_route_table, vcn.default_route_table_id).status == 404
        assert refusal(network.delete_vcn, vcn.id).status == 404

    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({"cidrBlocks": ["10.0.0.0/33"]}, "The requested CIDR 10.0.0.0/33 is invalid: unable to parse."),
            ({"cidrBlocks": ["10.0.0.1/16"]}, "The requested CIDR 10.0.0.1/16 is invalid: unable to parse."),
            ({"cidrBlocks": ["10.0.0.0/8"]}, "between /16 and /30"),
            ({"cidrBlocks": ["10.0.0.0/16", "10.0.1.0/24"]}, "overlaps"),
            ({"cidrBlocks": [f"10.{n}.0.0/16" for n in range(6)]}, "cidrBlocks"),
            ({"cidrBlock": "10.0.0.0/16", "cidrBlocks": ["10.0.0.0/16"]}, "Exactly one"),
            ({}, "Exactly one"),
            ({"cidrBlock": "10.0.0.0/16", "dnsLabel": "1st"}, "dnsLabel"),
        ],
    )
    def test_impossible_blocks_and_labels_are_refused(self, network, compartment, refusal, members, text):
        """A VCN with blocks outside /16 to /30, over five, overlapping, or an invalid label gets 400."""
        error = refusal(network.create_vcn, {"compartmentId": compartment, **members})
        assert (error.status, error.code) == (400, "InvalidParameter")
        assert text in error.message

    @pytest.mark.usefixtures("subnet")
    def test_blocks_are_added_and_removed_by_work_requests(self, network, client, vcn, refusal):
        """AddCidr and removeCidr answer 202 with a core work request; a block in use stays."""
        response = network.add_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
        assert response.status == 202
        requests = client("work_requests.WorkRequestClient")
        done = requests.get_work_request(response.headers["opc-work-request-id"]).data
        assert (done.status, done.resources[0].identifier) == ("SUCCEEDED", vcn.id)
        # Oracle's Terraform provider waits for a resource in this state.
        assert done.resources[0].action_type == "IN_PROGRESS"
        assert refusal(network.remove_vcn_cidr, vcn.id, {"cidrBlock": "10.0.0.0/16"}).code == "IncorrectState"
        network.remove_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
        assert network.get_vcn(vcn.id).data.cidr_blocks == ["10.0.0.0/16"]
        assert refusal(network.remove_vcn_cidr, vcn.id, {"cidrBlock": "10.0.0.0/16"}).status in {400, 409}

    def test_their_number_can_be_limited(self, make_emulator, client_of, refusal):
        """A service limit is refused with the recorded text, trailing blank included, in its region only."""
        emulator = make_emulator(limits={"vcn-count": 1})
        details = {"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}
        network = client_of(emulator, "core.VirtualNetworkClient")
        network.create_vcn(details)
        error = refusal(network.create_vcn, details)
        assert (error.status, error.code) == (400, "LimitExceeded")
        assert error.message == (
            "The following service limits were exceeded: vcn-count. Request a service limit increase from the "
            "service limits page in the console. "
        )
        elsewhere = client_of(emulator, "core.VirtualNetworkClient", path="/us-ashburn-1")
        assert elsewhere.create_vcn(details).status == 200

    def test_a_name_is_made_up_where_none_was_given(self, network, compartment):
        """The default displayName consists of the kind and the time."""
        vcn = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
        assert vcn.display_name == f"vcn{vcn.time_created:%Y%m%d%H%M%S}"

    def test_labels_become_lower_case(self, network, compartment, refusal):
        """The labels of a VCN and of a subnet are stored in lower case, and are compared so."""
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16", "dnsLabel": "MyVcn"}
        vcn = network.create_vcn(details).data
        assert (vcn.dns_label, vcn.vcn_domain_name) == ("myvcn", "myvcn.oraclevcn.com")
        members = {"compartmentId": compartment, "vcnId": vcn.id}
        subnet = network.create_subnet({**members, "cidrBlock": "10.0.0.0/24", "dnsLabel": "MySub"}).data
        assert (subnet.dns_label, subnet.subnet_domain_name) == ("mysub", "mysub.myvcn.oraclevcn.com")
        second = {**members, "cidrBlock": "10.0.1.0/24", "dnsLabel": "mysub"}
        assert "mysub is taken" in refusal(network.create_subnet, second).message

    def test_ipv6_gives_a_block(self, network, compartment):
        """A VCN with isIpv6Enabled gets one /56 block of its own, others get none."""
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}
        blocks = [network.create_vcn({**details, "isIpv6Enabled": True}).data.ipv6_cidr_blocks for _ in range(2)]
        assert [IPv6Network(block).prefixlen for (block,) in blocks] == [56, 56]
        assert blocks[0] != blocks[1]
        assert network.create_vcn(details).data.ipv6_cidr_blocks is None

    def test_what_is_not_emulated_is_501(self, network, compartment, refusal):
        """Members and operations of OCI that are not emulated are refused as such, never ignored."""
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}
        assert refusal(network.create_vcn, {**details, "isZprOnly": True}).status == 501
        assert refusal(network.list_drg_attachments, compartment).status == 501
        assert refusal(network.create_vcn, {**details, "colour": "red"}).code == "CannotParseRequest"


class TestSubnet:
    def test_it_gets_what_its_vcn_has(self, vcn, subnet):
        """A subnet gets the VCN's default table, list and options; the router is the first host."""
        assert subnet.route_table_id == vcn.default_route_table_id
        assert subnet.security_list_ids == [vcn.default_security_list_id]
        assert subnet.dhcp_options_id == vcn.default_dhcp_options_id
        assert (subnet.virtual_router_ip, subnet.subnet_domain_name) == ("10.0.0.1", "sub.net.oraclevcn.com")
        assert subnet.availability_domain is None
        assert subnet.virtual_router_mac.startswith("00:00:17:")

    def test_prohibiting_public_ips_prohibits_ingress(self, make_subnet):
        """A subnet with prohibitPublicIpOnVnic sets prohibitInternetIngress to true."""
        made = make_subnet(prohibitPublicIpOnVnic=True)
        assert (made.prohibit_public_ip_on_vnic, made.prohibit_internet_ingress) == (True, True)

    def test_an_overlap_names_the_other_subnet(self, make_subnet, subnet, refusal):
        """An overlapping subnet is refused with the OCID of the other one."""
        error = refusal(make_subnet, cidrBlock="10.0.0.128/25")
        assert error.message == (
            f"The requested CIDR 10.0.0.128/25 is invalid: subnet {subnet.id} with CIDR 10.0.0.0/24 overlaps with "
            "this CIDR."
        )

    @pytest.mark.parametrize(
        ("members", "status", "code"),
        [
            ({"cidrBlock": "10.1.0.0/24"}, 400, "InvalidParameter"),
            ({"cidrBlock": "nonsense"}, 400, "InvalidParameter"),
            ({"ipv4CidrBlocks": ["10.0.0.0/24"]}, 400, "InvalidParameter"),
            ({"availabilityDomain": "AD-9"}, 400, "InvalidParameter"),
            ({"dnsLabel": "way-too-long-label"}, 400, "InvalidParameter"),
            ({"vcnId": "ocid1.vcn.oc1..none"}, 404, "NotAuthorizedOrNotFound"),
            ({"compartmentId": "ocid1.compartment.oc1..none"}, 404, "NotAuthorizedOrNotFound"),
            ({"routeTableId": "ocid1.routetable.oc1..none"}, 400, "RelatedResourceNotAuthorizedOrNotFound"),
            ({"securityListIds": ["none"]}, 400, "RelatedResourceNotAuthorizedOrNotFound"),
            ({"freeformTags": {"a.b": "c"}}, 400, "InvalidParameter"),
            ({"freeformTags": {str(n): "" for n in range(11)}}, 400, "InvalidParameter"),
            ({"freeformTags": {"a": "x" * 257}}, 400, "InvalidParameter"),
            ({"definedTags": {"no": {"such": "tag"}}}, 400, "InvalidParameter"),
        ],
    )
    def test_wrong_members_are_refused(self, make_subnet, refusal, members, status, code):
        """A subnet with an invalid block, domain, label, reference or tag is refused."""
        error = refusal(make_subnet, **members)
        assert (error.status, error.code) == (status, code)

    def test_references_must_be_of_its_vcn(self, network, compartment, make_subnet, refusal):
        """A route table of another VCN is refused."""
        other = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
        assert refusal(make_subnet, routeTableId=other.default_route_table_id).code == "InvalidParameter"

    @pytest.mark.usefixtures("subnet")
    def test_it_keeps_its_vcn(self, network, vcn, refusal):
        """A VCN with a subnet cannot be deleted."""
        error = refusal(network.delete_vcn, vcn.id)
        assert (error.status, error.code) == (409, "IncorrectState")
        assert error.message == f"{vcn.id} is associated with Subnet that is in use"

    def test_labels_need_a_vcn_with_one_and_are_unique(self, network, compartment, make_subnet, refusal):
        """Two subnets of a VCN have different labels, and none has one when the VCN has none."""
        make_subnet(dnsLabel="sub")
        assert "taken" in refusal(make_subnet, cidrBlock="10.0.1.0/24", dnsLabel="sub").message
        plain = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
        assert "needs" in refusal(make_subnet, vcnId=plain.id, dnsLabel="sub").message

    def test_an_update_takes_mutable_members_only(self, network, subnet, refusal):
        """An update changes a subnet's name and references and refuses other members."""
        assert network.update_subnet(subnet.id, {"displayName": "renamed"}).data.display_name == "renamed"
        assert refusal(network.update_subnet, subnet.id, {"dnsLabel": "other"}).code == "CannotParseRequest"
        assert refusal(network.update_subnet, subnet.id, {"cidrBlock": "10.0.0.0/25"}).status == 501

    def test_a_stale_etag_is_refused(self, network, subnet, refusal):
        """if-match must name the current version; the suffix of compressed responses is allowed."""
        etag = network.get_subnet(subnet.id).headers["etag"]
        renamed = network.update_subnet(subnet.id, {"displayName": "a"}, if_match=f"{etag}--gzip")
        assert renamed.headers["etag"] != etag
        error = refusal(network.update_subnet, subnet.id, {"displayName": "b"}, if_match=etag)
        assert (error.status, error.code) == (412, "NoEtagMatch")
        assert refusal(network.delete_subnet, subnet.id, if_match=etag).status == 412
        assert network.delete_subnet(subnet.id, if_match=renamed.headers["etag"]).status == 204


class TestRouting:
    def test_a_rule_given_as_cidr_block_answers_as_destination(self, make_table, gateway):
        """A rule with the deprecated cidrBlock is returned with destination and destinationType too."""
        [stored] = make_table({"networkEntityId": gateway.id, "cidrBlock": ANYWHERE}).route_rules
        assert (stored.cidr_block, stored.destination, stored.destination_type) == (
            ANYWHERE,
            ANYWHERE,
            "CIDR_BLOCK",
        )

    def test_a_gateway_in_a_rule_cannot_be_deleted(self, network, make_table, gateway, refusal):
        """A gateway can be deleted only after the rule that names it."""
        table = make_table(route(gateway))
        assert refusal(network.delete_internet_gateway, gateway.id).code == "IncorrectState"
        network.update_route_table(table.id, {"routeRules": []})
        assert network.delete_internet_gateway(gateway.id).status == 204

    def test_a_table_in_use_cannot_be_deleted(self, network, make_table, make_subnet, vcn, refusal):
        """The delete of a subnet's route table and of the VCN's default one gets 409."""
        table = make_table()
        made = make_subnet(routeTableId=table.id)
        error = refusal(network.delete_route_table, table.id)
        assert error.message == f"{table.id} is associated with Subnet that is in use"
        assert refusal(network.delete_route_table, vcn.default_route_table_id).status == 409
        network.delete_subnet(made.id)
        assert network.delete_route_table(table.id).status == 204

    def test_services_are_reached_through_a_service_gateway(self, network, compartment, vcn, make_table, refusal):
        """A route to all services leads to a service gateway, and not beside a route to an internet gateway."""
        bucket, everything = network.list_services().data
        assert everything.cidr_block == "all-fra-services-in-oracle-services-network"
        assert everything.name == "All FRA Services In Oracle Services Network"
        assert network.get_service(bucket.id).data.cidr_block == "oci-fra-objectstorage"
        details = {"compartmentId": compartment, "vcnId": vcn.id, "services": [{"serviceId": everything.id}]}
        gateway = network.create_service_gateway(details).data
        assert gateway.services[0].service_name == everything.name
        to_services = route(gateway, everything.cidr_block, "SERVICE_CIDR_BLOCK")
        nat = network.create_nat_gateway({"compartmentId": compartment, "vcnId": vcn.id}).data
        assert nat.nat_ip.startswith("203.0.113.")
        make_table(to_services, route(nat))
        internet = network.create_internet_gateway(
            {"compartmentId": compartment, "vcnId": vcn.id, "isEnabled": True}
        ).data
        assert refusal(make_table, to_services, route(internet)).code == "InvalidParameter"
        assert refusal(make_table, route(gateway)).code == "InvalidParameter"
        assert refusal(make_table, route(internet, everything.cidr_block, "SERVICE_CIDR_BLOCK")).status == 400
        assert refusal(make_table, route(gateway, "all", "SERVICE_CIDR_BLOCK")).status == 400

    @pytest.mark.parametrize("entity", ["ocid1.internetgateway.oc1..none", "ocid1.vcn.oc1..x", "nonsense"])
    def test_a_rule_to_nowhere_is_refused(self, make_table, refusal, entity):
        """A rule whose target does not exist or cannot route is refused."""
        error = refusal(make_table, {"networkEntityId": entity, "destination": ANYWHERE})
        assert (error.status, error.code) == (400, "RelatedResourceNotAuthorizedOrNotFound")

    @pytest.mark.usefixtures("gateway")
    def test_a_second_gateway_of_a_kind_is_refused(self, network, compartment, vcn, refusal):
        """A VCN has one internet gateway and one NAT gateway."""
        details = {"compartmentId": compartment, "vcnId": vcn.id}
        network.create_nat_gateway(details)
        error = refusal(network.create_nat_gateway, details)
        assert (error.code, error.message) == ("LimitExceeded", "NAT gateway limit per VCN reached")
        assert refusal(network.create_internet_gateway, {**details, "isEnabled": True}).code == "LimitExceeded"

    @pytest.mark.usefixtures("gateway")
    def test_a_gateway_keeps_its_vcn(self, network, vcn, refusal):
        """The refusal to delete a VCN with a gateway does not name the gateway's kind."""
        error = refusal(network.delete_vcn, vcn.id)
        assert error.message == f"{vcn.id} is associated with Gateway that is in use"

    def test_a_table_makes_sense_as_a_whole(self, network, compartment, make_table, gateway, refusal):
        """Duplicate destinations, a missing one, and targets of another VCN are refused."""
        assert refusal(make_table, route(gateway), route(gateway)).code == "InvalidParameter"
        assert refusal(make_table, {"networkEntityId": gateway.id}).code == "MissingParameter"
        other = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
        foreign = {"compartmentId": compartment, "vcnId": other.id, "routeRules": [route(gateway)]}
        assert refusal(network.create_route_table, foreign).code == "InvalidParameter"

    def test_unknown_services_are_refused(self, network, compartment, vcn, refusal):
        """A service gateway reaches services of the catalogue only."""
        details = {"compartmentId": compartment, "vcnId": vcn.id, "services": [{"serviceId": "none"}]}
        error = refusal(network.create_service_gateway, details)
        assert error.code == "RelatedResourceNotAuthorizedOrNotFound"
        assert refusal(network.get_service, "none").status == 404

    def test_own_dhcp_options_can_replace_the_defaults(self, network, compartment, vcn, make_subnet, refusal):
        """Options of a subnet cannot be deleted, and types without their members are refused."""
        details = {
            "compartmentId": compartment,
            "vcnId": vcn.id,
            "options": [
                {"type": "DomainNameServer", "serverType": "CustomDnsServer", "customDnsServers": ["1.1.1.1"]}
            ],
        }
        options = network.create_dhcp_options(details).data
        made = make_subnet(dhcpOptionsId=options.id)
        assert refusal(network.delete_dhcp_options, options.id).status == 409
        assert refusal(network.delete_dhcp_options, vcn.default_dhcp_options_id).status == 409
        network.delete_subnet(made.id)
        network.delete_dhcp_options(options.id)
        details["options"] = [{"serverType": "VcnLocal"}]
        assert refusal(network.create_dhcp_options, details).code == "MissingParameter"


class TestSecurity:
    def test_rules_are_added_listed_changed_and_removed(self, network, group, refusal):
        """Each rule has a short id; the direction filters; an equal rule is added again."""
        ports = {"destinationPortRange": {"min": 80, "max": 80}}
        out = {"direction": "EGRESS", "protocol": "all", "destination": ANYWHERE, "destinationType": "CIDR_BLOCK"}
        added = network.add_network_security_group_security_rules(
            group.id, {"securityRules": [rule(tcpOptions=ports), out]}
        ).data.security_rules
        assert all(len(entry.id) == 6 and entry.is_valid and not entry.is_stateless for entry in added)
        network.add_network_security_group_security_rules(group.id, {"securityRules": [rule(tcpOptions=ports)]})
        found = network.list_network_security_group_security_rules(group.id, direction="INGRESS").data
        assert len(found) == 2
        updated = network.update_network_security_group_security_rules(
            group.id, {"securityRules": [{**rule(protocol="17"), "id": found[0].id}]}
        ).data.security_rules
        assert [entry.protocol for entry in updated] == ["17"]
        removal = {"securityRuleIds": [entry.id for entry in found]}
        assert network.remove_network_security_group_security_rules(group.id, removal).status == 204
        [left] = network.list_network_security_group_security_rules(group.id).data
        assert left.direction == "EGRESS"
        assert refusal(network.remove_network_security_group_security_rules, group.id, removal).status == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"source": "nonsense"},
            {"protocol": "tcp"},
            {"protocol": "17", "tcpOptions": {"destinationPortRange": {"min": 1, "max": 2}}},
            {"tcpOptions": {"destinationPortRange": {"min": 0, "max": 2}}},
            {"tcpOptions": {"destinationPortRange": {"min": 3, "max": 2}}},
            {"direction": "SIDEWAYS"},
            {"sourceType": "NETWORK_SECURITY_GROUP", "source": "ocid1.networksecuritygroup.oc1..none"},
            {"sourceType": "SERVICE_CIDR_BLOCK", "source": "all-moon-services"},
            {"direction": "EGRESS"},
        ],
    )
    def test_wrong_rules_are_refused(self, network, group, refusal, wrong):
        """An invalid source, protocol or port refuses all rules of the call."""
        rules = {"securityRules": [rule(), rule(**wrong)]}
        assert refusal(network.add_network_security_group_security_rules, group.id, rules).status == 400
        assert network.list_network_security_group_security_rules(group.id).data == []

    def test_a_group_of_another_vcn_is_refused(self, network, compartment, vcn, subnet, make_instance, refusal):
        """A rule or VNIC that names a group of another VCN is refused."""
        other = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
        mine, foreign = (
            network.create_network_security_group({"compartmentId": compartment, "vcnId": place}).data.id
            for place in (vcn.id, other.id)
        )
        named = {"securityRules": [rule(source=foreign, sourceType="NETWORK_SECURITY_GROUP")]}
        add = network.add_network_security_group_security_rules
        assert "does not belong" in refusal(add, mine, named).message
        vnics = [{"subnetId": subnet.id, "nsgIds": [foreign]}]
        assert "does not belong" in refusal(make_instance, vnics=vnics).message

    def test_numbers_of_rules_are_limited(self, network, group, refusal):
        """More than 25 rules in a call or 120 in a group are refused."""
        add = network.add_network_security_group_security_rules
        assert refusal(add, group.id, {"securityRules": [rule()] * 26}).code == "InvalidParameter"
        for _ in range(4):
            add(group.id, {"securityRules": [rule()] * 25})
        assert refusal(add, group.id, {"securityRules": [rule()] * 21}).code == "LimitExceeded"

    def test_a_rule_turns_invalid_with_the_group_it_names(self, network, compartment, vcn, group):
        """A group that another group's rules name can be deleted, and they turn invalid."""
        other = network.create_network_security_group({"compartmentId": compartment, "vcnId": vcn.id}).data
        named = rule(source=other.id, sourceType="NETWORK_SECURITY_GROUP")
        network.add_network_security_group_security_rules(group.id, {"securityRules": [named]})
        network.delete_network_security_group(other.id)
        [found] = network.list_network_security_group_security_rules(group.id).data
        assert found.is_valid is False

    def test_a_group_with_vnics_is_kept(self, network, make_instance, subnet, group, refusal):
        """The delete of a group with VNICs gets 412 PreconditionFailed with the recorded text, without if-match."""
        made = make_instance(vnics=[{"subnetId": subnet.id, "nsgIds": [group.id]}]).data
        [member] = network.list_network_security_group_vnics(group.id).data
        assert member.resource_id == made.id
        error = refusal(network.delete_network_security_group, group.id)
        assert (error.status, error.code) == (412, "PreconditionFailed")
        assert error.message == (
            f"NetworkSecurityGroup {group.id} cannot be deleted since it still has vnics attached to it"
        )
        network.update_vnic(member.vnic_id, models.UpdateVnicDetails(nsg_ids=[]))
        assert network.delete_network_security_group(group.id).status == 204

    def test_a_security_list_in_use_is_kept(self, network, compartment, vcn, make_subnet, refusal):
        """An update replaces all rules of a security list; the list of a subnet cannot be deleted."""
        details = {
            "compartmentId": compartment,
            "vcnId": vcn.id,
            "ingressSecurityRules": [{"protocol": "6", "source": "10.0.0.0/16"}],
            "egressSecurityRules": [],
        }
        made = network.create_security_list(details).data
        assert made.ingress_security_rules[0].source_type == "CIDR_BLOCK"
        attached = make_subnet(securityListIds=[made.id])
        assert refusal(network.delete_security_list, made.id).status == 409
        assert refusal(network.delete_security_list, vcn.default_security_list_id).status == 409
        changed = network.update_security_list(made.id, {"ingressSecurityRules": []}).data
        assert (changed.ingress_security_rules, changed.egress_security_rules) == ([], [])
        network.delete_subnet(attached.id)
        network.delete_security_list(made.id)


class TestAddresses:
    def test_addresses_are_given_from_the_second_host(self, network, make_instance, subnet):
        """The first VNIC gets .2, the next .3; both are found by subnet and by VNIC."""
        for _ in range(2):
            make_instance()
        found = network.list_private_ips(subnet_id=subnet.id).data
        assert sorted(entry.ip_address for entry in found) == ["10.0.0.2", "10.0.0.3"]
        [same] = network.list_private_ips(vnic_id=found[0].vnic_id).data
        assert network.get_private_ip(same.id).data.ip_address == found[0].ip_address

    def test_an_address_is_given_again_after_its_vnic(self, instances, make_subnet, make_instance, vnic_of):
        """The address of a deleted instance is free: a small subnet serves one instance after the other."""
        vnics = [{"subnetId": make_subnet(cidrBlock="10.0.9.0/29").id}]
        for number in range(8):
            made = make_instance(vnics=vnics).data
            assert vnic_of(made.id).private_ip == f"10.0.9.{2 + number % 5}"
            instances.delete_container_instance(made.id)

    def test_a_requested_address_must_be_free(self, make_instance, subnet, vnic_of, refusal):
        """An address outside the subnet, a reserved one and a taken one are refused."""

        def vnics(address):
            return [{"subnetId": subnet.id, "privateIp": address}]

        assert vnic_of(make_instance(vnics=vnics("10.0.0.77")).data.id).private_ip == "10.0.0.77"
        assert refusal(make_instance, vnics=vnics("10.0.0.77")).code == "Conflict"
        for wrong in ("10.0.1.5", "10.0.0.0", "10.0.0.1", "10.0.0.255", "nonsense"):
            assert refusal(make_instance, vnics=vnics(wrong)).code == "InvalidParameter"

    def test_a_full_subnet_is_refused(self, make_subnet, make_instance, refusal):
        """A second instance in a /30 subnet is refused."""
        small = make_subnet(cidrBlock="10.0.9.0/30")
        make_instance(vnics=[{"subnetId": small.id}])
        assert refusal(make_instance, vnics=[{"subnetId": small.id}]).code == "LimitExceeded"

    def test_public_addresses_are_objects(self, network, compartment, make_instance, vnic_of, subnet):
        """A VNIC in a public subnet gets a public IP by default, which is found by address and by private IP."""
        vnic = vnic_of(make_instance().data.id)
        address = network.get_public_ip_by_ip_address({"ipAddress": vnic.public_ip}).data
        assert (address.lifetime, address.lifecycle_state) == ("EPHEMERAL", "ASSIGNED")
        [private] = network.list_private_ips(vnic_id=vnic.id).data
        by_private = network.get_public_ip_by_private_ip_id({"privateIpId": private.id}).data
        assert by_private.id == network.get_public_ip(address.id).data.id == address.id
        listed = network.list_public_ips("AVAILABILITY_DOMAIN", compartment).data
        assert [entry.id for entry in listed] == [address.id]
        without = [{"subnetId": subnet.id, "isPublicIpAssigned": False}]
        assert vnic_of(make_instance(vnics=without).data.id).public_ip is None

    def test_a_private_subnet_gives_none(self, make_subnet, make_instance, vnic_of, refusal):
        """In a subnet with prohibitPublicIpOnVnic VNICs get no public IP, and a request for one is refused."""
        private = make_subnet(cidrBlock="10.0.2.0/24", prohibitPublicIpOnVnic=True)
        assert vnic_of(make_instance(vnics=[{"subnetId": private.id}]).data.id).public_ip is None
        wish = [{"subnetId": private.id, "isPublicIpAssigned": True}]
        assert refusal(make_instance, vnics=wish).code == "InvalidParameter"

    def test_a_vnic_can_be_changed(self, network, make_instance, vnic_of, group, refusal):
        """Groups, host name and tags change; a taken or wrong host name is refused."""
        vnic = vnic_of(make_instance().data.id)
        changes = {"nsgIds": [group.id], "hostnameLabel": "Web", "freeformTags": {"a": "b"}}
        changed = network.update_vnic(vnic.id, changes).data
        assert (changed.nsg_ids, changed.hostname_label, changed.freeform_tags) == ([group.id], "web", {"a": "b"})
        [private] = network.list_private_ips(vnic_id=changed.id).data
        assert private.hostname_label == "web"  # as the SDK's docstring of the field says
        other = vnic_of(make_instance().data.id)
        assert refusal(network.update_vnic, other.id, {"hostnameLabel": "web"}).code == "InvalidParameter"
        assert refusal(network.update_vnic, other.id, {"hostnameLabel": "-"}).code == "InvalidParameter"
        assert refusal(network.update_vnic, other.id, {"nsgIds": ["x"] * 6}).code == "InvalidParameter"

    def test_a_subnet_with_a_vnic_is_kept(self, network, make_instance, subnet, vnic_of, refusal):
        """The delete of a subnet with a VNIC gets 409 Conflict with both OCIDs."""
        vnic = vnic_of(make_instance().data.id)
        error = refusal(network.delete_subnet, subnet.id)
        assert (error.status, error.code) == (409, "Conflict")
        assert error.message == (
            f"The Subnet {subnet.id} references the VNIC {vnic.id}. You must remove the reference to proceed with "
            "this operation."
        )

    def test_a_subnet_of_one_domain_serves_that_domain(self, make_subnet, make_instance, domain, refusal):
        """An instance in another availability domain is refused."""
        bound = make_subnet(cidrBlock="10.0.3.0/24", availabilityDomain=domain.replace("AD-1", "AD-2"))
        assert "availability domain" in refusal(make_instance, vnics=[{"subnetId": bound.id}]).message

    def test_an_unassigned_address_is_not_found(self, network, refusal):
        """A look-up of an unassigned public address gets 404."""
        assert refusal(network.get_public_ip_by_ip_address, {"ipAddress": "192.0.2.1"}).status == 404

    def test_listing_private_ips_needs_a_place(self, network, refusal):
        """A list of private IPs without a subnet or VNIC gets 400."""
        assert refusal(network.list_private_ips).status == 400


@pytest.fixture
def vnic_of(network, instances):
    """Returns the VNIC of an instance."""

    def find(instance_id):
        return network.get_vnic(instances.get_container_instance(instance_id).data.vnics[0].vnic_id).data

    return find


def test_networks_take_their_time(make_emulator, client_of, clock, refusal):
    """With a latency a VCN is PROVISIONING and refuses subnets until it is over, and is deleted as slowly."""
    emulator = make_emulator(latencies=Latencies(network=2))
    network = client_of(emulator, "core.VirtualNetworkClient")
    vcn = network.create_vcn({"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}).data
    subnet = {"compartmentId": emulator.compartment_id, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24"}
    assert vcn.lifecycle_state == "PROVISIONING"
    assert refusal(network.create_subnet, subnet).code == "IncorrectState"
    clock.advance(2)
    table = {"compartmentId": emulator.compartment_id, "vcnId": vcn.id, "routeRules": []}
    young = network.create_route_table(table).data.id
    assert refusal(network.create_subnet, {**subnet, "routeTableId": young}).code == "IncorrectState"
    clock.advance(2)
    network.delete_route_table(young)
    clock.advance(2)
    made = network.create_subnet(subnet).data
    clock.advance(2)
    network.delete_subnet(made.id)
    assert network.get_subnet(made.id).data.lifecycle_state == "TERMINATING"
    assert refusal(network.delete_subnet, made.id).code == "IncorrectState"
    assert refusal(network.delete_vcn, vcn.id).code == "IncorrectState"
    clock.advance(2)
    assert refusal(network.get_subnet, made.id).status == 404
    assert network.delete_vcn(vcn.id).status == 204
