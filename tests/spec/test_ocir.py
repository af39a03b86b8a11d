"""Hosts of OCI's own registry."""

from __future__ import annotations

import pytest

from ocisidecar.spec.ocir import is_ocir, ocir_host


@pytest.mark.parametrize(
    ("region", "host"),
    [("fra", "fra.ocir.io"), ("eu-frankfurt-1", "ocir.eu-frankfurt-1.oci.oraclecloud.com"), ("Frankfurt", None)],
)
def test_host_of_a_region(region, host):
    """Key and name of a region lead to its registry, other words nowhere."""
    assert ocir_host(region) == host
    assert host is None or is_ocir(host)


@pytest.mark.parametrize("host", ["docker.io", "ghcr.io", "127.0.0.1:5000", "ocir.io", "evil.com/fra.ocir.io"])
def test_other_registries(host):
    """They are not taken for it."""
    assert not is_ocir(host)
