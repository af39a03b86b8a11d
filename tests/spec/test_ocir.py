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
    """Key and name of a region lead to its registry, other words nowhere."""
    assert ocir_host(region) == host
    assert host is None or is_ocir(host)


@pytest.mark.parametrize(
    "host", ["eu-frankfurt-1.ocir.io", "ocir.eu-frankfurt-2.oci.oraclecloud.eu", "ocir.x-1.oci.oraclegovcloud.com"]
)
def test_other_spellings_and_realms(host):
    """They are OCI's own registry too, although no region leads to them here."""
    assert is_ocir(host)


@pytest.mark.parametrize("host", ["docker.io", "ghcr.io", "127.0.0.1:5000", "ocir.io", "evil.com/fra.ocir.io"])
def test_other_registries(host):
    """They are not taken for it."""
    assert not is_ocir(host)
