"""A user's own prometheus.yml is checked before any call."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar import Mount
from ocisidecar.spec import DeploymentSpec, InstanceSpec, SecretRef, SidecarSpec, VolumeSpec
from ocisidecar.spec.files import load_spec
from ocisidecar.spec.scrape import PrometheusConfig, ScrapeTarget
from ocisidecar.spec.third_party_images import PROMETHEUS
from ocisidecar.spec.validate.prometheus_config import Version, config_faults
from ocisidecar.spec.validate.re2 import re2_problem
from ocisidecar.spec.validate.spec import validate
from tests.spec.prometheus_files import BAD, GOOD, JOB

WEB = InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8)
OLD = "quay.io/prometheus/prometheus:v3.5.0"
SECRET = SecretRef("ocid1.vaultsecret.oc1.fra.a")
RETENTION = "storage: {tsdb: {retention: {time: 1d, size: 2GB}}}\n"


def found(config: Any, image_url: str = PROMETHEUS.url, **files: Any) -> list[str]:
    """Return the problems of a spec whose Prometheus has this configuration."""
    sidecar = SidecarSpec.prometheus(config=config, image_url=image_url)
    if files:
        volume = VolumeSpec.config_file("prometheus-config", {"prometheus.yml": config, **files})
        sidecar = evolve(sidecar, mounts={**sidecar.mounts, "/etc/prometheus": volume})
    return [problem.message for problem in problems(sidecar)]


def problems(sidecar: SidecarSpec) -> list[Any]:
    return [*validate(DeploymentSpec("shop", [WEB.with_sidecar(sidecar)]))]


@pytest.mark.parametrize("name", GOOD)
def test_what_prometheus_takes_passes(name: str):
    """A configuration that Prometheus takes has no problem."""
    assert found(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_what_prometheus_refuses_is_refused(name: str):
    """A configuration that Prometheus refuses has one problem, which says what and where."""
    text, words = BAD[name]
    (message,) = found(text, OLD if name == "retention" else PROMETHEUS.url)
    assert words in message


def test_a_problem_has_the_path_of_the_file():
    """The path leads to the file in the spec, and the message to the line in the file."""
    (problem,) = problems(SidecarSpec.prometheus(config="global:\n  scrape_interval: x\n"))
    assert (
        problem.path == 'instances["web"].sidecars["prometheus"].mounts["/etc/prometheus"].files["prometheus.yml"]'
    )
    assert problem.message.startswith("line 2, column 3: global.scrape_interval: 'x' is no duration")


def test_all_faults_are_reported_at_once():
    """Every fault of a file is reported in one run."""
    text = "global: {scrape_interval: 1}\nscrape_confg: []\nrule_files: x\n"
    assert len(found(text)) == 3


def test_a_generated_configuration_passes():
    """What is generated from scrape targets has no fault."""
    assert found(PrometheusConfig()) == []
    rendered = PrometheusConfig(remote_write=["https://a/w"]).render(
        [("app", ScrapeTarget(80, parameters={"a": "b"}))], labels={"deployment": "shop"}
    )
    assert found(rendered) == []


def test_a_secret_is_not_judged():
    """A configuration in the vault is not known, and so not judged."""
    assert found(SECRET) == []


@pytest.mark.parametrize(
    ("reference", "is_there"),
    [
        ("/etc/prometheus/password", True),
        ("password", True),
        ("./password", True),
        ("/etc/prometheus/sub/token", True),
        ("/etc/prometheus/pasword", False),
        ("other", False),
        ("/prometheus/written-by-others", True),
        ("/run/elsewhere", True),
    ],
)
def test_files_must_be_in_the_volume_that_is_mounted_there(reference: str, *, is_there: bool):
    """A file below a config-file volume must be one of its files; what is elsewhere may come from anywhere."""
    text = f"scrape_configs:\n- job_name: a\n  basic_auth: {{username: u, password_file: {reference}}}\n"
    messages = found(text, password=SECRET, **{"sub/token": "x"})
    assert bool(messages) is not is_there
    assert all("line 3, column " in one and "there is no file" in one for one in messages)


def test_rule_files_must_exist():
    """A rule file without a pattern must be there, and what a pattern finds may be nothing."""
    assert found("rule_files: [rules.yml, 'more/*.yml']\n", **{"rules.yml": "groups: []\n"}) == []
    (message,) = found("rule_files: [rules.yml]\n", other="x")
    assert "rule_files[0]: there is no file 'rules.yml' in the volume that is mounted at /etc/prometheus" in message


def test_the_retention_depends_on_the_version():
    """The pinned version takes a retention in the file, and 3.5 does not."""
    assert found(RETENTION) == []
    assert found(RETENTION, OLD) != []
    assert found(RETENTION.replace("2GB", "2")) != []
    assert found(RETENTION.replace("1d", "1 day")) != []


def test_other_versions_may_know_more_keys():
    """For an image of another version only keys at the top are judged; before version 3 nothing is."""
    text = "global: {new_key: 1}\n"
    assert found(text) != []
    assert found(text, "fra.ocir.io/acme/prometheus:2027") == []
    assert found("new_key: 1\n", "fra.ocir.io/acme/prometheus:2027") != []
    assert found("new_key: 1\n", "quay.io/prometheus/prometheus:v2.55.1") == []


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--storage.tsdb.retention=5d", "use --storage.tsdb.retention.time"),
        ("--storage.tsdb.allow-overlapping-blocks", "leave it out"),
        ("--alertmanager.timeout=5s", "give timeout to alertmanagers"),
        ("--storage.tsdb.retention.time=5d", ""),
    ],
)
def test_flags_that_version_3_removed_are_refused(flag: str, words: str):
    """A flag that Prometheus 3 does not know is refused with what to use instead, and version 2 may have it."""
    plain = SidecarSpec.prometheus()
    sidecar = evolve(plain, arguments=[*plain.arguments, flag])
    assert [words in problem.message for problem in problems(sidecar)] == [True] * bool(words)
    assert problems(evolve(sidecar, image_url="quay.io/prometheus/prometheus:v2.55.1")) == []


def test_a_volume_of_the_instance_is_found():
    """A configuration in a volume that the instance declares, mounted in part, is checked too."""
    volume = VolumeSpec.config_file("configs", {"prometheus/prometheus.yml": "nonsense: 1\n"})
    plain = SidecarSpec.prometheus()
    mounts = {**plain.mounts, "/etc/prometheus": Mount("configs", sub_path="prometheus")}
    web = evolve(WEB, volumes=[volume]).with_sidecar(evolve(plain, mounts=mounts))
    (problem,) = validate(DeploymentSpec("shop", [web]))
    assert "nonsense: is no key of Prometheus" in problem.message


def test_bytes_of_any_encoding_are_read():
    """A file with a byte order mark is read, and bytes that are no text are refused."""
    assert found(JOB.encode("utf-16")) == []
    assert found(b"\xff\xfe\xff") == ["is no text"]


def test_a_spec_file_has_the_place_of_both(tmp_path: Any):
    """In a spec file the problem has the place of the sidecar, and the message that in prometheus.yml."""
    (tmp_path / "prometheus.yml").write_text("a: 1\n")
    (tmp_path / "web.yaml").write_text(
        "name: web\nimage_url: docker.io/acme/web:1.4\n"
        "sidecars:\n- preset: prometheus\n  config: {file: prometheus.yml}\n"
    )
    (problem,) = validate(load_spec(tmp_path / "web.yaml"))
    assert problem.place.startswith("line 3")
    assert problem.message.startswith("line 1, column 1: a: is no key")


def any_value():
    """Values as YAML may hold them, with Prometheus' keys where that leads further."""
    keys = st.sampled_from(
        [
            "global",
            "scrape_configs",
            "job_name",
            "relabel_configs",
            "regex",
            "action",
            "static_configs",
            "targets",
            "remote_write",
            "rule_files",
            "scrape_interval",
            "scrape_timeout",
            "fallback_scrape_protocol",
            "labels",
            "external_labels",
            "storage",
            "tsdb",
            "retention",
            "size",
            "time",
            "url",
            "name",
            "password_file",
            "files",
        ]
    )
    plain = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from("(*[\\{")
    )
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))


@given(any_value(), st.sampled_from([Version(is_known=True), Version(is_known=False, minor=5)]))
def test_whatever_a_file_holds_ends_in_faults(document: Any, version: Version):
    """Any document ends in faults, each with the steps to it."""
    for steps, message in config_faults(document, version):
        assert all(isinstance(step, str) for step in steps)
        assert message


@given(st.text(alphabet="ab()[]{}*+?|\\^:!<>=PQEi-,1 2", max_size=20))
def test_any_text_is_a_pattern_or_not(pattern: str):
    """Any text ends in a problem or none, and quoted it is always one."""
    assert isinstance(re2_problem(pattern), str)
    assert re2_problem(f"\\Q{pattern.replace(chr(92), '')}\\E") == ""


def test_the_tables_are_what_they_say():
    """Each good file is YAML, and each bad one differs from all good ones."""
    assert all(isinstance(yaml.safe_load(text), dict | None) for text in GOOD.values())
    assert not {text for text, _ in BAD.values()} & {*GOOD.values()}


@pytest.mark.parametrize("pattern", ["", "a|b", "(?:a)?", "a{2}b*?", r"\.\-\/", "^*a", "[^]a]", r"\12", "(?i-s:a)"])
def test_patterns_of_re2(pattern: str):
    """A pattern that RE2 takes has no problem."""
    assert re2_problem(pattern) == ""
