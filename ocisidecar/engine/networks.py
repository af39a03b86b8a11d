"""The networks that pods are in: one for each subnet that is asked for, one for all pods that ask for none.

Their bridges bear names of our own, so that a look at the host's routes tells which addresses are pods'.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from uuid import uuid4

import docker
from attrs import define, field, frozen
from docker.errors import APIError, NotFound

from ocisidecar.engine.routes import BRIDGE_PREFIX, host_routes
from ocisidecar.engine.values import PodAddress
from ocisidecar.errors import PodFailed

_IN_USE = 403
"""Status of what the engine refuses because something is attached, whatever HTTP means by it."""


@frozen(kw_only=True)
class Place:
    """Where a pod is.

    Attributes:
        network: id of its network.
        gateway: the host's address there.
        ip: the address that the pod was promised; None where the engine chooses one.
    """

    network: str
    gateway: str
    ip: str | None


@define
class _Network:
    id: str
    gateway: str
    ips: set[str] = field(factory=set)
    pods: int = 0


class Networks:
    """Makes networks when the first pod comes and removes them when the last has gone.  Thread-safe.

    Args:
        api: the engine.
        labels: of the networks.
        has_routes: whether this machine's routes tell which ranges are taken on the engine's host.
    """

    def __init__(self, api: docker.APIClient, *, labels: Mapping[str, str], has_routes: bool) -> None:
        self._api = api
        self._labels = labels
        self._has_routes = has_routes
        self._lock = threading.Lock()
        self._by_cidr: dict[str | None, _Network] = {}

    def join(self, wanted: PodAddress | None) -> Place:
        """Return a place for one pod: the wanted one, else one that the engine picks.

        Raises:
            PodFailed: the engine has no range left.
        """
        with self._lock:
            if wanted is not None:
                network = self._asked_for(wanted)
                if network is not None:
                    network.ips.add(wanted.ip)
                    network.pods += 1
                    return Place(network=network.id, gateway=network.gateway, ip=wanted.ip)
            network = self._picked()
            network.pods += 1
            return Place(network=network.id, gateway=network.gateway, ip=None)

    def leave(self, place: Place) -> None:
        """Give a place back, once the pod's containers are gone."""
        with self._lock:
            cidr = next(cidr for cidr, network in self._by_cidr.items() if network.id == place.network)
            network = self._by_cidr[cidr]
            if network.pods == 1:
                remove_network(self._api, network.id)
                del self._by_cidr[cidr]
            network.ips.discard(place.ip or "")
            network.pods -= 1

    def _asked_for(self, wanted: PodAddress) -> _Network | None:
        """Return the network of this subnet if the pod can have its address there."""
        subnet = ipaddress.IPv4Network(wanted.cidr)
        gateway = str(subnet[1])
        if wanted.ip == gateway or ipaddress.IPv4Address(wanted.ip) not in subnet:
            return None
        known = self._by_cidr.get(wanted.cidr)
        if known is not None:
            return None if wanted.ip in known.ips else known
        if self._has_routes and any(subnet.overlaps(route) for _, route in host_routes()):
            return None
        ipam = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=wanted.cidr, gateway=gateway)])
        try:
            self._by_cidr[wanted.cidr] = _Network(self._create(ipam), gateway)
        except APIError:  # another network has this range, possibly of another engine object
            return None
        return self._by_cidr[wanted.cidr]

    def _picked(self) -> _Network:
        if None not in self._by_cidr:
            try:
                made = self._create(None)
            except APIError as refusal:
                raise PodFailed(
                    f"The engine could not make a network: {refusal.explanation}. Remove networks that nobody uses."
                ) from refusal
            with ExitStack() as undo:
                undo.callback(remove_network, self._api, made)
                (pool, *_) = self._api.inspect_network(made)["IPAM"]["Config"]
                undo.pop_all()
            gateway = pool.get("Gateway") or str(ipaddress.IPv4Network(pool["Subnet"])[1])
            self._by_cidr[None] = _Network(made, gateway.partition("/")[0])
        return self._by_cidr[None]

    def _create(self, ipam: docker.types.IPAMConfig | None) -> str:
        suffix = uuid4().hex[:10]
        made = self._api.create_network(
            f"ocisidecar-{suffix}",
            driver="bridge",
            ipam=ipam,
            labels=dict(self._labels),
            options={"com.docker.network.bridge.name": f"{BRIDGE_PREFIX}{suffix}"},
        )
        return str(made["Id"])


def remove_network(api: docker.APIClient, network_id: str) -> None:
    """Remove a network; one that is gone, or that somebody else still uses, is no error."""
    try:
        api.remove_network(network_id)
    except NotFound:
        pass
    except APIError as refusal:
        if refusal.status_code != _IN_USE:
            raise
