"""Specs in files: the forms of a document, and the errors of malformed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from ocisidecar.errors import SpecError
from ocisidecar.spec import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    LoggingSpec,
    Mount,
    NetworkSpec,
    Plain,
    Port,
    PrometheusConfig,
    ScrapeTarget,
    SecretRef,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import validate
from ocisidecar.wire import Key, Ref

USE_PRESET = "a preset is written `preset: log_forwarder`, with its arguments beside it"
FULL = """
name: shop
network: {private: {dns_label: shop}}
access: {deployment: {defined_tag: ops.deployment}}
logging: {of: platform}
alarms:
  - cpu_utilization: {threshold: 90, destinations: [{name: ops}]}
  - absence: {severity: ERROR, destinations: [{name: ops}, ocid1.stream.oc1.fra.a]}
  - {name: own, query: 'requests[1m].rate() > 5', namespace: web, destinations: [{name: ops}]}
instances:
  - name: web
    image_url: nginx:1.27
    ports: [80, {port: 443, sources: [0.0.0.0/0]}]
    environment_variables:
      MODE: fast
      TOKEN: {plain: known}
      LOG: {ref: log/app}
    volumes:
      - empty_dir: logs
      - config_file:
          name: settings
          files:
            app.toml: {file: app.toml}
            key: {secret: ocid1.vaultsecret.oc1.fra.a}
            pinned: {secret: {secret_id: ocid1.vaultsecret.oc1.fra.a, version: 2}}
            raw: {base64: /w==}
            text: |
              a = 1
            prometheus.yml: {prometheus: {scrape_interval_in_seconds: 30}}
    mounts: {/logs: logs, /settings: {volume: settings, sub_path: a}, /tmp: {empty_dir: scratch}}
    health_checks: [{tcp: 80}, {http: {port: 80, path: /health}}]
    scrape: 8081
    sidecars:
      - prometheus
      - preset: blackbox_exporter
        targets: [http://127.0.0.1/]
      - {name: extra, image_url: extra:1}
"""


def refusal(source: str | Path) -> list[str]:
    with pytest.raises(SpecError) as raised:
        load_spec(source)
    return [str(problem) for problem in raised.value.problems]


def test_a_document_in_all_its_forms(tmp_path: Path):
    """Forms, short forms, presets, contents and references load as the same specs that calls in Python make."""
    (tmp_path / "shop.yaml").write_text(FULL)
    (tmp_path / "app.toml").write_text("x = 1")
    web = InstanceSpec(
        "web",
        image_url="nginx:1.27",
        ports=[80, Port(443, sources=["0.0.0.0/0"])],
        environment_variables={"MODE": "fast", "TOKEN": Plain("known"), "LOG": Ref(Key("log", "app"))},
        volumes=[
            VolumeSpec.empty_dir("logs"),
            VolumeSpec.config_file(
                "settings",
                {
                    "app.toml": "x = 1",
                    "key": SecretRef("ocid1.vaultsecret.oc1.fra.a"),
                    "pinned": SecretRef("ocid1.vaultsecret.oc1.fra.a", version=2),
                    "raw": b"\xff",
                    "text": "a = 1\n",
                    "prometheus.yml": PrometheusConfig(scrape_interval_in_seconds=30),
                },
            ),
        ],
        mounts={
            "/logs": "logs",
            "/settings": Mount("settings", sub_path="a"),
            "/tmp": VolumeSpec.empty_dir("scratch"),
        },
        health_checks=[HealthCheck.tcp(80), HealthCheck.http(80, path="/health")],
        scrape=ScrapeTarget(8081),
        sidecars=[
            SidecarSpec.prometheus(),
            SidecarSpec.blackbox_exporter(targets=["http://127.0.0.1/"]),
            SidecarSpec("extra", image_url="extra:1"),
        ],
    )
    expected = DeploymentSpec(
        "shop",
        [web],
        network=NetworkSpec.private(dns_label="shop"),
        access=AccessSpec.deployment(defined_tag="ops.deployment"),
        logging=LoggingSpec.of("platform"),
        alarms=[
            AlarmSpec.cpu_utilization(90, destinations=[TopicSpec("ops")]),
            AlarmSpec.absence(severity="ERROR", destinations=[TopicSpec("ops"), "ocid1.stream.oc1.fra.a"]),
            AlarmSpec("own", query="requests[1m].rate() > 5", namespace="web", destinations=[TopicSpec("ops")]),
        ],
    )
    assert load_spec(tmp_path / "shop.yaml") == expected
    assert load_spec(str(tmp_path / "shop.yaml")) == expected
    assert load_spec(dump_spec(expected)) == expected


def test_an_instance_alone():
    """A document with an image is an instance, and so a deployment of its name."""
    text = '{"name": "web", "image_url": "nginx:1.27"}'
    assert load_spec(text) == DeploymentSpec("web", [InstanceSpec("web", image_url="nginx:1.27")])
    assert load_spec("name: web\nimage_url: nginx:1.27") == load_spec(text)


def test_json_files(tmp_path: Path):
    """A file that ends in .json is read as JSON, even where YAML would read it differently."""
    spec = DeploymentSpec("shop", freeform_tags={"a": "\x85\u2028\U0001f600\t"})
    path = tmp_path / "shop.json"
    path.write_text(dump_spec(spec, syntax="json"), encoding="utf-8")
    assert load_spec(path) == spec


def test_a_dump_holds_no_defaults():
    """A dump has only values that differ from their defaults, with names first and long texts as blocks."""
    web = InstanceSpec(
        "web",
        image_url="nginx:1.27",
        ports=[80],
        volumes=[VolumeSpec.config_file("c", {"x": "a\nb\n"})],
        mounts={"/c": "c"},
    )
    assert dump_spec(evolve(DeploymentSpec("shop", [web]), network=NetworkSpec.public())) == (
        "name: shop\n"
        "instances:\n"
        "- name: web\n"
        "  image_url: nginx:1.27\n"
        "  mounts:\n"
        "    /c: c\n"
        "  ports:\n"
        "  - 80\n"
        "  volumes:\n"
        "  - config_file:\n"
        "      name: c\n"
        "      files:\n"
        "        x: |\n"
        "          a\n"
        "          b\n"
        "network: public\n"
    )
    assert dump_spec(web) == dump_spec(DeploymentSpec("web", [web]))


def test_an_unreadable_file_is_left_to_validation(tmp_path: Path):
    """A path to a missing file loads, dumps as a path, and is a problem in validation."""
    volume = f"{{config_file: {{name: c, files: {{x: {{file: {tmp_path}/none}}}}}}}}"
    spec = load_spec(f"name: web\nimage_url: a:1\nvolumes: [{volume}]")
    assert f"file: {tmp_path}/none" in dump_spec(spec)
    assert [problem.path for problem in validate(spec)] == ['instances["web"].volumes["c"].files["x"]']


def test_wrong_types_are_left_to_validation():
    """Values of a wrong type load as they are, so that validation names them all with their range."""
    spec = load_spec(
        "name: shop\ninstances: [{name: web, image_url: a:1, ocpus: two, replicas: 1.5, ports:, command: run, "
        "environment_variables: [a], scrape: x, placement: 5, sidecars: [[1]]}]"
    )
    assert [problem.path.removeprefix('instances["web"].') for problem in validate(spec)] == [
        "command",
        "environment_variables",
        "scrape",
        "ocpus",
        "ports",
        "replicas",
        "sidecars[0]",
        "placement",
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "name: shop\ninstances: [{name: web, image_url: a:1}]\nrollout: {on_failure: roll_back}",
            ["rollout: unknown key here; it belongs to an instance, below instances"],
        ),
        ("name: shop\ninstnces: []", ["instnces: unknown key, did you mean 'instances'?"]),
        *(
            (f"name: web\nimage_url: a/b:1\nsidecars: [{written}]", [f"sidecars{path}; {USE_PRESET}"])
            for written, path in (
                ("{log_forwarder: {}}", "[0].log_forwarder: unknown key"),
                ("{type: log-forwarder}", "[0].type: unknown key"),
                ("{name: log-forwarder}", '["log-forwarder"].image_url: is missing'),
            )
        ),
        (
            "name: shop\nzzz: 1",
            [
                (
                    "zzz: unknown key; known are name, instances, network, access, logging, alarms, topic, "
                    "repositories, freeform_tags, defined_tags"
                )
            ],
        ),
        (
            (
                "name: web\nimage_url: a:1\nmemory_in_gb: 4\nport: 80\nsidecars: [promtheus, "
                "{preset: grafana, pasword: x}]"
            ),
            [
                "memory_in_gb: unknown key, did you mean 'memory_in_gbs'?",
                "port: unknown key, did you mean 'ports'?",
                "sidecars[0].preset: 'promtheus' is not known, did you mean 'prometheus'?",
                "sidecars[1].pasword: unknown key, did you mean 'admin_password'?",
            ],
        ),
        (
            "name: web\nimage_url: a:1\nsidecars: [{name: extra, image: b:1, health_checks: [{htp: 80}]}]",
            [
                "sidecars[\"extra\"].image: unknown key, did you mean 'image_url'?",
                'sidecars["extra"].image_url: is missing',
                "sidecars[\"extra\"].health_checks[0]: must be one of http, tcp, got htp, did you mean 'http'?",
            ],
        ),
        (
            "name: shop\nnetwork: privat\naccess: {of: x, y: 3}\nlogging: {of: {nme: x}}",
            [
                "network: must be one of private, public, existing, of, got privat, did you mean 'private'?",
                "access: must be one of deployment, of, existing, none, got of, y",
                "logging.of.nme: unknown key, did you mean 'name'?",
                "logging.of.name: is missing",
            ],
        ),
        (
            (
                "name: web\nimage_url: a:1\nmounts: {/a: {empty_dr: x}}\nsidecars: [{preset: prometheus, "
                "retention_size_in_gbs: big}]"
            ),
            [
                'mounts["/a"].empty_dr: unknown key; known are volume, is_read_only, sub_path, partition',
                'mounts["/a"].volume: is missing',
                "sidecars[0].retention_size_in_gbs: must be a whole number, got text",
            ],
        ),
        (
            (
                "name: web\nimage_url: a:1\nenvironment_variables: {A: {ref: log}}\n"
                "volumes: [{config_file: {name: c, "
                "files: {w: {base64: '²'}, x: {base64: '%'}, "
                "y: {secret: {id: z}}, z: {prometheus: {interval: 1}}}}}]"
            ),
            [
                "environment_variables[\"A\"].ref: must be <kind>/<name> such as log/app, got 'log'",
                (
                    'volumes[0].config_file.files["w"].base64: is not valid base64: '
                    "string argument should contain only ASCII characters"
                ),
                'volumes[0].config_file.files["x"].base64: is not valid base64: Only base64 data is allowed',
                'volumes[0].config_file.files["y"].secret.id: unknown key; known are secret_id, version',
                'volumes[0].config_file.files["y"].secret.secret_id: is missing',
                (
                    'volumes[0].config_file.files["z"].prometheus.interval: unknown key; known are '
                    "scrape_interval_in_seconds, remote_write, rules, rule_files"
                ),
            ],
        ),
        (
            "- a\n- b",
            [
                (
                    "must be a mapping, got a list: begin with `name: <deployment>` and `instances:`, or with the "
                    "name and the image_url of one instance"
                )
            ],
        ),
        ("a: b: c", ["line 1, column 5: mapping values are not allowed here"]),
        ("name: a\nname: b", ["line 2, column 1: duplicate key 'name': it is there twice"]),
        ("name: a\n[x]: b", ["line 2, column 1: found unhashable key"]),
        ("a: \x00", ["line 1, column 4: the character U+0000 is not allowed"]),
        (
            "a: !!python/name:os.system x",
            [
                (
                    "line 1, column 4: could not determine a constructor for the tag "
                    "'tag:yaml.org,2002:python/name:os.system'"
                )
            ],
        ),
        ('{"name": }', ["line 1, column 10: Expecting value"]),
        ('{"a": 1, "a": 2}', ["line 1, column 10: duplicate key 'a': it is there twice"]),
    ],
)
def test_refusals(text: str, problems: list[str]):
    """Malformed text and unknown keys are refused at loading, with their place and the nearest known key."""
    assert refusal(text) == problems


def test_files_that_cannot_be_read(tmp_path: Path):
    """A missing file and one that is not text are refused with the reason."""
    assert refusal(tmp_path / "none.yaml") == ["the file cannot be read: No such file or directory"]
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    assert refusal(tmp_path / "binary.yaml") == [
        "the file cannot be read: it is neither UTF-8 text nor UTF-16 text with a byte order mark"
    ]
    (tmp_path / "broken.yaml").write_text("a: [")
    (problem,) = refusal(tmp_path / "broken.yaml")
    assert problem.startswith("line 1, column 5: ")
