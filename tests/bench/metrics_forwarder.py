"""Measure the throughput of the metrics forwarder, beside Prometheus that does the same to a sink.

    python tests/bench/metrics_forwarder.py [REQUESTS]

Requests of 500 samples each, of 500 series with eight labels, are posted one after the other as remote write 1.0 to

    forwarder    the metrics forwarder: stored with fsync, increments, one datapoint per stream and minute, sent
                 to a sink that accepts everything
    prometheus   Prometheus as receiver, which stores them and writes them to a sink that does nothing; the program
                 is looked for on PATH

each pinned to one core, sender and sink on another.  Results are per CPU second, to be independent of the load.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from attrs import define, frozen

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.forwarder import OTHER, WORKER, _identity  # noqa: E402 - the path is known only now
from tests.metrics_forwarder.wire import VERSION_1, series, version_1, write_headers  # noqa: E402

SOURCES = ROOT / "docker" / "metrics-forwarder"
REQUESTS = 400
SERIES = 500
STEP_MS = 15_000
PATIENCE_SECONDS = 120
ANSWER = b'{"failedMetricsCount": 0, "failedMetrics": []}'


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        pass


@frozen
class Figures:
    """The measurements of one receiver."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float


@define
class Receiver:
    """A running receiver of remote writes."""

    process: subprocess.Popen[bytes]
    port: int

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def launch(command: list[str], environment: dict[str, str], port: int) -> Receiver:
    """Start a receiver on its core; returns when its port accepts connections."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {WORKER})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return Receiver(process, port)
    process.kill()
    raise TimeoutError(f"{command[0]} does not listen on {port}")


def forwarder(work: Path, sink_port: int) -> Receiver:
    """Start the metrics forwarder."""
    port = free_port()
    environment = {
        **_identity(work),
        "PYTHONPATH": f"{SOURCES}:{SOURCES.parent}",
        "OCISIDECAR_ENDPOINT": f"http://127.0.0.1:{sink_port}",
        "OCISIDECAR_COMPARTMENT_ID": "ocid1.compartment.oc1..a",
        "OCISIDECAR_METRIC_NAMESPACE": "bench",
        "OCISIDECAR_STATE_DIRECTORY": str(work / "volume"),
        "OCISIDECAR_RECEIVE_PORT": str(port),
        "OCISIDECAR_METRICS_PORT": "0",
        "OCISIDECAR_MAX_STREAMS": str(SERIES),
        "OCISIDECAR_DELAY_SECONDS": "0.1",
    }
    return launch([sys.executable, "-m", "metrics_forwarder"], environment, port)


def prometheus(work: Path, sink_port: int) -> Receiver:
    """Start Prometheus as receiver that writes to the sink."""
    port = free_port()
    settings = work / "prometheus.json"
    settings.write_text(json.dumps({"remote_write": [{"url": f"http://127.0.0.1:{sink_port}/"}]}))
    options = (
        f"--config.file={settings}",
        f"--storage.tsdb.path={work / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    )
    return launch(["prometheus", *options], {}, port)


def requests(count: int) -> list[bytes]:
    """Return the bodies, which end now."""
    start = round(time.time() * 1000) - count * STEP_MS
    labels = {"job": "web", "instance": "127.0.0.1:8080", "container": "web", "deployment": "shop", "code": "200"}
    return [
        version_1(
            *(
                series(
                    f"requests{number % 50}_total",
                    (start + index * STEP_MS, index * 3.0),
                    path=f"/{number}",
                    **labels,
                )
                for number in range(SERIES)
            )
        )
        for index in range(count)
    ]


def measure(receiver: Receiver, bodies: list[bytes]) -> Figures:
    """Post all bodies, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=PATIENCE_SECONDS)
    started, before = time.perf_counter(), _cpu_seconds(receiver.process.pid)
    for body in bodies:
        connection.request("POST", "/api/v1/write", body, write_headers(VERSION_1))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"answered {answer.status}")
    wall = time.perf_counter() - started
    time.sleep(2)  # what is sent on afterwards counts, too
    cpu = _cpu_seconds(receiver.process.pid) - before
    status = Path(f"/proc/{receiver.process.pid}/status").read_text()
    connection.close()
    return Figures(wall, cpu, int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(count: int) -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {OTHER})
    bodies = requests(count)
    ways = {"forwarder": forwarder}
    if shutil.which("prometheus"):
        ways["prometheus"] = prometheus
    samples = count * SERIES
    print(f"{samples} samples in {count} requests; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':12}{'samples/s':>11}{'CPU s':>8}{'samples/CPU s':>15}{'peak MB':>9}")
    for name, start in ways.items():
        with ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            sink = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Sink))
            threading.Thread(target=sink.serve_forever, daemon=True).start()
            stack.callback(sink.shutdown)
            receiver = start(work, sink.server_port)
            stack.callback(receiver.close)
            one = measure(receiver, bodies)
        print(
            f"{name:12}{samples / one.wall_seconds:11.0f}{one.cpu_seconds:8.1f}"
            f"{samples / one.cpu_seconds:15.0f}{one.peak_megabytes:9.0f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS)
