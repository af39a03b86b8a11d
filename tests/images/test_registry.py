"""Registries, and the URLs of pushed images."""

from __future__ import annotations

import pytest

from ocisidecar.errors import ConfigError
from ocisidecar.images import PushedImage, Registry, pinned
from ocisidecar.images.distribution import RegistryClient
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.spec.validate.spec import check

DIGEST = f"sha256:{'0' * 64}"


def pushed(name: str) -> PushedImage:
    return PushedImage(name=name, repository=f"fra.ocir.io/acme/ocisidecar/{name}", tags=("1.0",), digest=DIGEST)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("fra", "fra.ocir.io"),
        ("eu-frankfurt-1", "ocir.eu-frankfurt-1.oci.oraclecloud.com"),
        ("ap-dcc-canberra-1", "ocir.ap-dcc-canberra-1.oci.oraclecloud.com"),
    ],
)
def test_ocir_is_found_by_region(region, host):
    """A region's key or name gives the host, and path and user begin with the namespace."""
    place = Registry.ocir(region, namespace="acme", username="alice@acme.example", password="secret")
    assert (place.host, place.path, place.username) == (host, "acme/ocisidecar", "acme/alice@acme.example")
    assert place.image_prefix == f"{host}/acme/ocisidecar"
    assert place.repository_name("prometheus") == "ocisidecar/prometheus"


@pytest.mark.parametrize("region", ["", "Frankfurt", "fra.ocir.io", "eu-frankfurt"])
def test_an_unknown_region_is_an_error(region):
    """A region that is neither key nor name raises ConfigError with the value."""
    with pytest.raises(ConfigError, match=f"region='{region}'"):
        Registry.ocir(region, namespace="acme", username="alice", password="secret")


@pytest.mark.parametrize(
    ("host", "path", "message"),
    [
        ("https://fra.ocir.io", "acme", "host must be.*got"),
        ("fra.ocir.io/acme", "web", "host must be.*got"),
        ("", "acme", "host must be.*got"),
        ("fra.ocir.io", "", "path must be.*got"),
        ("fra.ocir.io", "/acme", "path must be.*got"),
        ("fra.ocir.io", "acme/", "path must be.*got"),
        ("fra.ocir.io", "Acme", "path must be.*got"),
    ],
)
def test_an_invalid_host_or_path_is_an_error(host, path, message):
    """An invalid host or path raises ConfigError with the value before anything is sent."""
    with pytest.raises(ConfigError, match=message):
        Registry(host, path, "alice", "secret")


@pytest.mark.parametrize("host", ["fra.ocir.io", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_hosts_may_have_a_port(host):
    """A host may be a name or an address, with or without a port."""
    assert Registry(host, "acme/my-images_2", "alice", "secret").image_prefix == f"{host}/acme/my-images_2"


def test_passwords_are_not_in_representations():
    """Neither a Registry nor its client shows the password."""
    place = Registry("fra.ocir.io", "acme", "acme/alice", "hunter2")
    client = RegistryClient("fra.ocir.io", "acme/alice", "hunter2")
    assert "hunter2" not in f"{place!r} {place} {client!r}"


def test_a_url_holds_the_digest():
    """The URL holds the digest; OCI's APIs name the repository without registry and namespace."""
    image = pushed("prometheus")
    assert image.url == f"fra.ocir.io/acme/ocisidecar/prometheus@{DIGEST}"
    assert image.repository_name == "ocisidecar/prometheus"


def test_pushed_images_replace_symbolic_names():
    """A spec with `pinned` images needs no image prefix."""
    web = InstanceSpec("web", image_url="docker.io/acme/web:1").with_sidecar(SidecarSpec.log_forwarder())
    spec = DeploymentSpec("shop", [web.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")])
    pinned_spec = spec.with_images(pinned([pushed("log-forwarder"), pushed("grafana")]))
    check(pinned_spec, image_prefix=None, accepts_symbolic_images=False)
    assert pinned_spec.instance("web").sidecars[0].image_url == pushed("log-forwarder").url
