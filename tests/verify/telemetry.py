"""A deployment whose telemetry is checked, and an HTTP server that answers for its instance.

The emulator's containers are simulated, so the tests send what real ones would send: lines, samples, and responses
of app and Prometheus.  The tests with real containers are in tests/containers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ocisidecar import HealthCheck, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.verify.report import Check, Report

APP = InstanceSpec(
    "web", image_url="web:1", ports=[80, 9090], health_checks=[HealthCheck.http(80, path="/health")]
).with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
FULL = (
    APP.with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.log_forwarder())
    .with_sidecar(SidecarSpec.management_agent(response_file="key"))
)
INSTANCE = "container-instance/web-0"
FORWARDER = f"{INSTANCE}/log-forwarder"
AGENT = f"{INSTANCE}/management-agent"
JOBS = ("prometheus", "log-forwarder")


class Endpoint(ThreadingHTTPServer):
    """Answers for an instance: Prometheus at the paths of its API, a metrics forwarder at /metrics, else the app.

    `readings` are what Prometheus answers to an instant query; see `series`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.targets: object = {"data": {"activeTargets": [target(job) for job in JOBS]}}
        self.target_status = 200
        self.answer: object = None
        self.answer_status = 200
        self.queries: list[str] = []
        self.readings: list[dict[str, object]] = []
        self.own_metrics = ""
        self.asked: list[str] = []
        self.wrote: Callable[[str], object] = str
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        if self.path.startswith("/api/v1/query_range"):
            self.server.queries.append(self.path)
            self._send(self.server.answer_status, json.dumps(self.server.answer).encode())
            return
        if self.path.startswith("/api/v1/query?"):
            found = {"status": "success", "data": {"resultType": "matrix", "result": self.server.readings}}
            self._send(200, json.dumps(found).encode())
            return
        if self.path == "/metrics":
            self._send(200, self.server.own_metrics.encode())
            return
        is_prometheus = self.path.startswith("/api/v1/targets")
        if not is_prometheus:
            self.server.asked.append(self.path)
            self.server.wrote(f"GET {self.path}")
        targets = self.server.targets
        body = (targets if isinstance(targets, str) else json.dumps(targets)).encode() if is_prometheus else b"ok"
        self._send(self.server.target_status if is_prometheus else self.server.status, body)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Suppress the server's log."""


def target(job: str, health: str = "up", seconds: float = 0.002, error: str = "") -> dict[str, object]:
    return {
        "labels": {"job": job, "container": job, "instance": f"127.0.0.1:{len(job)}"},
        "health": health,
        "lastScrapeDuration": seconds,
        "lastError": error,
    }


def series(name: str, *values: float, begins_late: bool = False, **labels: str) -> dict[str, object]:
    """Return the values of a series in the last five minutes as Prometheus answers with them, 10 s apart.

    It begins with the window, or late in it.
    """
    end = 1_800_000_000
    start = end - 10 * (len(values) - 1) if begins_late else end - 300
    times = [start + number * (end - start) / max(1, len(values) - 1) for number in range(len(values))]
    pairs = [[time, str(value)] for time, value in zip(times, values, strict=True)]
    return {"metric": {"__name__": name, **labels}, "values": pairs}


def found(report: Report, name: str, key: str) -> Check:
    (check,) = [one for one in report.checks if (one.name, one.key) == (name, key)]
    return check


def verdicts(report: Report, name: str) -> dict[str, str]:
    return {one.key: one.status.value for one in report.checks if one.name == name}
