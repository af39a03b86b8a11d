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

from attrs import evolve

from ocisidecar.client.retry import READ_NEW, UPDATE
from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.resources.capabilities import CompletedWhenReady
from ocisidecar.resources.facts import Fact, objects_in, texts_in
from ocisidecar.resources.kind import Accepted, Kind, Site
from ocisidecar.resources.nsg import egress_rules
from ocisidecar.resources.openings import openings_of_list
from ocisidecar.resources.phases import NETWORK_PHASES
from ocisidecar.spec import DeploymentSpec, NetworkSpec
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Body, Json, Key, Ref, text

_ANYWHERE = "0.0.0.0/0"
_VCN = Ref(Key("vcn", "main"))
_EGRESS = "egressSecurityRules"
_DEFAULT_LIST = "defaultSecurityListId"
_DEFAULT_RULES = "defaultSecurityRules"
"""Stands in bodies for the rules of the default security list."""


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


class Vcn(NetworkKind, CompletedWhenReady):
    """A virtual cloud network, whose default security list is emptied.  API: core/20160918, Vcn, SecurityList.

    OCI's default list admits SSH from everywhere, to every subnet that names no other.  It belongs to the VCN and
    cannot be deleted, so that its rules are shown here as a field of the VCN, in words.
    """

    name = "vcn"
    heading = "Network"
    purpose = "a separate network in the cloud"
    is_shared = True
    noun = "vcn"
    mutable = frozenset({"displayName", _DEFAULT_RULES})

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return address range and DNS label, and that the default security list has no rule."""
        return {"cidrBlocks": [network.cidr_block], "dnsLabel": network.dns_label, _DEFAULT_RULES: []}

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield its address ranges, and what becomes of its default security list."""
        yield "addresses", ", ".join(texts_in(body, "cidrBlocks"))
        yield "default security list", "emptied: OCI's admits SSH from everywhere"

    def observe(self, caller: Caller, site: Site, parent_id: str = "") -> tuple[Live, ...]:
        """Return the VCNs with the rules of their default security lists, which take one more list."""
        lives = super().observe(caller, site, parent_id)
        lists: dict[str, Mapping[str, Json]] = {}
        if lives:
            try:
                entries = caller.pages(self.client, "list_security_lists", site.identity.compartment_id)
                lists = {text(entry, "id"): entry for entry in entries}
            except NotAuthorizedOrNotFound:
                return lives
        return tuple(_with_default_rules(caller, live, lists) for live in lives)

    def observe_one(self, caller: Caller, site: Site, live: Live) -> Live | None:
        """Return a VCN as it is now, with the rules of its default security list."""
        now = super().observe_one(caller, site, live)
        return None if now is None else _with_default_rules(caller, now, {})

    def read_for_adoption(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a VCN that is not ours yet, with the rules of its default security list."""
        return _with_default_rules(caller, super().read_for_adoption(caller, site, key, live_id), {})

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Request the VCN, which comes with its default security list."""
        plain = {name: value for name, value in body.items() if name != _DEFAULT_RULES}
        return super().create(caller, site, plain, token)

    def complete(self, caller: Caller, live: Live, body: Mapping[str, Json]) -> str:
        """Empty the default security list."""
        _empty_default_list(caller, live)
        return ""

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Change names and tags, and empty the default security list where it has rules."""
        plain = {name: value for name, value in fields.items() if name != _DEFAULT_RULES}
        if _DEFAULT_RULES in fields:
            _empty_default_list(caller, live)
        return super().update(caller, site, live, plain)


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
    """The subnet's security list, which admits nothing: each instance's own group opens its ports.

    Rules of lists and groups add up, so that a list that lets everything out, as it does by default, would undo the
    `EgressSpec` of an instance: where one has it, the list has no rule.

    API: core/20160918, SecurityList.
    """

    name = "security-list"
    heading = "Network"
    purpose = "the subnet's firewall: nothing in; the instances' groups open ports"
    noun = "security_list"
    needs = ("vcn",)
    mutable = frozenset({"displayName", "ingressSecurityRules", _EGRESS})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the list; without egress of the network, it lets nothing out where an instance narrows its own."""
        is_narrowed = any(instance.egress is not None for instance in spec.instances)
        for one in super().desire(spec, site):
            is_closed = is_narrowed and spec.effective_network.egress is None
            yield evolve(one, body={**one.body, _EGRESS: []}) if is_closed else one

    def body(self, network: NetworkSpec, site: Site) -> dict[str, Body]:
        """Return the rules."""
        rules: list[Body] = [{"destination": _ANYWHERE, "destinationType": "CIDR_BLOCK", "protocol": "all"}]
        if network.egress is not None:
            named = egress_rules(network.egress, network, site)
            rules = [{name: value for name, value in rule.items() if name != "direction"} for rule in named]
        return {"vcnId": _VCN, "ingressSecurityRules": [], _EGRESS: rules}

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield what it lets out."""
        rules = [str(rule.get("description", "everything out")) for rule in objects_in(body, _EGRESS)]
        yield "egress", ", ".join(rules) or "nothing"


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


def _with_default_rules(caller: Caller, live: Live, lists: Mapping[str, Mapping[str, Json]]) -> Live:
    """Return a VCN with the rules of its default security list, which is read where `lists` does not have it."""
    list_id = text(live.body, _DEFAULT_LIST)
    if not list_id:
        return live
    try:
        shown = lists.get(list_id) or caller.call(Vcn.client, "get_security_list", list_id, intent=READ_NEW).body
    except NotAuthorizedOrNotFound:
        return live
    rules = sorted({*map(str, openings_of_list(shown))})
    return evolve(live, body={**live.body, _DEFAULT_RULES: rules})


def _empty_default_list(caller: Caller, live: Live) -> None:
    nothing: dict[str, Json] = {"ingressSecurityRules": [], "egressSecurityRules": []}
    caller.call(Vcn.client, "update_security_list", text(live.body, _DEFAULT_LIST), nothing, intent=UPDATE)


def _route(gateway: str, destination: str, destination_type: str) -> Body:
    return {
        "networkEntityId": Ref(Key(gateway, "main")),
        "destination": destination,
        "destinationType": destination_type,
    }
