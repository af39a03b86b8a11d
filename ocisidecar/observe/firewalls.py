"""The firewalls of instances: the rules of all groups that their VNICs are in, and of all lists of their subnets.

What the snapshot shows takes no request; groups, lists and subnets of others take a GET each, and groups a list.

Source: Oracle, "Security Rules": a packet passes if any rule of any group or list of its VNIC lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from attrs import define, field, frozen

from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.observe.instances import Instance, attachment_of
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.openings import Opening, openings_of_group, openings_of_list, with_groups_as
from ocisidecar.state.observed import Snapshot
from ocisidecar.wire import Json, text

_CLIENT = "core.VirtualNetworkClient"
GROUP, LIST = "network-security-group", "security-list"


@frozen(kw_only=True)
class RuleSet:
    """A security group or security list.

    Attributes:
        kind: `network-security-group` or `security-list`.
        id: its OCID.
        name: its display name.
        key: in its deployment; empty for one of others.
        openings: what its rules let pass, each once.
    """

    kind: str
    id: str
    name: str
    key: str
    openings: tuple[Opening, ...]

    def __str__(self) -> str:
        return f"the {self.kind.replace('-', ' ')} {self.name} ({self.id})"


@frozen(kw_only=True)
class Firewall:
    """What the network lets pass to an instance and from it.

    Attributes:
        vnic_id: OCID of the VNIC.
        group_ids: OCIDs of its groups.
        vcn_block: the VCN's range; empty if the caller may not read it.
        is_in_existing_subnet: whether the subnet is none of ours.
        rule_sets: that the caller may read.
        unreadable: OCIDs of what the caller may not read.
    """

    vnic_id: str
    group_ids: tuple[str, ...]
    vcn_block: str
    is_in_existing_subnet: bool
    rule_sets: tuple[RuleSet, ...]
    unreadable: tuple[str, ...]


def read_firewalls(
    reader: DeploymentReader, snapshot: Snapshot, instances: Iterable[Instance]
) -> Mapping[str, Firewall]:
    """Return the firewall of each instance that has a VNIC, by the instance's name."""
    return _Firewalls(reader, snapshot).read(tuple(instances))


@define
class _Firewalls:
    """Reads what the snapshot does not show, each once; what is refused stays None."""

    reader: DeploymentReader
    snapshot: Snapshot
    _found: dict[str, Mapping[str, Json] | None] = field(factory=dict, init=False)
    _keys: dict[str, str] = field(factory=dict, init=False)

    def read(self, instances: Sequence[Instance]) -> Mapping[str, Firewall]:
        for live in self.snapshot.resources:
            self._found[live.id], self._keys[live.id] = live.body, str(live.key)
        places = {one.name: place for one in instances if (place := attachment_of(one)).vnic_id}
        subnets = {place.subnet_id for place in places.values()}
        self._load("get_subnet", subnets)
        self._load("get_vcn", {text(subnet, "vcnId") for subnet in map(self._shown, subnets) if subnet})
        self._load("get_security_list", {one for subnet in subnets for one in self._lists(subnet)})
        self._load("", {one for place in places.values() for one in place.group_ids})
        return {
            name: self._firewall(place.vnic_id, place.subnet_id, place.group_ids) for name, place in places.items()
        }

    def _load(self, operation: str, ids: Iterable[str]) -> None:
        """Read what is not known yet; without an operation, groups with their rules."""
        unknown = sorted({*ids} - self._found.keys() - {""})
        reads: list[Callable[[], Mapping[str, Json] | None]] = [
            partial(self._get, operation, one) if operation else partial(self._group, one) for one in unknown
        ]
        self._found.update(zip(unknown, self.reader.call_all(reads), strict=True))

    def _get(self, operation: str, live_id: str) -> Mapping[str, Json] | None:
        try:
            return self.reader.caller.call(_CLIENT, operation, live_id).body
        except NotAuthorizedOrNotFound:
            return None

    def _group(self, group_id: str) -> Mapping[str, Json] | None:
        body, operation = (
            self._get("get_network_security_group", group_id),
            "list_network_security_group_security_rules",
        )
        try:
            return body and {**body, "securityRules": list(self.reader.caller.pages(_CLIENT, operation, group_id))}
        except NotAuthorizedOrNotFound:
            return None

    def _shown(self, live_id: str) -> Mapping[str, Json] | None:
        return self._found.get(live_id)

    def _lists(self, subnet_id: str) -> tuple[str, ...]:
        listed = (self._shown(subnet_id) or {}).get("securityListIds")
        return tuple(map(str, listed)) if isinstance(listed, Sequence) and not isinstance(listed, str) else ()

    def _firewall(self, vnic_id: str, subnet_id: str, group_ids: tuple[str, ...]) -> Firewall:
        subnet, ids = self._shown(subnet_id), (*group_ids, *self._lists(subnet_id))
        vcn = (self._shown(text(subnet, "vcnId")) if subnet else None) or {}
        block = text(vcn, "cidrBlock")
        kinds = dict.fromkeys(group_ids, GROUP)
        return Firewall(
            vnic_id=vnic_id,
            group_ids=group_ids,
            vcn_block=block,
            is_in_existing_subnet=subnet_id not in self._keys,
            rule_sets=tuple(
                self._rule_set(one, kinds.get(one, LIST), body, block)
                for one in ids
                if (body := self._shown(one)) is not None
            ),
            unreadable=tuple(one for one in (subnet_id, *ids) if self._shown(one) is None),
        )

    def _rule_set(self, live_id: str, kind: str, body: Mapping[str, Json], block: str) -> RuleSet:
        found = openings_of_group(body) if kind == GROUP else openings_of_list(body)
        return RuleSet(
            kind=kind,
            id=live_id,
            name=text(body, "displayName"),
            key=self._keys.get(live_id, ""),
            openings=tuple(sorted({*with_groups_as(found, block)})),
        )
