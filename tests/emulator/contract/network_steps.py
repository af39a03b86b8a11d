"""Steps of the walk: networks."""

from __future__ import annotations

from tests.emulator.contract.walker import Walk


def vcns(walk: Walk) -> None:
    network, home = walk.network, walk.home
    vcn = network.create_vcn(walk.made(cidrBlocks=["10.0.0.0/16"], displayName="main", dnsLabel="main"))
    network.create_vcn(walk.made(cidrBlocks=["10.9.0.0/16"]))
    network.list_vcns(home)
    network.get_vcn(vcn.id)
    network.update_vcn(vcn.id, {"displayName": "renamed"})
    network.add_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
    network.remove_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"})
    walk.ids["vcn"] = vcn.id
    requests = walk.client("work_requests.WorkRequestClient", "/iaas")
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    requests.list_work_requests(home)
    requests.get_work_request(request_id)
    requests.list_work_request_errors(request_id)
    requests.list_work_request_logs(request_id)


def gateways(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    service = next(one for one in network.list_services() if one.cidr_block.startswith("all-"))
    network.get_service(service.id)
    bodies = {
        "internet_gateway": {"isEnabled": True},
        "nat_gateway": {},
        "service_gateway": {"services": [{"serviceId": service.id}]},
    }
    for noun, body in bodies.items():
        gateway = getattr(network, f"create_{noun}")(walk.made(**vcn, **body))
        getattr(network, f"list_{noun}s")(home)
        getattr(network, f"get_{noun}")(gateway.id)
        getattr(network, f"update_{noun}")(gateway.id, {"displayName": "renamed"})
        walk.ids[noun] = gateway.id


def tables(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    rule = {"destination": "0.0.0.0/0", "destinationType": "CIDR_BLOCK", "networkEntityId": walk.ids["nat_gateway"]}
    ingress = {
        "source": "10.0.0.0/16",
        "protocol": "6",
        "tcpOptions": {"destinationPortRange": {"min": 80, "max": 81}},
    }
    egress = {"destination": "0.0.0.0/0", "protocol": "all"}
    options = [{"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet"}]
    bodies = {
        "route_table": {"routeRules": [rule]},
        "security_list": {"ingressSecurityRules": [ingress], "egressSecurityRules": [egress]},
        "dhcp_options": {"options": options},
    }
    for noun, body in bodies.items():
        table = getattr(network, f"create_{noun}")(walk.made(**vcn, **body))
        getattr(network, "list_dhcp_options" if noun == "dhcp_options" else f"list_{noun}s")(
            home, vcn_id=vcn["vcnId"]
        )
        getattr(network, f"get_{noun}")(table.id)
        getattr(network, f"update_{noun}")(table.id, {"displayName": "renamed"})
        walk.ids[noun] = table.id


def subnets(walk: Walk) -> None:
    network, home, vcn = walk.network, walk.home, {"vcnId": walk.ids["vcn"]}
    tables = {"routeTableId": walk.ids["route_table"], "securityListIds": [walk.ids["security_list"]]}
    subnet = network.create_subnet(
        walk.made(**vcn, **tables, cidrBlock="10.0.1.0/24", dnsLabel="sub", prohibitPublicIpOnVnic=False)
    )
    domain = walk.client("identity.IdentityClient", "/identity").list_availability_domains(home)[0].name
    bound = network.create_subnet(walk.made(**vcn, cidrBlock="10.0.2.0/24", availabilityDomain=domain))
    network.list_subnets(home, vcn_id=walk.ids["vcn"])
    for one in (subnet, bound):
        network.get_subnet(one.id)
        network.update_subnet(one.id, {"displayName": "renamed"})
    walk.ids["subnet"] = subnet.id


def security_groups(walk: Walk) -> None:
    network, home = walk.network, walk.home
    group = network.create_network_security_group(walk.made(vcnId=walk.ids["vcn"], displayName="web"))
    network.create_network_security_group(walk.made(vcnId=walk.ids["vcn"]))
    network.list_network_security_groups(compartment_id=home)
    network.get_network_security_group(group.id)
    network.update_network_security_group(group.id, {"displayName": "renamed"})
    ports = {"destinationPortRange": {"min": 80, "max": 80}}
    rules = [
        {
            "direction": "INGRESS",
            "protocol": "6",
            "source": "10.0.0.0/16",
            "sourceType": "CIDR_BLOCK",
            "tcpOptions": ports,
        },
        {"direction": "EGRESS", "protocol": "all", "destination": "0.0.0.0/0", "destinationType": "CIDR_BLOCK"},
    ]
    added = network.add_network_security_group_security_rules(group.id, {"securityRules": rules})
    network.list_network_security_group_security_rules(group.id)
    changed = [{"id": added.security_rules[0].id, **rules[0], "description": "web"}]
    network.update_network_security_group_security_rules(group.id, {"securityRules": changed})
    removed = {"securityRuleIds": [added.security_rules[1].id]}
    network.remove_network_security_group_security_rules(group.id, removed)
    walk.ids["nsg"] = group.id


def addresses(walk: Walk) -> None:
    network = walk.network
    vnic = network.get_vnic(walk.ids["vnic"])
    network.update_vnic(vnic.id, {"displayName": "renamed"})
    network.list_network_security_group_vnics(walk.ids["nsg"])
    network.list_private_ips(subnet_id=walk.ids["subnet"])
    private = network.list_private_ips(vnic_id=vnic.id)[0]
    network.get_private_ip(private.id)
    network.get_public_ip_by_ip_address({"ipAddress": vnic.public_ip})
    public = network.get_public_ip_by_private_ip_id({"privateIpId": private.id})
    network.get_public_ip(public.id)
    network.list_public_ips("AVAILABILITY_DOMAIN", walk.home, availability_domain=vnic.availability_domain)
