"""Narrowed egress: what is refused because an instance needs it."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import (
    DeploymentSpec,
    DnsConfig,
    EgressRule,
    EgressSpec,
    InstanceSpec,
    NetworkSpec,
    PrometheusConfig,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import validate

OCIR = "fra.ocir.io/acme/web:1"
WEB = InstanceSpec("web", image_url=OCIR, egress=EgressSpec())
HUB = evolve(WEB, image_url="docker.io/acme/web:1")
HTTPS_OUT = EgressSpec([EgressRule("0.0.0.0/0", ports=[443])])
THROUGH, PUSH = "through the instance's network", "or push the image to OCIR"
NFS = VolumeSpec.file_system(
    "data", mount_target_id="ocid1.mounttarget.oc1.fra.a", export_id="ocid1.export.oc1.fra.a"
)
CONFIG = PrometheusConfig(remote_write=["https://10.0.3.4:9009/push", "https://metrics.example.com/push"])
WRITING = WEB.with_volume(
    VolumeSpec.config_file("prometheus", {"prometheus.yml": CONFIG}), mount_path="/etc/prometheus"
)
RESOLVING = evolve(WEB, dns_config=DnsConfig(nameservers=["169.254.169.254", "10.0.0.53"]))


def problems(instance, network=None):
    """Return the problems of a deployment of this instance, as text."""
    spec = DeploymentSpec("shop", [instance], network=network)
    return [str(one) for one in validate(spec, accepts_symbolic_images=True)]


@pytest.mark.parametrize(
    "instance",
    [
        WEB,
        WEB.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs").with_sidecar(SidecarSpec.log_forwarder()),
        evolve(HUB, egress=HTTPS_OUT),
        evolve(HUB, egress=EgressSpec(["3.0.0.0/8"])),
        evolve(
            HUB, image_url="registry.corp.example:5000/web:1", egress=EgressSpec([EgressRule("vcn", ports=[5000])])
        ),
        evolve(HUB, image_url="10.0.7.7:5000/web:1", egress=EgressSpec([EgressRule("10.0.7.0/24", ports=[5000])])),
        evolve(WEB.with_volume(NFS, mount_path="/data"), egress=EgressSpec(["vcn"])),
        evolve(WRITING, egress=EgressSpec([EgressRule("vcn", ports=[9009]), EgressRule("vcn", ports=[443])])),
        evolve(RESOLVING, egress=EgressSpec([EgressRule("vcn", ports=[53], protocol="udp")])),
    ],
    ids=["ocir", "log forwarder", "hub", "range", "own registry", "its address", "files", "writing", "names"],
)
def test_what_is_let_out_suffices(instance):
    """Oracle's services need no rule; everything else that is needed is let out by one."""
    assert problems(instance) == []


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (
            HUB,
            [f"OCI pulls docker.io/acme/web:1 from docker.io {THROUGH}: let tcp 443 out to its addresses, {PUSH}"],
        ),
        (
            evolve(HUB, image_url="acme/web", egress=EgressSpec(["vcn", "10.0.0.0/8"])),
            [f"OCI pulls acme/web from docker.io {THROUGH}: let tcp 443 out to its addresses, {PUSH}"],
        ),
        (
            evolve(
                HUB, image_url="10.0.7.7:5000/web:1", egress=EgressSpec([EgressRule("10.0.8.0/24", ports=[5000])])
            ),
            [f"OCI pulls 10.0.7.7:5000/web:1 from 10.0.7.7:5000 {THROUGH}: let tcp 5000 out to 10.0.7.7, {PUSH}"],
        ),
        (
            WEB.with_volume(NFS, mount_path="/data"),
            [
                f"the volume data is mounted from its mount target: let tcp {port} out to its addresses"
                for port in (111, 2048, 2049, 2050)
            ],
        ),
        (
            WRITING,
            [
                "Prometheus writes to https://10.0.3.4:9009/push: let tcp 9009 out to 10.0.3.4",
                "Prometheus writes to https://metrics.example.com/push: let tcp 443 out to its addresses",
            ],
        ),
        (RESOLVING, ["names are resolved at 10.0.0.53: let udp 53 out to 10.0.0.53"]),
    ],
    ids=["hub", "private ranges", "another range", "files", "writing", "names"],
)
def test_what_is_needed_is_not_closed(instance, words):
    """A connection that OCI or a container needs, and that no rule lets out, is refused with the reason."""
    assert problems(instance) == [f'instances["web"].egress: {one}' for one in words]


def test_a_public_network_has_no_service_gateway():
    """In a public network Oracle's services are on the internet, so that egress there must let TCP 443 out."""
    (problem,) = problems(WEB, NetworkSpec.public())
    assert problem.startswith('instances["web"].egress: without a service gateway, as in a public network, Oracle')
    assert problem.endswith("over the internet: let tcp 443 out to its addresses, or use NetworkSpec.private()")
    assert problems(evolve(WEB, egress=HTTPS_OUT), NetworkSpec.public()) == []


def test_existing_networks_belong_to_others():
    """In an existing subnet egress cannot be narrowed by a deployment."""
    (problem,) = problems(WEB, NetworkSpec.existing("ocid1.subnet.oc1.fra.a"))
    assert problem.startswith('instances["web"].egress: cannot be narrowed in an existing subnet')


def test_keys_of_spec_files():
    """A file writes rules as texts or mappings, of an instance or its network; a written spec reads the same."""
    text = (
        "name: shop\nnetwork: {private: {egress: {}}}\ninstances:\n"
        "- name: web\n  image_url: fra.ocir.io/acme/web:1\n"
        "  egress: {rules: [vcn, {destination: 203.0.113.0/24, ports: [443]}]}"
    )
    web = evolve(WEB, egress=EgressSpec([EgressRule("vcn"), EgressRule("203.0.113.0/24", ports=[443])]))
    spec = DeploymentSpec("shop", [web], network=NetworkSpec.private(egress=EgressSpec()))
    assert load_spec(text) == spec
    assert load_spec(dump_spec(spec)) == spec


def test_problems_have_the_path_of_the_field():
    """Wrong destinations, ports and protocols are reported all at once, each with its path."""
    rules = [EgressRule("vcm"), EgressRule("10.0.0.0/33", ports=[0]), EgressRule("vcn", protocol="icmp")]
    paths = [one.partition(": ")[0] for one in problems(evolve(WEB, egress=EgressSpec(rules)))]
    assert [one.removeprefix('instances["web"].egress.rules') for one in paths] == [
        "[2].protocol",
        "[0].destination",
        "[1].destination",
        "[1].ports[0]",
    ]


def test_a_group_holds_so_many_rules():
    """Ports and egress share the rules of one group."""
    many = [EgressRule("vcn", ports=range(1, 101)), EgressRule("10.1.0.0/16", ports=range(1, 21))]
    (problem,) = problems(evolve(WEB, egress=EgressSpec(many)))
    assert "holds 120 rules" in problem
    assert "0 beside 121 outgoing" in problem
