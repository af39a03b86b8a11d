"""Places in registries, and the URLs of what was pushed there."""

from __future__ import annotations

import pytest

from ocisidecar.errors import ConfigError
from ocisidecar.images import PushedImage, Registry, pinned
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
    """By key and by name; path and user begin with the namespace."""
    place = Registry.ocir(region, namespace="acme", username="alice@acme.example", password="secret")
    assert (place.host, place.path, place.username) == (host, "acme/ocisidecar", "acme/alice@acme.example")
    assert place.image_prefix == f"{host}/acme/ocisidecar"
    assert place.repository_name("prometheus") == "ocisidecar/prometheus"


@pytest.mark.parametrize("region", ["", "Frankfurt", "fra.ocir.io", "eu-frankfurt"])
def test_what_is_no_region_is_told(region):
    """The value is named."""
    with pytest.raises(ConfigError, match=f"region='{region}'"):
        Registry.ocir(region, namespace="acme", username="alice", password="secret")


@pytest.mark.parametrize(
    ("host", "path", "told"),
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
def test_what_is_no_place_is_told(host, path, told):
    """Before anything is sent, with the value."""
    with pytest.raises(ConfigError, match=told):
        Registry(host, path, "alice", "secret")


@pytest.mark.parametrize("host", ["fra.ocir.io", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_hosts_may_have_a_port(host):
    """By name or by address."""
    assert Registry(host, "acme/my-images_2", "alice", "secret").image_prefix == f"{host}/acme/my-images_2"


def test_passwords_are_not_shown():
    """Neither of a place nor of what speaks to it."""
    place = Registry("fra.ocir.io", "acme", "acme/alice", "hunter2")
    assert "hunter2" not in f"{place!r} {place} {place._distribution()!r}"


def test_a_url_names_the_image_for_good():
    """By digest; the tagged one by version; OCI's APIs know the repository without registry and namespace."""
    image = pushed("prometheus")
    assert image.url == f"fra.ocir.io/acme/ocisidecar/prometheus@{DIGEST}"
    assert image.tagged_url == "fra.ocir.io/acme/ocisidecar/prometheus:1.0"
    assert image.repository_name == "ocisidecar/prometheus"


def test_pushed_images_take_the_place_of_symbolic_names():
    """A spec with our own images can then be deployed without an image prefix."""
    web = InstanceSpec("web", image_url="docker.io/acme/web:1").with_sidecar(SidecarSpec.log_forwarder())
    spec = DeploymentSpec("shop", [web.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")])
    pinned_spec = spec.with_images(pinned([pushed("log-forwarder"), pushed("grafana")]))
    check(pinned_spec, image_prefix=None, accepts_symbolic_images=False)
    assert pinned_spec.instance("web").sidecars[0].image_url == pushed("log-forwarder").url
