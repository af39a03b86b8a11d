"""Which instances are not in the security groups that their spec wants: their lists show no VNIC.

A list for each group shows whose VNICs are in it, and only where that is not as wanted is the VNIC read.  Groups of
the VCN that are not wanted are asked too, as far as they are in the deployment's compartment.  `verify()` reads
every VNIC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from attrs import evolve, frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.observe.snapshot import call_all
from ocisidecar.resources.capabilities import HasHiddenPlace
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.wire import Ref, text

_CLIENT = "core.VirtualNetworkClient"
_KIND = "container-instance"
_OCID = "ocid1.computecontainerinstance."


@frozen
class Placed:
    """An instance that stays, and the groups that its VNIC is to be in.

    Attributes:
        live: the instance.
        group_ids: OCIDs; of a group that does not exist yet its reference.
    """

    live: Live
    group_ids: frozenset[str]


def wanted_groups(name: str, desired: Iterable[tuple[Desired, Live | None]], snapshot: Snapshot) -> list[Placed]:
    """Return the instances of the deployment `name` that stay, with the groups that their spec wants.  Pure."""
    return [
        Placed(live, frozenset(_ids(name, want, snapshot)))
        for want, live in desired
        if want.key.kind == _KIND and live is not None and live.phase in {Phase.READY, Phase.STOPPED}
    ]


def with_changed_groups(
    caller: Caller, pool: ThreadPoolExecutor, compartment_id: str, placed: Sequence[Placed], snapshot: Snapshot
) -> Snapshot:
    """Return the snapshot in which an instance whose groups seem to be changed shows its VNICs.  Only reads.

    It is `snapshot` itself where everything is as wanted.
    """
    if not placed:
        return snapshot
    wanted = {one for each in placed for one in each.group_ids}
    present = {live.id: text(live.body, "vcnId") for live in snapshot.resources if live.id in wanted}
    asked = sorted({*filter(None, present.values())})
    found = call_all(pool, caller, [partial(_groups_in, caller, compartment_id, vcn) for vcn in asked])
    groups = sorted({one for one in wanted if one.startswith("ocid1.")} | {one for each in found for one in each})
    listed = call_all(pool, caller, [partial(_members, caller, one) for one in groups])
    members = dict(zip(groups, listed, strict=True))
    suspects = {each.live.id for each in placed if _is_suspect(each, members, placed)}
    if not suspects:
        return snapshot
    others = [live for live in snapshot.resources if live.id not in suspects]
    read = call_all(
        pool, caller, [partial(_with_vnics, caller, live) for live in snapshot.resources if live.id in suspects]
    )
    return evolve(snapshot, resources=(*others, *read))


def _is_suspect(placed: Placed, members: Mapping[str, Sequence[str] | None], everyone: Sequence[Placed]) -> bool:
    """Return whether the groups seem to be others than the wanted ones; False where they may not be listed.

    UNCONFIRMED: that `resourceId` is the OCID of the container instance.  Where it is something else, a group that
    has fewer VNICs than it should makes its instances suspect.
    """
    for group, found in members.items():
        is_wanted = group in placed.group_ids
        if found is None:
            continue
        if found and not any(one.startswith(_OCID) for one in found):
            if is_wanted and len(found) < sum(group in one.group_ids for one in everyone):
                return True
        elif is_wanted is not (placed.live.id in found):
            return True
    return not placed.group_ids <= members.keys()


def _ids(name: str, want: Desired, snapshot: Snapshot) -> Iterable[str]:
    part = want.hidden.get("vnics")
    groups = part.get("nsgIds") if isinstance(part, Mapping) else None
    for group in groups if isinstance(groups, Sequence) and not isinstance(groups, str) else ():
        if isinstance(group, Ref):
            lives = snapshot.of(group.deployment or name).get(group.key, ())
            yield value_of(lives[0], group) if lives else str(group)
        else:
            yield str(group)


def _groups_in(caller: Caller, compartment_id: str, vcn_id: str) -> list[str]:
    operation = "list_network_security_groups"
    try:
        listed = list(caller.pages(_CLIENT, operation, compartment_id=compartment_id, vcn_id=vcn_id))
    except NotAuthorizedOrNotFound:
        return []
    return [text(one, "id") for one in listed if text(one, "lifecycleState") == "AVAILABLE"]


def _members(caller: Caller, group_id: str) -> list[str] | None:
    """Return what the VNICs of a group belong to; None where they may not be listed."""
    operation = "list_network_security_group_vnics"
    try:
        return [text(one, "resourceId") for one in caller.pages(_CLIENT, operation, group_id)]
    except NotAuthorizedOrNotFound:
        return None


def _with_vnics(caller: Caller, live: Live) -> Live:
    kind = KINDS[live.key.kind]
    try:
        return kind.with_place(caller, live) if isinstance(kind, HasHiddenPlace) else live
    except NotAuthorizedOrNotFound:
        return live
