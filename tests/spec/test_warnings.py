"""Warnings about valid specs."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.spec import (
    AccessSpec,
    DeploymentSpec,
    InstanceSpec,
    NetworkSpec,
    PlacementSpec,
    Port,
    SidecarSpec,
)
from ocisidecar.spec.validate.warnings import spec_warnings

WEB = InstanceSpec("web", image_url="nginx:1.27")
SHOP = DeploymentSpec("shop", [WEB])


def test_a_plain_spec_has_no_warnings():
    """A spec without anything unusual has no warnings."""
    assert spec_warnings(SHOP) == ()


@pytest.mark.parametrize("image_url", ["nginx", "nginx:latest", "localhost:5000/nginx"])
def test_unpinned_images(image_url: str):
    """An image without a version is warned about."""
    (warning,) = spec_warnings(SHOP.with_instance(WEB.with_image(image_url)))
    assert warning == f'instances["web"].image_url: {image_url} can change without a new plan: pin a version'


@pytest.mark.parametrize("image_url", ["nginx:1", "localhost:5000/nginx:1", "nginx@sha256:" + "0" * 64])
def test_pinned_images(image_url: str):
    """An image with a version or a digest is not warned about."""
    assert spec_warnings(SHOP.with_instance(WEB.with_image(image_url))) == ()


def test_unknown_shapes():
    """An unknown shape is allowed, with a warning that its limits are not checked."""
    instance = evolve(WEB, placement=PlacementSpec(shapes=["CI.Standard.Next.Flex"]))
    (warning,) = spec_warnings(SHOP.with_instance(instance))
    assert "CI.Standard.Next.Flex is not a known shape" in warning


def test_the_whole_internet():
    """A port that is open to the whole internet is warned about."""
    instance = evolve(WEB, ports=[80, Port(443, sources=["0.0.0.0/0"])])
    assert spec_warnings(SHOP.with_instance(instance)) == (
        'instances["web"].ports: tcp 443 is open to the whole internet',
    )


def test_ports_of_an_existing_network():
    """Ports in an existing subnet are warned about, because the deployment does not open them."""
    spec = evolve(SHOP, network=NetworkSpec.existing("ocid1.subnet.oc1.fra.a"))
    assert spec_warnings(spec) == ()
    (warning,) = spec_warnings(spec.with_instance(evolve(WEB, ports=[80])))
    assert "opened by the owner of the existing subnet" in warning


def test_rights_that_others_must_grant():
    """A deployment without access whose containers need rights is warned about."""
    instance = WEB.with_sidecar(SidecarSpec.log_forwarder())
    (warning,) = spec_warnings(evolve(SHOP, access=AccessSpec.none()).with_instance(instance))
    assert warning.endswith("others must grant these rights: use log-content")


@pytest.mark.parametrize("policy", ["NEVER", "ON_FAILURE"])
def test_a_job_whose_sidecars_never_end(policy: str):
    """A restart policy that lets the app end is warned about where sidecars keep the instance running."""
    job = evolve(WEB, container_restart_policy=policy)
    assert spec_warnings(SHOP.with_instance(job)) == ()
    (warning,) = spec_warnings(SHOP.with_instance(job.with_sidecar(SidecarSpec.node_exporter())))
    assert warning == (
        'instances["web"].container_restart_policy: an instance ends with the last of its containers, and presets '
        "never end: after the app it runs on, and costs, with node-exporter"
    )
    always = WEB.with_sidecar(SidecarSpec.node_exporter())
    assert spec_warnings(SHOP.with_instance(always)) == ()
