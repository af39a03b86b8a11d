"""The network of a deployment: VCN, gateways, route table, security list and subnet.

The default network is private.  It does not use the VCN's default security list, which admits SSH from everywhere,
and reaches OCI's services and the internet through a service and a NAT gateway.  A public network has an internet
gateway instead: OCI refuses a route table with both an internet gateway and the service gateway's "all services"
route.

Source: oci.core.models (API 20160918); Oracle, "Security Lists" and "Access to Oracle Services: Service Gateway".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from ocisidecar.resources.facts import Fact, texts_in
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.resources.phases import NETWORK_PHASES
from ocisidecar.spec import DeploymentSpec, NetworkSpec
from ocisidecar.state.desired import Desired
from ocisidecar.wire import Body, Key, Ref

_ANYWHERE = "0.0.0.0/0"
_VCN = Ref(Key("vcn", "main"))


class NetworkKind(Kind):
    """Base of the kinds of a deployment's own network."""

    client = "core.VirtualNetworkClient"
    resource_types = ("virtual-network-family",)
    phases = NETWORK_PHASES
    made_for: ClassVar[tuple[str, ...]] = ("private", "public")

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the single resource of this kind, if the deployment creates its network."""
        network = spec.effective_network
        if network.kind in self.made_for:
            base: dict[str, Body] = {
                "compartmentId": site.identity.compartment_id,
                "displayName": site.display_name(),
            }
            yield self.desired("main", base | self.body(network, site))

    @abstractmethod
    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return the fields of the create request beside compartment and display name."""


class Vcn(NetworkKind):
    """A virtual cloud network.  API: core/20160918, Vcn."""

    name = "vcn"
    heading = "Network"
    purpose = "a separate network in the cloud"
    is_shared = True
    noun = "vcn"
    mutable = frozenset({"displayName"})

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return address range and DNS label."""
        return {"cidrBlocks": [network.cidr_block], "dnsLabel": network.dns_label}

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield its address ranges."""
        yield "addresses", ", ".join(texts_in(body, "cidrBlocks"))


class InternetGateway(NetworkKind):
    """The connection of a public network to the internet.  API: core/20160918, InternetGateway."""

    name = "internet-gateway"
    heading = "Network"
    purpose = "the way from and to the internet"
    noun = "internet_gateway"
    is_alone_in_vcn = True
    needs = ("vcn",)
    mutable = frozenset({"displayName", "isEnabled"})
    made_for = ("public",)

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return an enabled gateway."""
        return {"vcnId": _VCN, "isEnabled": True}


class NatGateway(NetworkKind):
    """The outgoing connection of a private network to the internet.  API: core/20160918, NatGateway."""

    name = "nat-gateway"
    heading = "Network"
    purpose = "connects instances to the internet, outgoing only"
    noun = "nat_gateway"
    is_alone_in_vcn = True
    needs = ("vcn",)
    mutable = frozenset({"displayName", "blockTraffic"})
    made_for = ("private",)

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return an open gateway with a public IP of OCI's choice."""
        return {"vcnId": _VCN, "blockTraffic": False}


class ServiceGateway(NetworkKind):
    """The connection of a private network to OCI's own services.  API: core/20160918, ServiceGateway."""

    name = "service-gateway"
    heading = "Network"
    purpose = "the short way to Oracle's own services"
    noun = "service_gateway"
    is_alone_in_vcn = True
    needs = ("vcn",)
    mutable = frozenset({"displayName", "services"})
    made_for = ("private",)

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return a gateway to all services of the region."""
        return {"vcnId": _VCN, "services": [{"serviceId": site.services_id}]}


class RouteTable(NetworkKind):
    """The routes of the subnet.  API: core/20160918, RouteTable."""

    name = "route-table"
    heading = "Network"
    purpose = "which gateway packets take"
    noun = "route_table"
    needs = ("vcn", "internet-gateway", "nat-gateway", "service-gateway")
    mutable = frozenset({"displayName", "routeRules"})

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return the rules: everything to the internet gateway, or to NAT and service gateway."""
        if network.kind == "public":
            return {"vcnId": _VCN, "routeRules": [_route(InternetGateway.name, _ANYWHERE, "CIDR_BLOCK")]}
        rules = [
            _route(NatGateway.name, _ANYWHERE, "CIDR_BLOCK"),
            _route(ServiceGateway.name, site.services_cidr, "SERVICE_CIDR_BLOCK"),
        ]
        return {"vcnId": _VCN, "routeRules": rules}


class SecurityList(NetworkKind):
    """The subnet's security list, without ingress and with all egress; the NSG opens the declared ports.

    API: core/20160918, SecurityList.
    """

    name = "security-list"
    heading = "Network"
    purpose = "the subnet's firewall: nothing in, everything out"
    noun = "security_list"
    needs = ("vcn",)
    mutable = frozenset({"displayName", "ingressSecurityRules", "egressSecurityRules"})

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return the rules."""
        everything: Body = {"destination": _ANYWHERE, "destinationType": "CIDR_BLOCK", "protocol": "all"}
        return {"vcnId": _VCN, "ingressSecurityRules": [], "egressSecurityRules": [everything]}


class Subnet(NetworkKind):
    """The subnet of the instances.  API: core/20160918, Subnet."""

    name = "subnet"
    heading = "Network"
    purpose = "the address range that instances live in"
    is_shared = True
    noun = "subnet"
    is_alone_in_vcn = True
    needs = ("vcn", "route-table", "security-list")
    mutable = frozenset({"displayName", "routeTableId", "securityListIds"})

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return a regional subnet; a private one refuses public IPs."""
        return {
            "vcnId": _VCN,
            "cidrBlock": network.subnet_block,
            "dnsLabel": network.dns_label,
            "prohibitPublicIpOnVnic": network.kind == "private",
            "routeTableId": Ref(Key("route-table", "main")),
            "securityListIds": [Ref(Key("security-list", "main"))],
        }

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield its address range."""
        yield "addresses", str(body.get("cidrBlock"))


def _route(gateway: str, destination: str, destination_type: str) -> Body:
    return {
        "networkEntityId": Ref(Key(gateway, "main")),
        "destination": destination,
        "destinationType": destination_type,
    }
