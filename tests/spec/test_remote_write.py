"""Remote write to other systems: credentials as files, https, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocisidecar.spec import (
    DeploymentSpec,
    EgressSpec,
    InstanceSpec,
    NetworkSpec,
    PrometheusConfig,
    RemoteWrite,
    SidecarSpec,
)
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.secret import SecretRef
from ocisidecar.spec.validate.spec import validate

PASSWORD = SecretRef("ocid1.vaultsecret.oc1.fra.password")
KEY = SecretRef("ocid1.vaultsecret.oc1.fra.key")
HTTPS = "https://metrics.example.com/push"
RECEIVERS = (
    "https://plain.example.com/write",
    RemoteWrite(HTTPS, username="12345", password=PASSWORD,
                http_headers={"X-Scope-OrgID": "shop", "X-Api-Key": KEY},
                keep_metrics=["http_.*"], drop_metrics=["http_debug_.*"], max_shards=4, max_samples_per_send=1000),
    RemoteWrite("http://127.0.0.1:9009/push", bearer_token=KEY, capacity=5000),
)  # fmt: skip


def web(*receivers: Any, **arguments: Any) -> DeploymentSpec:
    instance = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", memory_in_gbs=8, **arguments)
    return DeploymentSpec("shop", [instance.with_sidecar(SidecarSpec.prometheus(remote_write=receivers))])


def problems(spec: DeploymentSpec) -> dict[str, str]:
    place = 'instances["web"].sidecars["prometheus"].mounts["/etc/prometheus"].volume.files["prometheus.yml"].'
    found: dict[str, str] = {}
    for problem in validate(spec):
        path = problem.path.removeprefix(place)
        found[path] = " | ".join(filter(None, (found.get(path), problem.message)))
    return found


def test_credentials_are_files():
    """Each receiver has its own files, and the configuration holds none of the secrets."""
    config = PrometheusConfig(remote_write=RECEIVERS)
    text = config.render([], labels={}, receive_ports=["9181"])
    assert "ocid1" not in text
    first, second, third, beside = json.loads(text)["remote_write"]
    assert first == {"url": "https://plain.example.com/write"}
    assert second == {
        "url": HTTPS,
        "basic_auth": {"username": "12345", "password_file": "ocisidecar/remote-write/2.password"},
        "http_headers": {
            "X-Api-Key": {"files": ["ocisidecar/remote-write/2.X-Api-Key"]},
            "X-Scope-OrgID": {"values": ["shop"]},
        },
        "queue_config": {"max_shards": 4, "max_samples_per_send": 1000},
        "write_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "(?:http_.*)", "action": "keep"},
            {"source_labels": ["__name__"], "regex": "(?:http_debug_.*)", "action": "drop"},
        ],
    }
    assert third["authorization"]["credentials_file"] == "ocisidecar/remote-write/3.token"
    assert beside["url"] == "http://127.0.0.1:9181/api/v1/write"
    assert config.files([]) == {
        "ocisidecar/remote-write/2.password": PASSWORD,
        "ocisidecar/remote-write/2.X-Api-Key": KEY,
        "ocisidecar/remote-write/3.token": KEY,
    }


def test_what_fits_together_is_valid():
    """The receivers above have no problem."""
    assert problems(web(*RECEIVERS)) == {}


@pytest.mark.parametrize(
    ("receiver", "field", "words"),
    [
        (RemoteWrite("ftp://a/b"), "url", "an http or https URL"),
        (RemoteWrite("https://u:x@a/b"), "url", "without user and password"),
        (RemoteWrite("http://10.0.0.5/w", username="u", password=PASSWORD), "url", "use https://10.0.0.5"),
        (RemoteWrite("http://10.0.0.5/w", http_headers={"X-Scope-OrgID": "a"}), "url", "can read"),
        (RemoteWrite("http://localhost.example.com/w", bearer_token=KEY), "url", "can read"),
        (RemoteWrite(HTTPS, username="u"), "password", "together with username"),
        (RemoteWrite(HTTPS, http_headers={"Authorization": "a"}), 'http_headers["Authorization"]', "bearer_token"),
        (RemoteWrite(HTTPS, http_headers={"a b": "x"}), 'http_headers["a b"]', "the name of a header"),
        (RemoteWrite(HTTPS, http_headers={"X-Api-Key": "k"}), 'http_headers["X-Api-Key"]', "give SecretRef"),
        (RemoteWrite(HTTPS, max_shards=0), "max_shards", "1 to 1000"),
        (RemoteWrite(HTTPS, keep_metrics=["("]), "keep_metrics[0]", "has a ( without a )"),
    ],
)
def test_wrong_receivers_are_refused(receiver: RemoteWrite, field: str, words: str):
    """Each fault has the path of its field and says what to do."""
    found = problems(web(HTTPS, receiver))
    assert f"remote_write[1].{field}" in found
    assert words in found[f"remote_write[1].{field}"]
    assert {path.partition("[")[0] for path in found} == {"remote_write"}


def test_narrowed_egress_must_let_it_out():
    """A receiver counts for egress like a plain URL."""
    (instance,) = web(RECEIVERS[1], egress=EgressSpec()).instances
    messages = problems(DeploymentSpec("shop", [instance], network=NetworkSpec.private())).values()
    assert "Prometheus writes to https://metrics.example.com/push: let tcp 443 out to its addresses" in " ".join(
        messages
    )


def test_spec_files_take_both_forms(tmp_path: Path):
    """In YAML a receiver is a URL or a mapping, and a dump loads as an equal spec."""
    (tmp_path / "web.yaml").write_text(
        "name: web\nimage_url: fra.ocir.io/acme/web:1.4\nmemory_in_gbs: 8\nsidecars:\n- preset: prometheus\n"
        "  remote_write:\n  - https://plain.example.com/write\n"
        "  - url: https://metrics.example.com/push\n    bearer_token: {secret: ocid1.vaultsecret.oc1.fra.key}\n"
        "    http_headers: {X-Scope-OrgID: shop, X-Api-Key: {secret: ocid1.vaultsecret.oc1.fra.key}}\n"
    )
    spec = load_spec(tmp_path / "web.yaml")
    wanted = RemoteWrite(HTTPS, bearer_token=KEY, http_headers={"X-Scope-OrgID": "shop", "X-Api-Key": KEY})
    assert spec.instances[0].sidecars[0] == SidecarSpec.prometheus(remote_write=[RECEIVERS[0], wanted])
    assert load_spec(dump_spec(web(*RECEIVERS))) == web(*RECEIVERS)
