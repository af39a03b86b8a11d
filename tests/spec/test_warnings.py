"""Warnings about valid specs."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.spec import (
    AccessSpec,
    DeploymentSpec,
    InstanceSpec,
    LoggingSpec,
    NetworkSpec,
    PlacementSpec,
    Port,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.validate.warnings import spec_warnings

WEB = InstanceSpec("web", image_url="nginx:1.27")
SHOP = DeploymentSpec("shop", [WEB])


def test_a_plain_spec_has_no_warnings():
    """A spec without anything unusual has no warnings."""
    assert spec_warnings(SHOP) == ()


@pytest.mark.parametrize(
    "image_url",
    [
        "nginx",
        "nginx:latest",
        "localhost:5000/nginx",
        "nginx:stable",
        "localhost:5000/nginx:main",
        "nginx:edge",
        "nginx:stable-alpine3.23",
        "nginx:latest-arm64",
        "nginx:main-linux-x86_64",
        "nginx:arm64v8",
    ],
)
def test_unpinned_images(image_url: str):
    """An image whose tag has no number, or only that of a platform, is warned about."""
    (warning,) = spec_warnings(SHOP.with_instance(WEB.with_image(image_url)))
    assert warning == f'instances["web"].image_url: {image_url} can change without a new plan: pin a version'


@pytest.mark.parametrize(
    "image_url",
    [
        "nginx:1",
        "localhost:5000/nginx:1",
        "nginx@sha256:" + "0" * 64,
        "nginx:1.30-alpine3.23",
        "nginx:main-1a2b3c4-arm64",
        "nginx:build45",
    ],
)
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


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["0.0.0.0/1", "128.0.0.0/1"], "tcp 443 is open to the whole internet"),
        (
            ["0.0.0.0/2", "vcn"],
            "tcp 443 is open to the internet: its sources cover 1,040,187,392 public addresses (0.0.0.0/2, vcn)",
        ),
        (["203.0.113.0/24"], ""),
    ],
)
def test_the_internet_is_what_covers_public_addresses(sources, words):
    """The internet in two halves is the internet, and so is any large public range, for each instance and port."""
    instance = evolve(WEB, ports=[80, Port(443, sources=sources)])
    expected = (f'instances["web"].ports: {words}',) if words else ()
    assert spec_warnings(SHOP.with_instance(instance)) == expected


def test_ports_of_an_existing_network():
    """Ports in an existing subnet are warned about, because the deployment does not open them."""
    spec = evolve(SHOP, network=NetworkSpec.existing("ocid1.subnet.oc1.fra.a"))
    assert spec_warnings(spec) == ()
    (warning,) = spec_warnings(spec.with_instance(evolve(WEB, ports=[80])))
    assert "opened by the owner of the existing subnet" in warning


def test_exporters_in_an_existing_network():
    """Sidecars that answer without a password are warned about where others decide what reaches them."""
    spec = evolve(SHOP, network=NetworkSpec.existing("ocid1.subnet.oc1.fra.a"))
    (warning,) = spec_warnings(spec.with_instance(WEB.with_sidecar(SidecarSpec.redis_exporter())))
    assert warning.startswith('instances["web"].sidecars: answer without a password on 9121 to whoever the rules')


def test_rights_that_others_must_grant():
    """A deployment without access whose containers need rights is warned about."""
    instance = WEB.with_sidecar(SidecarSpec.log_forwarder())
    (warning,) = spec_warnings(evolve(SHOP, access=AccessSpec.none()).with_instance(instance))
    assert warning.endswith("others must grant these rights: use log-content")


@pytest.mark.parametrize("preset", [SidecarSpec.metrics_forwarder, SidecarSpec.management_agent])
def test_a_namespace_that_a_tag_does_not_keep_apart(preset):
    """Who narrows the access to one deployment learns that the default namespace is that of all, and what helps."""
    tagged = evolve(SHOP, access=AccessSpec.deployment(defined_tag="Ops.deployment"))
    (warning,) = spec_warnings(tagged.with_instance(WEB.with_sidecar(preset(image_url="a:1"))))
    assert warning.startswith('instances["web"].sidecars["')
    assert "the metric namespace 'ocisidecar'" in warning
    assert warning.endswith("give metric_namespace")
    named = WEB.with_sidecar(preset(image_url="a:1", metric_namespace="shop"))
    assert spec_warnings(tagged.with_instance(named)) == ()
    shared = AccessSpec.of("platform", defined_tag="Ops.deployment")
    for access in (AccessSpec.deployment(), shared):
        assert (
            spec_warnings(evolve(tagged, access=access).with_instance(WEB.with_sidecar(preset(image_url="a:1"))))
            == ()
        )


def test_the_right_to_push_into_an_existing_log_is_for_all_log_groups():
    """OCI reads a log only by its group, so that the plan of an existing log says how far the right goes."""
    web = WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(
        SidecarSpec.log_forwarder()
    )
    spec = SHOP.with_instance(web)
    by_log = evolve(spec, logging=LoggingSpec.existing(log_id="ocid1.log.oc1.eu-frankfurt-1.a"))
    (warning,) = [one for one in spec_warnings(by_log) if "all log groups" in one]
    assert warning.startswith('instances["web"].statements: an existing log does not show its group, so the right ')
    assert warning.endswith("give log_group_id instead of log_id")
    by_group = evolve(spec, logging=LoggingSpec.existing(log_group_id="ocid1.loggroup.oc1.eu-frankfurt-1.a"))
    assert not any("log groups" in one for one in (*spec_warnings(spec), *spec_warnings(by_group)))


@pytest.mark.parametrize("policy", ["NEVER", "ON_FAILURE"])
def test_a_job_whose_sidecars_never_end(policy: str):
    """A restart policy that lets the app end is warned about where sidecars keep the instance running."""
    job = evolve(WEB, container_restart_policy=policy)
    assert spec_warnings(SHOP.with_instance(job)) == ()
    (warning,) = spec_warnings(SHOP.with_instance(job.with_sidecar(SidecarSpec.node_exporter())))
    assert warning == (
        'instances["web"].container_restart_policy: an instance ends with its last container: it runs on after '
        "the app, and costs, until these end: node-exporter"
    )
    always = WEB.with_sidecar(SidecarSpec.node_exporter())
    assert spec_warnings(SHOP.with_instance(always)) == ()
