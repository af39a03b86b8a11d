"""The host's routes, read from the kernel's table."""

from __future__ import annotations

from ipaddress import IPv4Network

from ocisidecar.engine.routes import has_route, host_routes
from tests.pod_networks import is_in_pod_network

TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_every_route_except_the_default_one_is_listed(tmp_path):
    """The kernel's little-endian addresses are decoded, and the default route is omitted."""
    table = tmp_path / "route"
    table.write_text(TABLE)
    assert list(host_routes(table)) == [
        ("eth0", IPv4Network("192.168.0.0/24")),
        ("docker0", IPv4Network("172.17.0.0/16")),
    ]


def test_an_address_behind_the_default_route_has_no_route(tmp_path):
    """An address has a route if it is in a listed range, and none if only the default route leads to it."""
    table = tmp_path / "route"
    table.write_text(TABLE)
    assert [has_route(address, table) for address in ("172.17.0.2", "172.18.0.2")] == [True, False]


def test_without_a_table_there_are_no_routes(tmp_path):
    """A system without the kernel's table, such as macOS, has no routes."""
    assert list(host_routes(tmp_path / "none")) == []


def test_other_addresses_are_not_in_a_pod_network():
    """A public address, a loopback address and a host name are not in a pod network."""
    assert [is_in_pod_network(host) for host in ("203.0.113.1", "127.0.0.1", "::1", "example.com")] == [False] * 4
