"""The Prometheus image with its own configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest

from ocisidecar.engine import Engine, RunningPod
from ocisidecar.spec.own_images import own_image
from tests.containers.bodies import body, shell

TARGETS = [{"targets": ["127.0.0.1:9090"], "labels": {"job": "by-file"}}]
WRITER = f"mkdir -p /metrics/targets && echo '{json.dumps(TARGETS)}' >/metrics/targets/app.json && sleep infinity"


@pytest.fixture(scope="module")
def pod(engine: Engine, images: Mapping[str, str]):
    """Prometheus on a read-only file system, beside a container that writes a file with a target."""
    metrics = {"volumeName": "metrics", "mountPath": "/metrics"}
    prometheus = {
        "displayName": "prometheus",
        "imageUrl": images[own_image("prometheus")],
        "volumeMounts": [metrics, {"volumeName": "data", "mountPath": "/prometheus"}],
        "securityContext": {"isRootFileSystemReadonly": True, "isNonRootUserCheckEnabled": True},
    }
    volumes = [{"name": name, "volumeType": "EMPTYDIR"} for name in ("metrics", "data")]
    details = body(prometheus, shell("writer", WRITER, volumeMounts=[metrics]), volumes=volumes)
    pod = engine.run_pod(details, name="prometheus-alone")
    try:
        yield pod
    finally:
        pod.close()


def ask(pod: RunningPod, path: str) -> Any:
    """Return the data of a path of Prometheus' API, or None while Prometheus starts."""
    connection = HTTPConnection(pod.address, 9090, timeout=10)
    try:
        connection.request("GET", f"/api/v1/{path}", headers={"Origin": "https://page.example"})
        answer = connection.getresponse()
        assert answer.headers["Access-Control-Allow-Origin"] is None, "any page may read it"
        return json.load(answer)["data"] if answer.status == HTTPStatus.OK else None
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_it_scrapes_itself_and_what_files_name(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """The targets are Prometheus itself and those of the shared volume's files, and no others."""

    def jobs() -> set[str]:
        found = ask(pod, "targets") or {"activeTargets": []}
        return {target["labels"]["job"] for target in found["activeTargets"]}

    eventually(lambda: jobs() == {"prometheus", "by-file"})


def test_its_data_fits_the_disk(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """Samples are taken every 15 s and bounded by 4 GB, and the lifecycle and admin APIs are disabled."""
    eventually(lambda: ask(pod, "status/flags"))
    flags = ask(pod, "status/flags")
    assert flags["storage.tsdb.retention.size"] in {"4GB", "4GiB"}
    assert flags["web.enable-lifecycle"] == flags["web.enable-admin-api"] == "false"
    assert "scrape_interval: 15s" in ask(pod, "status/config")["yaml"]
