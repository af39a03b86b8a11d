"""Remote writes of a real Prometheus to systems that take samples, refuse them, or fail."""

from __future__ import annotations

import pytest

from ocisidecar import InstanceSpec, Provisioner, SidecarSpec
from ocisidecar.verify.report import Status

RECEIVER = """
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""
"""Answers with the status at the beginning of the path."""

KEY = "container-instance/{}-0/prometheus"


def url(status: int) -> str:
    return f"http://127.0.0.1:8080/{status}/write"


@pytest.fixture(scope="module")
def verified(engine, images, standins):
    """A function that deploys an app which receives with some statuses, and returns check and diagnosis."""
    assert engine.owned_objects() == ()
    with Provisioner.local(containers="docker", images={**images, "web:dev": standins["python"]}) as provisioner:

        def verify(name, *statuses):
            spec = InstanceSpec(name, image_url="web:dev", command=["python3", "-c", RECEIVER], ports=[9090])
            prometheus = SidecarSpec.prometheus(
                scrape_interval_in_seconds=1, remote_write=[url(one) for one in statuses]
            )
            deployment = provisioner.apply(spec.with_sidecar(prometheus))
            report = deployment.verify(telemetry_timeout_seconds=90)
            (check,) = [one for one in report.checks if one.name == "remote-write"]
            assert check.key == KEY.format(name)
            return check, deployment.diagnose()

        yield verify


def test_a_system_that_takes_samples_passes(verified):
    """A remote write that is answered with success passes with the URL, and there is nothing to diagnose."""
    check, diagnosis = verified("taken", 204)
    assert (check.status, f"{url(204)}: takes them" in check.detail) == (Status.PASSED, True), check
    assert diagnosis.findings == ()


def test_systems_that_refuse_and_fail_are_told_apart(verified):
    """A 401 is a refusal and a 500 a failure that may pass; both fail, beside a system that takes samples."""
    check, diagnosis = verified("refused", 204, 401, 500)
    assert check.status is Status.FAILED
    said = dict(part.split(": ", 1) for part in check.detail.split("; "))
    assert said[url(204)].startswith("takes them")
    assert said[url(401)].startswith("refuses every sample")
    assert said[url(500)].startswith("takes nothing: it fails or does not answer")
    evidence = {one.cause: one.evidence for one in diagnosis.findings}
    assert evidence["remote-write-refused"] == (f"{url(401)}: server returned HTTP status 401 Unauthorized",)
