"""An app that is measured by a Prometheus from Debian: its counter, gauge and native histogram, as protobuf."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.metrics_forwarder.wire import double, number, spans, text, varint, zigzag

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4
SCHEMA = 3


@define
class MeasuredApp:
    """Something happens at every scrape until it is frozen; the gauge numbers the scrapes.

    Source of the messages: prometheus/client_model, io/prometheus/client/metrics.proto.
    """

    random: random.Random
    frozen: threading.Event = field(factory=threading.Event)
    orders: int = 0
    scrapes: int = 0
    total: float = 0.0
    buckets: dict[int, int] = field(factory=dict)

    def exposition(self) -> bytes:
        """Let something happen, and return all metrics."""
        self.scrapes += 1
        if not self.frozen.is_set():
            self.orders += self.random.randrange(10)
            for _ in range(self.random.randrange(5)):
                index = self.random.randrange(-30, 40)
                self.buckets[index] = self.buckets.get(index, 0) + 1
                self.total += 2.0 ** (index / 2**SCHEMA)
        metrics = (
            ("orders_total", COUNTER, text(3, double(1, self.orders))),
            ("scrape_number", GAUGE, text(2, double(1, self.scrapes))),
            ("latency_seconds", HISTOGRAM, text(7, self._histogram())),
        )
        families = [text(1, name) + number(3, kind) + text(4, metric) for name, kind, metric in metrics]
        return b"".join(varint(len(family)) + family for family in families)

    def _histogram(self) -> bytes:
        """Return the native histogram, which has no classic buckets."""
        counts = [self.buckets[index] for index in sorted(self.buckets)]
        deltas = [one - before for one, before in zip(counts, [0, *counts], strict=False)]
        parts = [number(1, sum(counts)), double(2, self.total), number(5, zigzag(SCHEMA)), double(6, 2.0**-128)]
        parts += [text(12, number(1, zigzag(gap)) + number(2, length)) for gap, length in spans(self.buckets)]
        return b"".join([*parts, text(13, b"".join(varint(zigzag(one)) for one in deltas))])

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Serve the metrics on a port of loopback."""
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = app.exposition()
                self.send_response(200)
                self.send_header("content-type", PROTOBUF)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()


@define
class RealPrometheus:
    """A Prometheus in a container with the host's network."""

    port: int

    def samples(self, series: str) -> list[tuple[int, Any]]:
        """Return what it has of the only series of a name: (milliseconds, value or histogram)."""
        query = urllib.parse.urlencode({"query": f"{series}[2h]"})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{query}", timeout=30) as response:
            (found,) = json.load(response)["data"]["result"]
        pairs = found.get("values") or found["histograms"]
        return [(round(at * 1000), value) for at, value in pairs]


@contextmanager
def prometheus(
    image: str, name: str, directory: Path, *, app_port: int, url: str, message: str
) -> Iterator[RealPrometheus]:
    """Run a Prometheus that scrapes the app every second and writes to `url`, with native histograms.

    `message` says in which version of remote write.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": [f"127.0.0.1:{app_port}"]}]}],
        "remote_write": [
            {
                "url": url,
                "protobuf_message": message,
                "send_native_histograms": True,
                "queue_config": {"max_shards": 1, "max_samples_per_send": 500, "batch_send_deadline": "1s"},
                "metadata_config": {"send_interval": "1s"},
            }
        ],
    }
    directory.mkdir(mode=0o755)
    (directory / "prometheus.yml").write_text(json.dumps(configuration))
    command = ["docker", "run", "--rm", "--name", name, "--network", "host"]
    command += ["--volume", f"{directory}:/configuration:ro", "--label", "ocisidecar.standin=1", image]
    command += ["--config.file=/configuration/prometheus.yml", "--storage.tsdb.path=/prometheus"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=native-histograms"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield RealPrometheus(port)
    finally:
        subprocess.run(["docker", "kill", name], check=False, capture_output=True)
        running.wait(30)
