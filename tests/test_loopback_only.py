"""The test suite cannot connect to other machines."""

from __future__ import annotations

import socket

import pytest


def test_a_connection_to_elsewhere_is_refused_before_it_leaves():
    """Connecting to an address that is not loopback raises before anything is sent."""
    with socket.socket() as one, pytest.raises(PermissionError, match="loopback"):
        one.connect(("203.0.113.1", 443))
