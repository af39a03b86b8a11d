"""The network resources of a deployment."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.spec import EgressRule, EgressSpec, InstanceSpec, NetworkSpec
from ocisidecar.wire import Ref
from tests.plan_values import key

SUBNET_ID = "ocid1.subnet.oc1.eu-frankfurt-1.existing"
WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4")
GROUP = "network-security-group/web"
OWN = {"vcn/main", "route-table/main", "security-list/main", "subnet/main"}
PRIVATE = OWN | {"nat-gateway/main", "service-gateway/main"}


def network(desired):
    """Return the keys of network resources."""
    return {text for text in desired if not text.startswith("container-instance")}


class TestWhichResources:
    """The resources of each kind of network."""

    @pytest.mark.parametrize(
        ("spec", "expected"),
        [
            (None, PRIVATE | {GROUP}),
            (NetworkSpec.private(), PRIVATE | {GROUP}),
            (NetworkSpec.public(), OWN | {"internet-gateway/main", GROUP}),
            (NetworkSpec.of("platform"), {GROUP}),
            (NetworkSpec.existing(SUBNET_ID), set()),
        ],
        ids=["default", "private", "public", "shared", "existing"],
    )
    def test_each_kind_of_network_has_its_resources(self, wanted, spec, expected):
        """Each kind of network consists of exactly these resources."""
        assert network(wanted(WEB, network=spec)) == expected

    def test_a_deployment_without_instances_has_a_network_to_share(self, wanted):
        """A deployment without instances creates a network, which others can share."""
        assert network(wanted()) == PRIVATE


class TestPrivateNetwork:
    """The default network."""

    def test_the_subnet_refuses_public_addresses(self, wanted):
        """A private subnet prohibits public IPs."""
        assert wanted(WEB)["subnet/main"].body["prohibitPublicIpOnVnic"] is True

    def test_the_subnet_has_a_separate_security_list(self, wanted):
        """The subnet uses its own security list, which admits nothing and lets everything out."""
        desired = wanted(WEB)
        assert desired["subnet/main"].body["securityListIds"] == [Ref(key("security-list/main"))]
        rules = desired["security-list/main"].body
        assert rules["ingressSecurityRules"] == []
        assert [rule["destination"] for rule in rules["egressSecurityRules"]] == ["0.0.0.0/0"]

    def test_the_list_does_not_undo_an_instances_egress(self, wanted):
        """Where an instance narrows its egress the list lets out only what the network's egress names."""
        narrow = evolve(WEB, egress=EgressSpec([EgressRule("0.0.0.0/0", ports=[443])]))
        assert wanted(narrow)["security-list/main"].body["egressSecurityRules"] == []
        network = NetworkSpec.private(egress=EgressSpec([EgressRule("vcn", ports=[5432])]))
        rules = wanted(narrow, network=network)["security-list/main"].body["egressSecurityRules"]
        assert [rule["description"] for rule in rules] == ["tcp 5432 to vcn", "tcp 443 to Oracle's services"]
        assert wanted(network=network)["security-list/main"].body["egressSecurityRules"] == rules

    def test_ways_out_are_nat_and_the_regions_services(self, wanted):
        """A private network routes the region's services to the service gateway and the rest to the NAT gateway."""
        rules = wanted(WEB)["route-table/main"].body["routeRules"]
        assert [(rule["networkEntityId"].key, rule["destination"], rule["destinationType"]) for rule in rules] == [
            (key("nat-gateway/main"), "0.0.0.0/0", "CIDR_BLOCK"),
            (key("service-gateway/main"), "all-fra-services-in-oracle-services-network", "SERVICE_CIDR_BLOCK"),
        ]
        assert wanted(WEB)["service-gateway/main"].body["services"] == [{"serviceId": "ocid1.service.all"}]


class TestPublicNetwork:
    """The public network."""

    def test_instances_get_public_addresses(self, wanted):
        """A public subnet allows public IPs, and its only route leads to the internet gateway."""
        desired = wanted(WEB, network=NetworkSpec.public())
        rules = desired["route-table/main"].body["routeRules"]
        assert [rule["networkEntityId"].key for rule in rules] == [key("internet-gateway/main")]
        assert desired["subnet/main"].body["prohibitPublicIpOnVnic"] is False
        assert desired["container-instance/web-0"].body["vnics"][0]["isPublicIpAssigned"] is True


class TestAddresses:
    """Address ranges and DNS labels."""

    def test_ranges_are_the_specs(self, wanted):
        """VCN and subnet have the address ranges of the spec."""
        spec = NetworkSpec.private(cidr_block="172.16.0.0/20", subnet_cidr_block="172.16.4.0/24", dns_label="net")
        desired = wanted(WEB, network=spec)
        assert desired["vcn/main"].body["cidrBlocks"] == ["172.16.0.0/20"]
        assert desired["subnet/main"].body["cidrBlock"] == "172.16.4.0/24"
        assert [desired[name].body["dnsLabel"] for name in ("vcn/main", "subnet/main")] == ["net", "net"]

    def test_without_a_label_none_is_sent(self, wanted):
        """Without a DNS label the bodies have no field for one, not a null."""
        assert "dnsLabel" not in wanted(WEB)["vcn/main"].body

    def test_another_range_is_another_network(self, wanted):
        """Another address range changes the digest, while names, routes and rules are changed in place."""
        before, after = wanted(WEB), wanted(WEB, network=NetworkSpec.private(cidr_block="172.16.0.0/16"))
        assert before["vcn/main"].digest != after["vcn/main"].digest
        assert before["route-table/main"].digest == after["route-table/main"].digest
