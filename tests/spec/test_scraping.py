"""Scrape targets: credentials, certificates, times and relabelling, in generated configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocisidecar.spec import DeploymentSpec, InstanceSpec, PrometheusConfig, RelabelRule, ScrapeTarget, SidecarSpec
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.volume import VolumeSpec

PASSWORD = SecretRef("ocid1.vaultsecret.oc1.fra.password")
TOKEN = SecretRef("ocid1.vaultsecret.oc1.fra.token", version=3)
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
TARGETS = (
    ScrapeTarget(8443, scheme="https", username="ops", password=PASSWORD, certificate_authority=CA,
                 server_name="web.internal"),
    ScrapeTarget(8444, scheme="https", bearer_token=TOKEN, skip_verification=True),
    ScrapeTarget(8080, interval_in_seconds=60, timeout_in_seconds=30, keep_metrics=["http_.*", "up_[0-9]+"],
                 drop_metrics=["http_debug_.*"],
                 metric_relabel=[RelabelRule(action="labeldrop", regex="path"),
                                 RelabelRule(source_labels=["a", "b"], target_label="c", separator="-")]),
)  # fmt: skip


def web(*targets: ScrapeTarget, **arguments: Any) -> DeploymentSpec:
    instance = InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8, scrape=targets)
    return DeploymentSpec("shop", [instance.with_sidecar(SidecarSpec.prometheus(**arguments))])


def jobs(*targets: ScrapeTarget) -> list[dict[str, Any]]:
    text = PrometheusConfig().render([("web", target) for target in targets], labels={})
    found: list[dict[str, Any]] = json.loads(text)["scrape_configs"]
    return found


def problems(spec: DeploymentSpec) -> dict[str, str]:
    return {problem.path.removeprefix('instances["web"].'): problem.message for problem in validate(spec)}


def test_credentials_are_files():
    """The configuration names a file for each secret, and holds neither the secret nor its OCID."""
    text = PrometheusConfig().render([("web", target) for target in TARGETS], labels={})
    assert "ocid1" not in text
    first, second, _ = jobs(*TARGETS)
    assert first["scheme"] == "https"
    assert first["basic_auth"] == {"username": "ops", "password_file": "ocisidecar/web.password"}
    assert first["tls_config"] == {"ca_file": "ocisidecar/web.ca.crt", "server_name": "web.internal"}
    assert second["authorization"] == {"type": "Bearer", "credentials_file": "ocisidecar/web-2.token"}
    assert second["tls_config"] == {"insecure_skip_verify": True}


def test_every_named_file_is_in_the_volume():
    """The files are beside the configuration, wherever in the volume that is."""
    volume = VolumeSpec.config_file("c", {"a/prometheus.yml": PrometheusConfig(), "b.yml": "x"})
    files = volume.files_with([("web", target) for target in TARGETS])
    assert {name: one for name, one in files.items() if name not in volume.files} == {
        "a/ocisidecar/web.password": PASSWORD,
        "a/ocisidecar/web.ca.crt": CA.encode(),
        "a/ocisidecar/web-2.token": TOKEN,
    }


def test_times_and_names_are_of_the_target():
    """Interval, timeout and relabelling are those of their job, the lists before the rules."""
    job = jobs(*TARGETS)[2]
    assert (job["scrape_interval"], job["scrape_timeout"]) == ("60s", "30s")
    assert job["metric_relabel_configs"] == [
        {"source_labels": ["__name__"], "regex": "(?:http_.*)|(?:up_[0-9]+)", "action": "keep"},
        {"source_labels": ["__name__"], "regex": "(?:http_debug_.*)", "action": "drop"},
        {"action": "labeldrop", "regex": "path"},
        {"action": "replace", "source_labels": ["a", "b"], "target_label": "c", "separator": "-"},
    ]


def test_what_fits_together_is_valid():
    """The targets above have no problem, and their configuration passes the check of prometheus.yml."""
    assert problems(web(*TARGETS)) == {}
    text = PrometheusConfig().render([("web", one) for one in (TARGETS[1], TARGETS[2])], labels={})
    found = problems(web(config=text))
    assert ["no file 'ocisidecar/web.token'" in message for message in found.values()] == [True]


@pytest.mark.parametrize(
    ("target", "field", "words"),
    [
        (ScrapeTarget(80, username="a"), "password", "together with username"),
        (ScrapeTarget(80, password=PASSWORD), "username", "together with password"),
        (ScrapeTarget(80, username="a:b", password=PASSWORD), "username", "without a colon"),
        (
            ScrapeTarget(80, username="a", password=PASSWORD, bearer_token=TOKEN),
            "bearer_token",
            "one Authorization",
        ),
        (ScrapeTarget(80, server_name="a.b"), "server_name", "use https"),
        (ScrapeTarget(80, certificate_authority=CA), "certificate_authority", "use https"),
        (ScrapeTarget(80, skip_verification=True), "skip_verification", "use https"),
        (
            ScrapeTarget(80, scheme="https", skip_verification=True, server_name="a"),
            "skip_verification",
            "would be verified",
        ),
        (ScrapeTarget(80, scheme="https", certificate_authority="x"), "certificate_authority", "in PEM form"),
        (ScrapeTarget(80, scheme="ftp"), "scheme", "'http', 'https'"),  # type: ignore[arg-type]
        (ScrapeTarget(80, interval_in_seconds=0), "interval_in_seconds", "1 to 3600 s"),
        (
            ScrapeTarget(80, interval_in_seconds=5, timeout_in_seconds=6),
            "timeout_in_seconds",
            "the interval, 5 s, got 6",
        ),
        (ScrapeTarget(80, timeout_in_seconds=16), "timeout_in_seconds", "the interval, 15 s, got 16"),
        (ScrapeTarget(80, keep_metrics=["a", "("]), "keep_metrics[1]", "has a ( without a )"),
        (ScrapeTarget(80, drop_metrics=[""]), "drop_metrics[0]", "is empty"),
        (
            ScrapeTarget(80, metric_relabel=[RelabelRule(regex="a")]),
            "metric_relabel[0].action",
            "the action replace needs a target_label",
        ),
        (
            ScrapeTarget(80, metric_relabel=[RelabelRule(action="drop", regex="a{2000}")]),
            "metric_relabel[0].regex",
            "repeats wrongly",
        ),
    ],
)
def test_contradictions_are_refused(target: ScrapeTarget, field: str, words: str):
    """Each contradiction has the path of its field and says what to do."""
    found = problems(web(target))
    assert list(found) == [f"scrape[0].{field}"]
    assert words in found[f"scrape[0].{field}"]


def test_a_password_is_never_shown():
    """A password in clear text is refused, and neither the message nor the repr has it."""
    target = ScrapeTarget(80, username="ops", password="hunter2")  # type: ignore[arg-type]
    (message,) = problems(web(target)).values()
    assert "must be a SecretRef" in message
    assert "hunter2" not in message + repr(target)
    assert "ocid1.vaultsecret.oc1.fra.password" in repr(TARGETS[0])


def test_a_longer_interval_allows_a_longer_timeout():
    """The interval of the generated configuration bounds timeouts of targets without their own."""
    assert problems(web(ScrapeTarget(80, timeout_in_seconds=50), scrape_interval_in_seconds=60)) == {}


def test_spec_files_have_all_fields(tmp_path: Path):
    """A YAML file says the same as Python, and a dump of it loads as an equal spec."""
    (tmp_path / "web.yaml").write_text(
        "name: web\nimage_url: docker.io/acme/web:1.4\nmemory_in_gbs: 8\nscrape:\n"
        "- port: 8443\n  scheme: https\n  username: ops\n"
        "  password: {secret: ocid1.vaultsecret.oc1.fra.password}\n  server_name: web.internal\n"
        "- {port: 8444, scheme: https, bearer_token: {secret: {secret_id: ocid1.vaultsecret.oc1.fra.token, "
        "version: 3}}, skip_verification: true}\n"
        "- port: 8080\n  interval_in_seconds: 60\n  keep_metrics: ['http_.*']\n"
        "  metric_relabel: [{action: labeldrop, regex: path}]\n"
        "sidecars: [prometheus]\n"
    )
    spec = load_spec(tmp_path / "web.yaml")
    (instance,) = spec.instances
    assert instance.scrape[0].password == PASSWORD
    assert instance.scrape[1] == TARGETS[1]
    assert instance.scrape[2].metric_relabel == (RelabelRule(action="labeldrop", regex="path"),)
    assert validate(spec) == ()
    assert load_spec(dump_spec(web(*TARGETS))) == web(*TARGETS)


def test_a_misspelt_key_is_refused(tmp_path: Path):
    """An unknown key of a target has its path and the key that was meant."""
    (tmp_path / "web.yaml").write_text(
        "name: web\nimage_url: a/web:1\nscrape: {port: 80, interval_in_second: 5}\nsidecars: [prometheus]\n"
    )
    with pytest.raises(Exception, match=r"scrape.*interval_in_second.*did you mean 'interval_in_seconds'"):
        load_spec(tmp_path / "web.yaml")
