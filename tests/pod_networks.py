"""The addresses of pods on this machine: the only ones beside loopback that tests may connect to."""

from __future__ import annotations

from ipaddress import ip_address

from ocisidecar.engine.routes import BRIDGE_PREFIX, host_routes


def is_in_pod_network(host: str) -> bool:
    """Return whether an address is in the network of a pod on this machine, according to the current routes."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for interface, network in host_routes() if interface.startswith(BRIDGE_PREFIX))
