"""The network security groups: one for each instance spec, which opens exactly the ports that it declares.

Adding rules takes no retry token, so a repeated add would duplicate them: rules are read first and compared by
content, and a duplicate is a difference like any other.  Two runs may both add: after an add the rules are read
again, and of equal ones the oldest stays, which is the same for both.

Source: oci.core.models.AddNetworkSecurityGroupSecurityRulesDetails (at most 25 rules a call), SecurityRule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from attrs import evolve

from ocisidecar.client.repetition import until_done
from ocisidecar.client.retry import ACTION, READ_NEW
from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound, ServiceCallError
from ocisidecar.resources.capabilities import CompletedWhenReady, HasParts
from ocisidecar.resources.facts import Fact, objects_in
from ocisidecar.resources.instance_request import group_key
from ocisidecar.resources.kind import Accepted, Site
from ocisidecar.resources.phases import NETWORK_PHASES
from ocisidecar.spec import DeploymentSpec, EgressSpec, InstanceSpec, NetworkSpec
from ocisidecar.spec.validate.fields import VCN
from ocisidecar.state.compare import match_entries
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live
from ocisidecar.wire import Body, Json, Key, Ref, text

T = TypeVar("T")

_VCN = Key("vcn", "main")
_RULES = "securityRules"
_RULES_PER_CALL = 25
_PROTOCOL_NUMBERS = {"tcp": "6", "udp": "17", "all": "all"}
_ENDS = {"INGRESS": ("source", "from"), "EGRESS": ("destination", "to")}
_HTTPS = 443


class NetworkSecurityGroup(HasParts, CompletedWhenReady):
    """An NSG with its rules.  API: core/20160918, NetworkSecurityGroup."""

    name = "network-security-group"
    heading = "Network"
    purpose = "the instance's firewall: only declared ports"
    client = "core.VirtualNetworkClient"
    noun = "network_security_group"
    resource_types = ("virtual-network-family",)
    needs = ("vcn",)
    phases = NETWORK_PHASES
    mutable = frozenset({"displayName", _RULES})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield a group for each instance, with a rule per port and source, and for what is let out.

        All replicas of an instance are in its group, and nothing else is.  In a shared network the groups belong to
        the deployment and are in the other deployment's VCN.
        """
        network = spec.effective_network
        if network.kind in {"private", "public", "of"}:
            for instance in spec.instances:
                body: dict[str, Body] = {
                    "compartmentId": site.identity.compartment_id,
                    "displayName": f"{site.identity.name}-{instance.name}",
                    "vcnId": Ref(_VCN, deployment=network.name or ""),
                    _RULES: [*_ingress(instance, network), *egress_rules(instance.egress, network, site)],
                }
                yield self.desired(group_key(instance.name).name, body)

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield the ports that it opens, and what it lets out."""
        for label, direction in (("opens", "INGRESS"), ("egress", "EGRESS")):
            rules = [rule for rule in objects_in(body, _RULES) if rule.get("direction") == direction]
            yield label, ", ".join(str(rule.get("description")) for rule in rules) or "nothing"

    def entries(self, caller: Caller, site: Site, parent_id: str = "") -> Iterator[Mapping[str, Json]]:
        """Yield the compartment's groups; this list takes the compartment as an option."""
        yield from caller.pages(
            self.client, "list_network_security_groups", compartment_id=site.identity.compartment_id
        )

    def with_parts(self, caller: Caller, site: Site, live: Live) -> tuple[Live, ...]:
        """Return a group with its rules; none if it is gone meanwhile."""
        try:
            return (self._with_rules(caller, live),)
        except NotAuthorizedOrNotFound:
            if self.get(caller, site, live.id) is None:
                return ()
            raise

    def observe_one(self, caller: Caller, site: Site, live: Live) -> Live | None:
        """Return a group as it is now, with its rules."""
        now = super().observe_one(caller, site, live)
        return None if now is None else self._with_rules(caller, now)

    def read_for_adoption(self, caller: Caller, site: Site, key: Key, live_id: str) -> Live:
        """Return a group that is not ours yet, with its rules."""
        return self._with_rules(caller, super().read_for_adoption(caller, site, key, live_id))

    def create(self, caller: Caller, site: Site, body: Mapping[str, Json], token: str) -> Accepted:
        """Request the group without its rules."""
        plain = {name: value for name, value in body.items() if name != _RULES}
        return super().create(caller, site, plain, token)

    def complete(self, caller: Caller, live: Live, body: Mapping[str, Json]) -> str:
        """Add the missing rules: a group that an earlier run created may have some already."""
        self._set_rules(caller, live.id, body[_RULES])
        return ""

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Change names and tags where they differ, and rules by content."""
        plain = {name: value for name, value in fields.items() if name != _RULES}
        accepted = super().update(caller, site, live, plain)
        if _RULES in fields:
            self._set_rules(caller, live.id, fields[_RULES])
        return accepted

    def _with_rules(self, caller: Caller, live: Live) -> Live:
        return evolve(live, body={**live.body, _RULES: self._rules(caller, live.id)})

    def _rules(self, caller: Caller, group_id: str) -> list[Mapping[str, Json]]:
        operation = "list_network_security_group_security_rules"
        return list(caller.pages(self.client, operation, group_id, intent=READ_NEW))

    def _set_rules(self, caller: Caller, group_id: str, wanted: Json) -> None:
        """Add and remove rules without duplicates: whenever an answer is lost, the group is read again."""
        rules = [rule for rule in wanted if isinstance(rule, Mapping)] if isinstance(wanted, Sequence) else []
        until_done(caller, partial(self._send_difference, caller, group_id, rules))

    def _send_difference(self, caller: Caller, group_id: str, rules: Sequence[Mapping[str, Json]]) -> None:
        missing, extra = _difference(self._rules(caller, group_id), rules)
        for batch in _batches(missing):
            operation = "add_network_security_group_security_rules"
            caller.call(self.client, operation, group_id, {_RULES: batch}, intent=ACTION)
        if missing:
            _, extra = _difference(self._rules(caller, group_id), rules)
        for ids in _batches([text(rule, "id") for rule in extra]):
            self._remove(caller, group_id, ids)

    def _remove(self, caller: Caller, group_id: str, ids: Sequence[str]) -> None:
        """Remove rules; those that another run removes at the same time are gone as well."""
        body = {"securityRuleIds": ids}
        try:
            caller.call(self.client, "remove_network_security_group_security_rules", group_id, body, intent=ACTION)
        except ServiceCallError:
            left = {text(rule, "id") for rule in self._rules(caller, group_id)}.intersection(ids)
            if left == set(ids):
                raise
            if left:
                self._remove(caller, group_id, sorted(left))


def _ingress(instance: InstanceSpec, network: NetworkSpec) -> list[Body]:
    opened = {(port.protocol, port.port, source) for port in instance.ports for source in port.sources}
    return [
        _rule("INGRESS", protocol, (number, number), _block(source, network), source)
        for protocol, number, source in sorted(opened)
    ]


def egress_rules(egress: EgressSpec | None, network: NetworkSpec, site: Site) -> list[dict[str, Body]]:
    """Return the rules for what is let out: everything, or what the spec names and Oracle's services."""
    if egress is None:
        everything = _rule("EGRESS", "all", None, "0.0.0.0/0", "")
        return [{**everything, "description": "everything out"}]
    wanted = {(rule.protocol, span, rule.destination) for rule in egress.rules for span in rule.spans}
    rules = [
        _rule("EGRESS", protocol, span, _block(destination, network), destination)
        for protocol, span, destination in sorted(wanted)
    ]
    if network.kind == "public":  # it has no service gateway
        return rules
    services = _rule("EGRESS", "tcp", (_HTTPS, _HTTPS), site.services_cidr, "Oracle's services")
    return [*rules, {**services, "destinationType": "SERVICE_CIDR_BLOCK"}]


def _block(word: str, network: NetworkSpec) -> Body:
    """Return a range, or that of the VCN."""
    if word != VCN:
        return word
    return Ref(_VCN, "cidrBlock", deployment=network.name or "") if network.kind == "of" else network.cidr_block


def _rule(direction: str, protocol: str, ports: tuple[int, int] | None, block: Body, word: str) -> dict[str, Body]:
    end, preposition = _ENDS[direction]
    options: dict[str, Body] = {}
    span = ""
    if ports is not None:
        first, last = ports
        span = f" {first}" if first == last else ""
        options = {f"{protocol}Options": {"destinationPortRange": {"min": first, "max": last}}}
    return {
        "direction": direction,
        "protocol": _PROTOCOL_NUMBERS[protocol],
        end: block,
        f"{end}Type": "CIDR_BLOCK",
        **options,
        "isStateless": False,
        "description": f"{protocol}{span} {preposition} {word}",
    }


def _difference(
    live: Sequence[Mapping[str, Json]], wanted: Sequence[Mapping[str, Json]]
) -> tuple[list[Mapping[str, Json]], list[Mapping[str, Json]]]:
    """Return (wanted rules that are missing, live rules that are extra); of equal rules the oldest is not extra."""
    live = sorted(live, key=lambda rule: (text(rule, "timeCreated"), text(rule, "id")))
    pairs = match_entries(live, wanted)
    found = set(pairs.values())
    missing = [rule for index, rule in enumerate(wanted) if index not in found]
    return missing, [rule for index, rule in enumerate(live) if index not in pairs]


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _RULES_PER_CALL):
        yield items[start : start + _RULES_PER_CALL]
