"""The Prometheus image without a configuration of anybody's."""

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
    """Prometheus as the image starts it, on a read-only file system, beside a container that names a target."""
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
    """Return what Prometheus' API has for a path; None while it starts."""
    connection = HTTPConnection(pod.address, 9090, timeout=10)
    try:
        connection.request("GET", f"/api/v1/{path}")
        answer = connection.getresponse()
        return json.load(answer)["data"] if answer.status == HTTPStatus.OK else None
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_it_scrapes_itself_and_what_files_name(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """Its targets are itself and those of the shared volume's files, and none that might not be there."""

    def jobs() -> set[str]:
        found = ask(pod, "targets") or {"activeTargets": []}
        return {target["labels"]["job"] for target in found["activeTargets"]}

    eventually(lambda: jobs() == {"prometheus", "by-file"})


def test_its_data_fits_the_disk(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """It keeps at most 4 GB of samples, every 15 seconds, and cannot be ended or reloaded over HTTP."""
    eventually(lambda: ask(pod, "status/flags"))
    flags = ask(pod, "status/flags")
    assert flags["storage.tsdb.retention.size"] in {"4GB", "4GiB"}
    assert flags["web.enable-lifecycle"] == flags["web.enable-admin-api"] == "false"
    assert "scrape_interval: 15s" in ask(pod, "status/config")["yaml"]
