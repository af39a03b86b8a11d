"""Who holds the address or the host name that an instance asks for.

Both are taken from a subnet by a VNIC, which keeps them for some time after its instance was deleted.  OCI's
refusal does not say by which one, so that the subnet's private IPs are read.

Source: oci.core.models.PrivateIp, Vnic.  UNCONFIRMED: the code and text of the refusal, for which reason neither is
looked at, and whether a VNIC that is being released is TERMINATING.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from attrs import frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.state.observed import Live
from ocisidecar.wire import Json, objects, text

_NETWORK_CLIENT = "core.VirtualNetworkClient"
_INSTANCES_CLIENT = "container_instances.ContainerInstanceClient"
_RELEASED = frozenset({"TERMINATING", "TERMINATED"})


@frozen
class Holder:
    """What holds an address or a host name.

    Attributes:
        held: what it holds, e.g. `privateIp 10.0.0.5`.
        vnic_id: its VNIC.
        is_released: whether the VNIC is being deleted, or is deleted by now.
        instance: the instance of the deployment whose VNIC it is; None when it is another's, or is released.
    """

    held: str
    vnic_id: str
    is_released: bool
    instance: Live | None


def find_holder(caller: Caller, vnic: Mapping[str, Json], instances: Sequence[Live], asking: str) -> Holder | None:
    """Return what holds the address or host name that a VNIC is to get; None when nothing is seen to hold it.

    Args:
        caller: makes the requests.
        vnic: what is asked for: `subnetId`, and `privateIp`, `hostnameLabel` or both.
        instances: those of the deployment, which may hold it themselves, also deleted ones; the likeliest first.
        asking: OCID of the instance that asks for it and may hold it already; empty for a new one.
    """
    for held, vnic_id in _held(caller, vnic):
        is_released = _is_released(caller, vnic_id)
        instance = None if is_released else _owner(caller, vnic_id, instances)
        if instance is None or instance.id != asking:
            return Holder(held, vnic_id, is_released, instance)
    return None


def _held(caller: Caller, vnic: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Return what of the wanted is held, and the OCID of its VNIC; nothing where the caller may not see it."""
    address, label = text(vnic, "privateIp"), text(vnic, "hostnameLabel").lower()
    if not address and not label:
        return []
    options = {"ip_address": address} if not label else {}
    pages = caller.pages(_NETWORK_CLIENT, "list_private_ips", subnet_id=text(vnic, "subnetId"), **options)
    found = []
    with suppress(NotAuthorizedOrNotFound):
        for entry in pages:
            if address and text(entry, "ipAddress") == address:
                found.append((f"privateIp {address}", text(entry, "vnicId")))
            if label and text(entry, "hostnameLabel").lower() == label:
                found.append((f"hostnameLabel {label}", text(entry, "vnicId")))
    return found


def _is_released(caller: Caller, vnic_id: str) -> bool:
    try:
        return text(caller.call(_NETWORK_CLIENT, "get_vnic", vnic_id).body, "lifecycleState") in _RELEASED
    except NotAuthorizedOrNotFound:
        return True


def _owner(caller: Caller, vnic_id: str, instances: Sequence[Live]) -> Live | None:
    for live in instances:
        try:
            shown = caller.call(_INSTANCES_CLIENT, "get_container_instance", live.id).body
        except NotAuthorizedOrNotFound:
            continue
        if any(text(one, "vnicId") == vnic_id for one in objects(shown.get("vnics"))):
            return live
    return None
