"""An app that pushes OTLP to the metrics forwarder, without a Prometheus: `verify()` finds what it pushed."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec
from ocisidecar.verify.report import Status

APP = """
import http.client, json, time

while True:
    point = {"timeUnixNano": str(time.time_ns()), "asDouble": 7}
    metrics = [{"name": "orders.waiting", "gauge": {"dataPoints": [point]}}]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 9181, timeout=10)
        connection.request("POST", "/v1/metrics", body, {"content-type": "application/json"})
        connection.getresponse().read()
    except OSError as error:
        print(error, flush=True)
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def report(engine, images, standins):
    """What `verify()` reports of the deployment."""
    assert engine.owned_objects() == ()
    forwarder = SidecarSpec.metrics_forwarder(metric_namespace="pushed", interval_in_seconds=2)
    spec = InstanceSpec("web", image_url="web:dev", command=["python3", "-c", APP], ports=[9182])
    with Provisioner.local(containers="docker", images={**images, "web:dev": standins["python"]}) as provisioner:
        yield provisioner.apply(spec.with_sidecar(forwarder)).verify(telemetry_timeout_seconds=90)


@pytest.mark.parametrize(
    ("name", "words"), [("metrics-arrive", "orders.waiting in pushed"), ("metrics-queue", "1 of 200 streams")]
)
def test_the_forwarder_is_judged_by_what_apps_push(report, name, words):
    """The pushed metric is found in OCI Monitoring, and the queue is read at the forwarder's own port."""
    key = "container-instance/web-0/metrics-forwarder"
    (check,) = [one for one in report.checks if (one.name, one.key) == (name, key)]
    assert (check.status, words in check.detail) == (Status.PASSED, True), check
