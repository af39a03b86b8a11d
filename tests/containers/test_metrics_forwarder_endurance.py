"""Real senders, Prometheus 3 and OpenTelemetry's SDK, through everything at once; counted at the emulator.

30 % of the calls fail, none is accepted for a while, the service's clock jumps by half an hour, and all the time
the forwarder is killed every few seconds.  OCISIDECAR_FULL=1 makes the outage ten minutes long, with the figures at
the end:

    OCISIDECAR_FULL=1 python -m pytest --capture=no tests/containers/test_metrics_forwarder_endurance.py
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from attrs import define, field
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from ocisidecar.clock import SystemClock
from ocisidecar.emulator import Assumptions, Emulator, Fault
from tests.containers.measured_app import MeasuredApp, prometheus
from tests.metrics_forwarder.conftest import Process, Tenancy

IS_FULL = bool(os.environ.get("OCISIDECAR_FULL"))
CALM_SECONDS = 60 if IS_FULL else 6
OUTAGE_SECONDS = 600 if IS_FULL else 12
JUMP_SECONDS = 1800
INTERVAL_MS = 2000
VERSION_1, VERSION_2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
VERSIONS = [VERSION_1, VERSION_2] if IS_FULL else [VERSION_2]
"""Of remote write; `test_metrics_forwarder.py` has the other one."""
MAX_MEMORY_BYTES = 64_000_000
OPERATION = "post_metric_data"
SOME_FAIL = Fault.error(OPERATION, "InternalServerError", times=None, probability=0.3)
OUTAGE = Fault.error(OPERATION, "ServiceUnavailable", status=503, times=None)


class JumpingClock(SystemClock):
    """Real time, which can jump."""

    ahead_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_seconds


@define
class Sdk:
    """An app with OpenTelemetry's SDK, which exports every second; `counted` has what happened in it."""

    name: str
    port: int
    temporality: AggregationTemporality
    counted: Counter = field(factory=Counter)
    provider: MeterProvider = field(init=False)
    visits: SdkCounter = field(init=False)
    sizes: Histogram = field(init=False)

    def __attrs_post_init__(self) -> None:
        kinds = {SdkCounter: self.temporality, Histogram: self.temporality}
        url = f"http://127.0.0.1:{self.port}/v1/metrics"
        exporter = OTLPMetricExporter(endpoint=url, preferred_temporality=kinds, timeout=60)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000, export_timeout_millis=60_000)
        view = View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())
        self.provider = MeterProvider([reader], views=[view])
        meter = self.provider.get_meter("shop")
        self.visits = meter.create_counter(f"{self.name}.visits")
        self.sizes = meter.create_histogram(f"{self.name}.size")

    def happen(self, amount: int) -> None:
        """Let something happen."""
        self.visits.add(amount)
        self.sizes.record(amount)
        self.counted.update({"visits": amount, "size_count": 1, "size_sum": amount})


@define
class Run:
    """The forwarder and what becomes of it."""

    forwarder: Process
    sdks: list[Sdk]
    random: random.Random
    kills: int = 0
    memory: float = 0.0
    queued: float = 0.0
    calls: Counter = field(factory=Counter)

    def go_on(self, seconds: float) -> None:
        """Let the apps work for a time, and kill the forwarder every few seconds."""
        pause = threading.Event()
        ends = time.monotonic() + seconds
        while (now := time.monotonic()) < ends:
            dies = min(ends, now + self.random.uniform(1.5, 4))
            while time.monotonic() < dies:
                for sdk in self.sdks:
                    sdk.happen(self.random.randrange(1, 1000))
                pause.wait(0.05)
            self.kill()

    def kill(self) -> None:
        """Kill the forwarder and start it again, as the platform does; what it measured of itself is kept."""
        self.memory = max(self.memory, self.forwarder.metric("resident_memory_bytes"))
        self.queued = max(self.queued, self.forwarder.metric("queued_points"))
        for name in ("calls_total", "call_failures_total", "repeated_points_total"):
            self.calls[name] += int(self.forwarder.metric(name))
        self.forwarder.kill()
        self.forwarder.start()
        self.kills += 1


@pytest.fixture
def tenancy(tmp_path):
    """A tenancy whose service keeps one datapoint per stream and time."""
    clock = JumpingClock()
    with Emulator(seed=1, clock=clock, assumptions=Assumptions(keeps_repeated_datapoints=False)) as emulator:
        tenancy = Tenancy(emulator, tmp_path)
        tenancy.issue()
        yield tenancy


@pytest.fixture
def run(tenancy, tmp_path):
    """A running forwarder with an SDK of either temporality."""
    volume = tmp_path / "volume"
    volume.mkdir()
    settings = {"INTERVAL_SECONDS": str(INTERVAL_MS // 1000), "HISTOGRAMS": "0.5", "MAX_BACKOFF_SECONDS": "1"}
    settings["METRICS"] = '{__name__=~"orders_total|scrape_number|latency.*|(cumulative|delta)[.].*"}'
    environment = tenancy.environment(volume) | {f"OCISIDECAR_{name}": one for name, one in settings.items()}
    process = Process("metrics-forwarder", environment, tmp_path / "forwarder.jsonl").start()
    process.environment["OCISIDECAR_RECEIVE_PORT"] = str(process.port)
    try:
        ways = (AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA)
        sdks = [Sdk(way.name.lower(), process.port, way) for way in ways]
        yield Run(process, sdks, random.Random(1))
    finally:
        process.kill()


def check_prometheus(tenancy, samples):
    """Hold what arrived of Prometheus against its own samples, which are given by series."""
    orders, numbers, latencies = (samples[name] for name in ("orders_total", "scrape_number", "latency_seconds"))
    assert sum(value for _, value in tenancy.points("orders_total")) == int(orders[-1][1]) - int(orders[0][1])
    added = int(latencies[-1][1]["count"]) - int(latencies[0][1]["count"])
    assert sum(value for _, value in tenancy.points("latency_seconds_count")) == added
    assert all(2.0 ** (-31 / 8) <= value <= 2.0 ** (39 / 8) for _, value in tenancy.points("latency_seconds"))
    sent = {at: float(value) for at, value in numbers}
    arrived = tenancy.points("scrape_number")
    assert [pair for pair in arrived if sent.get(pair[0]) != pair[1]] == []
    last = {at // INTERVAL_MS: at for at in sorted(sent)}
    ended = {at for interval, at in last.items() if interval < max(last)}
    assert ended <= {at for at, _ in arrived}, "the last sample of an interval is missing"
    for name in ("orders_total", "scrape_number", "latency_seconds", "latency_seconds_count"):
        times = [at for at, _ in tenancy.points(name)]
        assert len(set(times)) == len(times), f"{name}: two datapoints of one time"


@pytest.mark.parametrize("message", VERSIONS)
def test_real_senders_lose_and_double_nothing(tenancy, run, standins, eventually, tmp_path, message):
    """What Prometheus and the SDK counted arrived once, whatever was killed and refused; memory was bounded."""
    app = MeasuredApp(random.Random(2))
    name = f"forwarder-endurance-{secrets.token_hex(4)}"
    url = f"http://127.0.0.1:{run.forwarder.port}/api/v1/write"
    with ExitStack() as stack:
        options = {"app_port": stack.enter_context(app.serving()), "url": url, "message": message}
        image, directory = standins["prometheus"], tmp_path / "prometheus"
        sender = stack.enter_context(prometheus(image, name, directory, **options))
        eventually(lambda: app.scrapes > 1, seconds=60)
        tenancy.emulator.inject(SOME_FAIL)
        run.go_on(CALM_SECONDS)
        tenancy.emulator.inject(OUTAGE)
        run.go_on(OUTAGE_SECONDS)
        tenancy.emulator.clear_faults()
        tenancy.emulator.inject(SOME_FAIL)
        tenancy.emulator.clock.ahead_seconds = JUMP_SECONDS
        run.go_on(CALM_SECONDS)
        app.frozen.set()
        for sdk in run.sdks:
            sdk.provider.shutdown()
        began = time.monotonic()
        total = app.orders - int(sender.samples("orders_total")[0][1])
        eventually(lambda: sum(one for _, one in tenancy.points("orders_total")) >= total, seconds=120)
        drained = time.monotonic() - began
        samples = {one: sender.samples(one) for one in ("orders_total", "scrape_number", "latency_seconds")}
    tenancy.emulator.clear_faults()
    assert run.forwarder.stop() == 0
    check_prometheus(tenancy, samples)
    for sdk in run.sdks:
        for one, total in sdk.counted.items():
            arrived = sum(value for _, value in tenancy.points(f"{sdk.name}.{one}"))
            assert arrived == total, f"{sdk.name}: {one}"
    assert run.kills >= (CALM_SECONDS * 2 + OUTAGE_SECONDS) / 6
    assert run.memory < MAX_MEMORY_BYTES
    points = sum(len(found) for found in tenancy.streams().values())
    scraped = sum(len(found) for found in samples.values())
    figures = {"kills": run.kills, "scraped": scraped, "datapoints": points, **run.calls, "queued": run.queued}
    figures |= {"megabytes": round(run.memory / 1e6), "seconds to catch up": round(drained)}
    sys.stderr.write(f"{figures}\n")
