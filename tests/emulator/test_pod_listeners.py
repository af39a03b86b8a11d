"""Listeners for pods: on their gateway's address, for as long as they are up."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from ocisidecar.emulator.pod_listeners import PodDoors
from ocisidecar.emulator.server import Door

GATEWAY = "127.0.0.2"
"""Stands for a bridge's address: of this machine, and not the one that the emulator's own port is bound to."""


@pytest.fixture
def doors(emulator):
    """The doors of an emulator's app."""
    return PodDoors(lambda host: Door(emulator.app, host=host), lambda: emulator.endpoint)


def can_connect(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_door_is_there_until_its_last_pod_leaves(doors):
    """Pods of one network share a door; it is closed with the last of them."""
    url = doors.enter(GATEWAY)
    assert urlsplit(url).hostname == GATEWAY
    assert doors.enter(GATEWAY) == url
    doors.leave(GATEWAY)
    assert can_connect(url)
    doors.leave(GATEWAY)
    assert not can_connect(url)


def test_a_door_is_open_on_its_gateway_only(doors):
    """The same port of another address of this machine is not."""
    url = doors.enter(GATEWAY)
    assert not can_connect(url.replace(GATEWAY, "127.0.0.1"))
    doors.leave(GATEWAY)


def test_a_gateway_that_is_not_on_this_machine_leads_to_its_loopback(doors, emulator):
    """Containers of an engine in a virtual machine are told Docker Desktop's name for this machine."""
    url = doors.enter("192.0.2.1")
    assert url == emulator.endpoint.replace("127.0.0.1", "host.docker.internal")
    doors.leave("192.0.2.1")
