"""No container gets more than it needs unless the spec says so."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import (
    DeploymentSpec,
    InstanceSpec,
    NetworkSpec,
    Port,
    SecretRef,
    SecurityContext,
    SidecarSpec,
    wire,
)
from ocisidecar.spec.files import load_spec
from ocisidecar.spec.preset_registry import find_preset, preset_names
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.validate.warnings import spec_warnings

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8)
KEY = SecretRef("ocid1.vaultsecret.oc1.fra.key")
HASH = "$2y$10$" + "a" * 53


def problems_of(instance: InstanceSpec, network: NetworkSpec | None = None) -> list[str]:
    spec = DeploymentSpec("shop", [instance], network=network)
    return [str(problem) for problem in validate(spec, accepts_symbolic_images=True)]


HTTPS = "https://127.0.0.1:9090"


@pytest.mark.parametrize(
    ("context", "added", "dropped"),
    [
        (None, [], ["CAP_NET_RAW"]),
        (SecurityContext(run_as_user=5), [], ["CAP_NET_RAW"]),
        (SecurityContext(drop_capabilities=["CAP_CHOWN"]), [], ["CAP_CHOWN", "CAP_NET_RAW"]),
        (SecurityContext(drop_capabilities=["ALL"]), [], ["ALL"]),
        (SecurityContext.restricted(run_as_user=5), [], ["ALL"]),
        (SecurityContext(add_capabilities=["CAP_NET_RAW"]), ["CAP_NET_RAW"], []),
    ],
)
def test_raw_sockets_are_dropped_unless_they_are_added(context: Any, added: list[str], dropped: list[str]):
    """Every container is created without CAP_NET_RAW, unless its context adds it."""
    sent: Any = wire.security_context(context)
    capabilities = sent.get("capabilities", {})
    assert (capabilities.get("addCapabilities", []), capabilities.get("dropCapabilities", [])) == (added, dropped)
    body: Any = compose(DeploymentSpec("shop"), evolve(WEB, container_security_context=context), replica=0).body[
        "containers"
    ]
    assert body[0]["securityContext"] == sent


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_restricted(name: str):
    """Each preset runs as a user of its own who is not root, without capabilities."""
    context = find_preset(name)().security_context
    assert context.run_as_user
    assert context.is_non_root_user_check_enabled
    assert context.drop_capabilities == ("ALL",)
    assert context.is_root_file_system_readonly or name == "management_agent"


def test_grafana_sends_nothing_to_others():
    """News, avatars, external snapshots, feedback, update checks and the installation of plugins are off."""
    variables = SidecarSpec.grafana().environment_variables
    off = {name for name, value in variables.items() if value == "false"}
    assert {
        "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED",
        "GF_ANALYTICS_REPORTING_ENABLED",
    } <= off
    assert variables["GF_SECURITY_DISABLE_GRAVATAR"] == "true"


def test_grafana_takes_a_certificate():
    """With certificate and key Grafana speaks HTTPS, its cookies are secure, and the key is a mounted file."""
    sidecar = SidecarSpec.grafana(certificate="-----BEGIN CERTIFICATE-----", private_key=KEY, version="3")
    variables = sidecar.environment_variables
    assert variables["GF_SERVER_PROTOCOL"] == "https"
    assert variables["GF_SECURITY_COOKIE_SECURE"] == "true"
    volume: Any = sidecar.mounts["/etc/grafana-secret"].volume
    assert volume.files["tls.key"] == KEY
    assert volume.secret_version == "3"
    assert {variables["GF_SERVER_CERT_FILE"], variables["GF_SERVER_CERT_KEY"]} == {
        f"/etc/grafana-secret/{name}" for name in ("tls.crt", "tls.key")
    }
    assert sidecar.scrape == ()
    assert [check.kind for check in sidecar.health_checks] == ["tcp"]
    assert problems_of(WEB.with_sidecar(sidecar)) == []


def test_prometheus_takes_a_certificate_and_users():
    """A web configuration holds the paths of certificate and key, and hashes of passwords."""
    plain = SidecarSpec.prometheus()
    assert not any(argument.startswith("--web.config.file") for argument in plain.arguments)
    sidecar = SidecarSpec.prometheus(
        certificate="-----BEGIN CERTIFICATE-----", private_key=KEY, users={"ops": HASH}, version="2"
    )
    assert "--web.config.file=/etc/prometheus-web/web.yml" in sidecar.arguments
    volume: Any = sidecar.mounts["/etc/prometheus-web"].volume
    assert volume.files["tls.key"] == KEY
    assert volume.secret_version == "2"
    assert HASH.encode() in volume.files["web.yml"]
    assert b'"key_file": "/etc/prometheus-web/tls.key"' in volume.files["web.yml"]
    assert sidecar.scrape == ()
    assert [check.kind for check in sidecar.health_checks] == ["tcp"]
    spec = DeploymentSpec("shop", [WEB.with_sidecar(sidecar)])
    assert validate(spec) == ()
    assert HASH not in repr(spec)
    assert any("cannot read its targets" in warning for warning in spec_warnings(spec))
    read = SidecarSpec.grafana(prometheus_url=HTTPS, prometheus_user="ops", prometheus_password=KEY)
    spec = DeploymentSpec("shop", [WEB.with_sidecar(sidecar).with_sidecar(read)])
    assert validate(spec, accepts_symbolic_images=True) == ()
    assert not any("cannot read its targets" in warning for warning in spec_warnings(spec))


def test_grafana_reads_a_protected_prometheus():
    """The password is a mounted file and no variable; the user's name and the URL are variables."""
    sidecar = SidecarSpec.grafana(prometheus_url=HTTPS, prometheus_user="ops", prometheus_password=KEY, version="4")
    volume: Any = sidecar.mounts["/etc/grafana-secret"].volume
    assert volume.files == {"prometheus_password": KEY}
    assert volume.secret_version == "4"
    assert sidecar.environment_variables["OCISIDECAR_PROMETHEUS_USER"] == "ops"
    assert sidecar.environment_variables["OCISIDECAR_PROMETHEUS_URL"] == HTTPS
    assert KEY.secret_id not in str(sidecar.environment_variables)
    plain = SidecarSpec.grafana().environment_variables
    assert not any(name.startswith("OCISIDECAR_PROMETHEUS") for name in plain)


USERS = SidecarSpec.prometheus(users={"ops": HASH})
TLS = SidecarSpec.prometheus(certificate="-----BEGIN CERTIFICATE-----", private_key=KEY)
AGENT = SidecarSpec.management_agent(response_file=KEY)


@pytest.mark.parametrize(
    ("prometheus", "reader", "words"),
    [
        (USERS, SidecarSpec.grafana(), "asks for a password: give prometheus_user, one of ops"),
        (USERS, SidecarSpec.grafana(prometheus_user="eve", prometheus_password=KEY), "is none of the users"),
        (
            USERS,
            SidecarSpec.grafana(prometheus_url=HTTPS, prometheus_user="ops", prometheus_password=KEY),
            "give prometheus_url='http://127.0.0.1:9090'",
        ),
        (TLS, SidecarSpec.grafana(), "give prometheus_url='https://127.0.0.1:9090'"),
        (TLS, AGENT, "cannot read prometheus, which asks for HTTPS: Oracle's scraper takes plain http"),
        (USERS, AGENT, "which asks for a password: "),
        (USERS, SidecarSpec.management_agent(data_source="api"), "which asks for a password: "),
        (USERS, SidecarSpec.grafana(prometheus_user="ops", prometheus_password=KEY), ""),
        (TLS, SidecarSpec.grafana(prometheus_url=HTTPS), ""),
        (USERS, SidecarSpec.grafana(prometheus_url="https://metrics.example.com"), ""),
        (USERS, SidecarSpec.management_agent(response_file=KEY, scrape_url="http://127.0.0.1:9100/metrics"), ""),
        (SidecarSpec.prometheus(), AGENT, ""),
        (SidecarSpec.prometheus(), SidecarSpec.grafana(), ""),
    ],
)
def test_what_cannot_read_prometheus_is_refused(prometheus: SidecarSpec, reader: SidecarSpec, words: str):
    """A reader without the user or the scheme that Prometheus asks for is refused with what to write instead."""
    found = problems_of(WEB.with_sidecar(prometheus).with_sidecar(reader))
    assert len(found) == bool(words)
    assert all(words in one for one in found)
    if reader is AGENT and words:
        assert "http://127.0.0.1:9100/metrics" in found[0]


@pytest.mark.parametrize(
    ("sidecar", "problem"),
    [
        (SidecarSpec.grafana(prometheus_user="ops"), "give both, or neither"),
        (SidecarSpec.grafana(prometheus_password=KEY), "give both, or neither"),
        (SidecarSpec.grafana(prometheus_user="a:b", prometheus_password=KEY), "must have no colon"),
        (SidecarSpec.grafana(prometheus_url="127.0.0.1:9090"), "must be http://host:port"),
        (SidecarSpec.grafana(prometheus_url="http://u:hunter2@127.0.0.1:9090"), "must be http://host:port"),
        (
            SidecarSpec.grafana(
                prometheus_url="http://10.0.0.5:9090", prometheus_user="ops", prometheus_password=KEY
            ),
            "would be sent unencrypted to http://10.0.0.5:9090",
        ),
        (SidecarSpec.prometheus(users={"a:b": HASH}), "users: a name must have no colon"),
    ],
)
def test_what_a_data_source_cannot_be_is_refused(sidecar: SidecarSpec, problem: str):
    """Half a pair, a user that no request can name, and a password over plain HTTP are refused."""
    found = problems_of(WEB.with_sidecar(sidecar))
    assert any(problem in one for one in found)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("sidecar", "problem"),
    [
        (SidecarSpec.prometheus(certificate="x"), "give both, or neither"),
        (SidecarSpec.prometheus(private_key=KEY), "give both, or neither"),
        (SidecarSpec.grafana(certificate="x"), "give both, or neither"),
        (SidecarSpec.prometheus(users={"ops": "hunter2"}), "must be the bcrypt hash of a password"),
    ],
)
def test_half_a_pair_and_a_password_are_refused(sidecar: SidecarSpec, problem: str):
    """A certificate needs its key; a password where its hash belongs is refused and not shown."""
    (found,) = problems_of(WEB.with_sidecar(sidecar))
    assert problem in found
    assert "hunter2" not in found


def test_no_page_reads_prometheus():
    """Prometheus refuses scripts of foreign pages, which a browser with a forwarded port could run."""
    (origin,) = [one for one in SidecarSpec.prometheus().arguments if one.startswith("--web.cors.origin=")]
    assert origin == "--web.cors.origin=none"


def test_the_nginx_exporter_checks_certificates():
    """An https address is read with a check of the certificate, which the exporter leaves out by default."""
    assert "--nginx.ssl-verify" in SidecarSpec.nginx_exporter(scrape_uri="https://nginx/status").arguments
    assert "--nginx.ssl-verify" not in SidecarSpec.nginx_exporter().arguments


@pytest.mark.parametrize(
    ("sources", "network", "is_refused"),
    [
        (["vcn"], None, False),
        (["10.0.0.0/24"], None, False),
        (["0.0.0.0/0"], None, True),
        (["0.0.0.0/1", "128.0.0.0/1"], None, True),
        (["vcn", "203.0.113.7/32"], None, True),
        (["192.168.0.0/16"], None, True),
        (["192.168.0.0/16"], NetworkSpec.existing("ocid1.subnet.oc1.fra.a"), False),
        (["8.0.0.0/8"], NetworkSpec.existing("ocid1.subnet.oc1.fra.a"), True),
    ],
)
def test_a_grafana_without_a_password_is_for_the_vcn(sources: list[str], network: Any, is_refused: Any):
    """Sources outside the VCN are refused for a Grafana that everyone may view, not for one with a password."""
    port = Port(3000, sources=sources)
    opened = evolve(WEB, ports=[port]).with_sidecar(SidecarSpec.grafana())
    found = [problem for problem in problems_of(opened, network) if "everyone may view" in problem]
    assert bool(found) == is_refused
    secured = evolve(WEB, ports=[port]).with_sidecar(SidecarSpec.grafana(admin_password=KEY))
    assert problems_of(secured, network) == []


@pytest.mark.parametrize(
    ("tag", "is_moving"),
    [
        (":main", True),
        (":stable", True),
        (":edge", True),
        (":latest", True),
        ("", True),
        (":1.27", False),
        (":v3", False),
        (":stable@sha256:" + "0" * 64, False),
    ],
)
def test_tags_that_move_are_named(tag: str, is_moving: Any):
    """A tag without a number can mean another image tomorrow, and the plan says so."""
    spec = DeploymentSpec("shop", [evolve(WEB, image_url=f"docker.io/acme/web{tag}")])
    assert any("pin a version" in warning for warning in spec_warnings(spec)) == is_moving


def test_spec_files_take_certificates_and_users(tmp_path: Any):
    """The arguments of the presets are keys of a spec file."""
    (tmp_path / "tls.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "web.yaml").write_text(
        f"""
name: web
image_url: docker.io/acme/web:1.4
sidecars:
- preset: prometheus
  certificate: {{file: tls.crt}}
  private_key: {{secret: {KEY.secret_id}}}
  users: {{ops: {HASH.replace("$", "$$")}}}
- preset: grafana
  image_url: docker.io/acme/grafana:1
  certificate: {{file: tls.crt}}
  private_key: {{secret: {KEY.secret_id}}}
  prometheus_url: https://127.0.0.1:9090
  prometheus_user: ops
  prometheus_password: {{secret: {KEY.secret_id}}}
"""
    )
    spec = load_spec(tmp_path / "web.yaml")
    assert validate(spec) == ()
    prometheus, grafana = spec.instances[0].sidecars
    assert prometheus.mounts["/etc/prometheus-web"].volume.files["tls.key"] == KEY
    assert grafana.mounts["/etc/grafana-secret"].volume.files["tls.crt"] == b"-----BEGIN CERTIFICATE-----\n"
