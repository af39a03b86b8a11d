"""Rules of Prometheus as values of a spec: the file that they become, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ocisidecar.spec import (
    AlertingRule,
    DeploymentSpec,
    InstanceSpec,
    PrometheusConfig,
    RecordingRule,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import validate
from tests.spec.prometheus_files import BAD_RULES, GOOD_RULES

RULES = (
    RecordingRule("job:http_requests:rate5m", "sum by (job) (rate(http_requests_total[5m]))",
                  labels={"team": "shop"}),
    AlertingRule("Down", "up == 0", for_in_seconds=60, keep_firing_for_in_seconds=120, labels={"severity": "page"},
                 annotations={"summary": "{{ $labels.container }} is down"}),
)  # fmt: skip
OWN = "groups: [{name: a, rules: [{record: a, expr: '1'}]}]\n"


def web(**arguments: Any) -> DeploymentSpec:
    instance = InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8)
    return DeploymentSpec("shop", [instance.with_sidecar(SidecarSpec.prometheus(**arguments))])


def problems(spec: DeploymentSpec) -> dict[str, str]:
    place = 'instances["web"].sidecars["prometheus"].mounts["/etc/prometheus"].volume.files["prometheus.yml"].'
    return {problem.path.removeprefix(place): problem.message for problem in validate(spec)}


def test_rules_are_a_file_beside_the_configuration():
    """The configuration names the file, which holds all rules in one group and in their order."""
    config = PrometheusConfig(rules=RULES, rule_files=["own.yml"], scrape_interval_in_seconds=30)
    document = json.loads(config.render([], labels={}))
    assert document["rule_files"] == ["ocisidecar/rules.yml", "own.yml"]
    assert document["global"]["evaluation_interval"] == "30s"
    content = config.files([])["ocisidecar/rules.yml"]
    assert isinstance(content, bytes)
    assert json.loads(content) == {
        "groups": [
            {
                "name": "ocisidecar",
                "rules": [
                    {
                        "record": "job:http_requests:rate5m",
                        "expr": "sum by (job) (rate(http_requests_total[5m]))",
                        "labels": {"team": "shop"},
                    },
                    {
                        "alert": "Down",
                        "expr": "up == 0",
                        "for": "60s",
                        "keep_firing_for": "120s",
                        "labels": {"severity": "page"},
                        "annotations": {"summary": "{{ $labels.container }} is down"},
                    },
                ],
            }
        ]
    }


def test_without_rules_nothing_changes():
    """A configuration without rules names no file and is as before."""
    document = json.loads(PrometheusConfig().render([], labels={}))
    assert document == {"global": {"scrape_interval": "15s", "external_labels": {}}, "scrape_configs": []}
    assert PrometheusConfig().files([]) == {}


def test_alertmanagers_are_told():
    """Alerts go to every Alertmanager of the instance."""
    document = json.loads(PrometheusConfig().render([], labels={}, alertmanager_ports=["9093"]))
    assert document["alerting"] == {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]}


def test_what_fits_together_is_valid():
    """Rules as values beside rule files have no problem."""
    assert problems(web(rules=RULES, rule_files={"own.yml": OWN})) == {}


@pytest.mark.parametrize(
    ("rule", "field", "words"),
    [
        (RecordingRule("a-b", "1"), "record", "a metric name, got 'a-b'"),
        (RecordingRule("a", " "), "expr", "an expression of PromQL"),
        (RecordingRule("a", "1", labels={"a-b": "x"}), 'labels["a-b"]', "a label name"),
        (AlertingRule("", "up"), "alert", "1 to 255 characters"),
        (AlertingRule("a", ""), "expr", "an expression of PromQL"),
        (AlertingRule("a", "up", for_in_seconds=-1), "for_in_seconds", "at least 0 s, got -1"),
        (AlertingRule("a", "up", for_in_seconds="5m"), "for_in_seconds", "a whole number"),  # type: ignore[arg-type]
        (AlertingRule("a", "up", annotations={"s": "{{ $value"}), 'annotations["s"]', "close each {{"),
    ],
)
def test_wrong_rules_are_refused(rule: Any, field: str, words: str):
    """Each fault has the path of its rule and field, also where several are wrong."""
    found = problems(web(rules=[RULES[0], rule, RecordingRule("?", "1")]))
    assert list(found) == [f"rules[1].{field}", "rules[2].record"]
    assert words in found[f"rules[1].{field}"]


def test_spec_files_tell_them_apart(tmp_path: Path):
    """In YAML a rule with `alert` is an alerting one, and a dump loads as an equal spec."""
    (tmp_path / "web.yaml").write_text(
        "name: web\nimage_url: docker.io/acme/web:1.4\nmemory_in_gbs: 8\n"
        "sidecars:\n- preset: prometheus\n  rules:\n"
        "  - {record: 'a:b', expr: sum(up)}\n"
        "  - alert: Down\n    expr: up == 0\n    for_in_seconds: 60\n    labels: {severity: page}\n"
    )
    spec = load_spec(tmp_path / "web.yaml")
    sidecar = spec.instances[0].sidecars[0]
    wanted = SidecarSpec.prometheus(
        rules=[
            RecordingRule("a:b", "sum(up)"),
            AlertingRule("Down", "up == 0", for_in_seconds=60, labels={"severity": "page"}),
        ]
    )
    assert sidecar == wanted
    assert validate(spec) == ()
    assert load_spec(dump_spec(web(rules=RULES))) == web(rules=RULES)


@pytest.mark.parametrize("rule", ["{alert: a, exp: up}", "{rekord: a, expr: up}", "up == 0"])
def test_misspelt_rules_are_refused(rule: str, tmp_path: Path):
    """An unknown key of a rule, or a text in place of one, is refused with its path."""
    (tmp_path / "web.yaml").write_text(
        f"name: web\nimage_url: a/web:1\nsidecars:\n- preset: prometheus\n  rules: [{rule}]\n"
    )
    with pytest.raises(Exception, match=r"rules\[0\]"):
        load_spec(tmp_path / "web.yaml")


@pytest.mark.parametrize("name", GOOD_RULES)
def test_rule_files_that_prometheus_takes_pass(name: str):
    """A file with rules that Prometheus takes has no problem, beside a configuration of either kind."""
    assert problems(web(rule_files={"own.yml": GOOD_RULES[name]})) == {}
    assert problems(web(rule_files={"own.yml": GOOD_RULES[name]}, config="rule_files: [own.yml]\n")) == {}


@pytest.mark.parametrize("name", BAD_RULES)
def test_rule_files_that_prometheus_refuses_are_refused(name: str):
    """A file with rules that Prometheus refuses has one problem, which says what and where."""
    text, words = BAD_RULES[name]
    for config in (None, "rule_files: [own.yml]\n"):
        ((path, message),) = problems(web(rule_files={"own.yml": text}, config=config)).items()
        assert path.endswith('mounts["/etc/prometheus"].files["own.yml"]')
        assert words in message


def test_a_generated_configuration_names_existing_files_only():
    """A rule file that is not in the volume is refused."""
    volume = VolumeSpec.config_file(
        "prometheus-config", {"prometheus.yml": PrometheusConfig(rule_files=["own.yml"])}
    )
    plain = SidecarSpec.prometheus()
    sidecar = evolve(plain, mounts={**plain.mounts, "/etc/prometheus": volume})
    instance = InstanceSpec("web", image_url="docker.io/acme/web:1.4", memory_in_gbs=8, sidecars=[sidecar])
    (problem,) = validate(DeploymentSpec("shop", [instance]))
    assert "rule_files[0]: there is no file 'own.yml'" in problem.message
