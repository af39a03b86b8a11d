"""The networks of pods: one per requested subnet, and one for all pods that request none.

Their bridges have names with a prefix of this library, so the host's routes show which addresses belong to pods.
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
"""Status of the engine's answer if containers are attached to a network, whatever HTTP means by it."""


@frozen(kw_only=True)
class Attachment:
    """The attachment of one pod to a network.

    Attributes:
        network: id of the network.
        gateway: the host's address in it.
        ip: the pod's address, if it is reserved; None if the engine chooses one.
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
    """Creates a network for its first pod and removes it after its last one.  Thread-safe.

    Args:
        api: the engine.
        labels: of the networks.
        has_routes: whether this machine's routes show which ranges are in use on the engine's host.
    """

    def __init__(self, api: docker.APIClient, *, labels: Mapping[str, str], has_routes: bool) -> None:
        self._api = api
        self._labels = labels
        self._has_routes = has_routes
        self._lock = threading.Lock()
        self._by_cidr: dict[str | None, _Network] = {}

    def attach(self, address: PodAddress | None) -> Attachment:
        """Attach one pod: at the requested address if it is available, else where the engine chooses.

        Raises:
            PodFailed: the engine has no address range left.
        """
        with self._lock:
            if address is not None:
                network = self._requested(address)
                if network is not None:
                    network.ips.add(address.ip)
                    network.pods += 1
                    return Attachment(network=network.id, gateway=network.gateway, ip=address.ip)
            network = self._default()
            network.pods += 1
            return Attachment(network=network.id, gateway=network.gateway, ip=None)

    def detach(self, attachment: Attachment) -> None:
        """Release an attachment, after the pod's containers were removed."""
        with self._lock:
            cidr = next(cidr for cidr, network in self._by_cidr.items() if network.id == attachment.network)
            network = self._by_cidr[cidr]
            if network.pods == 1:
                remove_network(self._api, network.id)
                del self._by_cidr[cidr]
            network.ips.discard(attachment.ip or "")
            network.pods -= 1

    def _requested(self, address: PodAddress) -> _Network | None:
        """Return the network of the requested subnet, or None if the pod cannot have its address there."""
        subnet = ipaddress.IPv4Network(address.cidr)
        gateway = str(subnet[1])
        if address.ip == gateway or ipaddress.IPv4Address(address.ip) not in subnet:
            return None
        known = self._by_cidr.get(address.cidr)
        if known is not None:
            return None if address.ip in known.ips else known
        if self._has_routes and any(subnet.overlaps(route) for _, route in host_routes()):
            return None
        ipam = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=address.cidr, gateway=gateway)])
        try:
            self._by_cidr[address.cidr] = _Network(self._create(ipam), gateway)
        except APIError:  # another network has this range, possibly one of another `Engine`
            return None
        return self._by_cidr[address.cidr]

    def _default(self) -> _Network:
        """Return the network whose address range the engine chooses."""
        if None not in self._by_cidr:
            try:
                created = self._create(None)
            except APIError as error:
                raise PodFailed(
                    f"The engine could not create a network: {error.explanation}. Remove unused networks."
                ) from error
            with ExitStack() as undo:
                undo.callback(remove_network, self._api, created)
                (pool, *_) = self._api.inspect_network(created)["IPAM"]["Config"]
                undo.pop_all()
            gateway = pool.get("Gateway") or str(ipaddress.IPv4Network(pool["Subnet"])[1])
            self._by_cidr[None] = _Network(created, gateway.partition("/")[0])
        return self._by_cidr[None]

    def _create(self, ipam: docker.types.IPAMConfig | None) -> str:
        suffix = uuid4().hex[:10]
        created = self._api.create_network(
            f"ocisidecar-{suffix}",
            driver="bridge",
            ipam=ipam,
            labels=dict(self._labels),
            options={"com.docker.network.bridge.name": f"{BRIDGE_PREFIX}{suffix}"},
        )
        return str(created["Id"])


def remove_network(api: docker.APIClient, network_id: str) -> None:
    """Remove a network; ignores that it is already removed, or that other containers are attached to it."""
    try:
        api.remove_network(network_id)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != _IN_USE:
            raise
