"""Hosts of OCI's own registry."""

from __future__ import annotations

import pytest

from ocisidecar.spec.ocir import is_ocir, ocir_host


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("fra", "fra.ocir.io"),
        ("eu-frankfurt-1", "ocir.eu-frankfurt-1.oci.oraclecloud.com"),
        ("FRA", "fra.ocir.io"),
        ("Frankfurt", None),
    ],
)
def test_host_of_a_region(region, host):
    """A region's key and name give its registry's host, and other words give None."""
    assert ocir_host(region) == host
    assert host is None or is_ocir(host)


@pytest.mark.parametrize(
    "host", ["eu-frankfurt-1.ocir.io", "ocir.eu-frankfurt-2.oci.oraclecloud.eu", "ocir.x-1.oci.oraclegovcloud.com"]
)
def test_other_spellings_and_realms(host):
    """Other spellings and realms of OCI's registry are recognised."""
    assert is_ocir(host)


@pytest.mark.parametrize("host", ["docker.io", "ghcr.io", "127.0.0.1:5000", "ocir.io", "evil.com/fra.ocir.io"])
def test_other_registries(host):
    """Other registries are not taken for OCI's."""
    assert not is_ocir(host)
