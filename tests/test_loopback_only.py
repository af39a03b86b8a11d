"""The test suite cannot connect to other machines."""

from __future__ import annotations

import http.client
import socket

import pytest


@pytest.mark.parametrize("connect", ["connect", "connect_ex"])
def test_a_connection_to_elsewhere_is_refused_before_it_leaves(connect):
    """Connecting to an address that is not loopback raises before anything is sent."""
    with socket.socket() as one, pytest.raises(PermissionError, match="loopback"):
        getattr(one, connect)(("203.0.113.1", 443))


def test_http_to_elsewhere_is_refused():
    """Libraries connect in the same way."""
    with pytest.raises(PermissionError, match="loopback"):
        http.client.HTTPConnection("203.0.113.1", timeout=1).connect()
