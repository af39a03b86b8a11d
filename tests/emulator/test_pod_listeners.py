"""Listeners for pods: on their gateway's address, while pods use them."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from ocisidecar.emulator.pod_listeners import PodListeners
from ocisidecar.emulator.server import Listener

GATEWAY = "127.0.0.2"
"""Stands for a bridge's address: of this machine, and not the one that the emulator's own port is bound to."""


@pytest.fixture
def listeners(emulator):
    """Listeners for an emulator's app."""
    return PodListeners(lambda host: Listener(emulator.app, host=host), lambda: emulator.endpoint)


def can_connect(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_listener_is_there_until_its_last_pod_leaves(listeners):
    """Pods of one network share a listener; it is closed with the last of them."""
    url = listeners.acquire(GATEWAY)
    assert urlsplit(url).hostname == GATEWAY
    assert listeners.acquire(GATEWAY) == url
    listeners.release(GATEWAY)
    assert can_connect(url)
    listeners.release(GATEWAY)
    assert not can_connect(url)


def test_a_listener_is_open_on_its_gateway_only(listeners):
    """The listener's port is closed on other addresses of this machine."""
    url = listeners.acquire(GATEWAY)
    assert not can_connect(url.replace(GATEWAY, "127.0.0.1"))
    listeners.release(GATEWAY)


def test_a_gateway_of_another_machine_leads_to_loopback(listeners, emulator):
    """Containers of an engine in a virtual machine get Docker Desktop's name for this machine."""
    url = listeners.acquire("192.0.2.1")
    assert url == emulator.endpoint.replace("127.0.0.1", "host.docker.internal")
    listeners.release("192.0.2.1")
