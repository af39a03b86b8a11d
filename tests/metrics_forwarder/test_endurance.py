"""The real program through outages, failures, SIGKILLs and a jump of the clock; counted at the emulator.

The samples' time is the emulator's virtual clock; what happens when is decided by a seed.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
from collections import defaultdict

import pytest
from attrs import define, field

from ocisidecar.clock import VirtualClock
from ocisidecar.emulator import Assumptions, Emulator, Fault
from tests.forwarder_process import wait_until
from tests.metrics_forwarder.conftest import Process, Tenancy
from tests.metrics_forwarder.wire import VERSION_1, post, series, version_1, write_headers

MAX_MEMORY_BYTES = 64_000_000
SERIES = 30
SCRAPE_SECONDS = 15
OPERATION = "post_metric_data"


@pytest.fixture
def make_tenancy(tmp_path):
    """Makes a tenancy with a virtual clock."""
    emulators = []

    def make(**assumptions) -> Tenancy:
        emulator = Emulator(seed=1, clock=VirtualClock(), assumptions=Assumptions(**assumptions)).start()
        emulators.append(emulator)
        tenancy = Tenancy(emulator, tmp_path)
        tenancy.issue()
        return tenancy

    yield make
    for emulator in emulators:
        emulator.close()


@define
class Sender:
    """Sends counters and gauges as Prometheus does: a request is repeated, unchanged, until it is answered.

    `sent` has all samples: name → milliseconds → value.
    """

    forwarder: Process
    clock: VirtualClock
    random: random.Random
    totals: list[float] = field(factory=lambda: [0.0] * SERIES)
    sent: dict[str, dict[int, float]] = field(factory=lambda: defaultdict(dict))
    repeats: int = 0

    def scrape(self) -> bytes:
        """Let 15 seconds pass, and return a request with a sample of each series."""
        self.clock.advance(SCRAPE_SECONDS)
        now = round(self.clock.time() * 1000)
        found = []
        for number in range(SERIES):
            self.totals[number] += self.random.randrange(10)
            found.append(series(f"orders{number}_total", (now, self.totals[number]), job="shop"))
            found.append(series(f"queue{number}", (now, float(self.random.randrange(100))), job="shop"))
        for one in found:
            self.sent[one.labels["__name__"]].update(one.samples)
        return version_1(*found)

    def deliver(self, body: bytes) -> None:
        """Send a request until it is answered with 204; start the forwarder where it is gone."""
        while True:
            if self.forwarder.process.poll() is not None:
                self.forwarder.start()
            try:
                answer = post(self.forwarder.port, body)
            except (OSError, http.client.HTTPException):
                self.repeats += 1
                continue
            assert answer.status == 204, answer
            return

    def kill_within(self, body: bytes) -> None:
        """Send a request and kill the forwarder at any moment of its work on it; its answer is not read."""
        head = "\r\n".join(f"{name}: {value}" for name, value in write_headers(VERSION_1).items())
        with socket.create_connection(("127.0.0.1", self.forwarder.port)) as connection:
            connection.sendall(
                f"POST /api/v1/write HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n{head}\r\n\r\n".encode()
                + body
            )
            connection.settimeout(self.random.random() * 0.02 + 0.001)
            with contextlib.suppress(TimeoutError):
                connection.recv(1)
        self.forwarder.kill()
        self.repeats += 1

    def check(self, tenancy: Tenancy, *, is_exact: bool) -> None:
        """Hold what arrived against what was sent.

        Args:
            tenancy: has what arrived.
            is_exact: whether no datapoint may be there twice; otherwise equal ones count once.
        """
        arrived = {name: points for (name, _), points in tenancy.streams().items()}
        assert set(arrived) == set(self.sent)
        for name, sent in self.sent.items():
            points = arrived[name] if is_exact else sorted(set(arrived[name]))
            times = [at for at, _ in points]
            assert len(set(times)) == len(times), f"{name}: two values of one time"
            values = list(sent.values())
            if name.endswith("_total"):
                assert sum(value for _, value in points) == values[-1] - values[0], name
            else:
                assert [pair for pair in points if sent[pair[0]] != pair[1]] == []
                last = {at // 60_000: at for at in sorted(sent)}
                assert set(last.values()) <= set(times), f"{name}: the last sample of a minute is missing"


@pytest.fixture
def start(volume, tmp_path):
    """Starts a forwarder and its sender."""
    processes = []

    def start(tenancy: Tenancy, seed: int) -> Sender:
        process = Process("metrics-forwarder", tenancy.environment(volume), tmp_path / "forwarder.jsonl")
        processes.append(process)
        return Sender(process.start(), tenancy.emulator.clock, random.Random(seed))

    yield start
    for process in processes:
        process.kill()


def test_failures_outage_and_clock_lose_and_double_nothing(make_tenancy, start):
    """30 % of the calls fail, none is accepted for ten minutes, the clock jumps by an hour: all counts are right.

    Memory stays bounded meanwhile.
    """
    tenancy = make_tenancy()
    emulator = tenancy.emulator
    sender = start(tenancy, seed=1)
    emulator.inject(Fault.error(OPERATION, "InternalServerError", times=None, probability=0.3))
    for _ in range(12):
        sender.deliver(sender.scrape())
    emulator.inject(Fault.error(OPERATION, "ServiceUnavailable", status=503, times=None))
    for _ in range(10 * 60 // SCRAPE_SECONDS):
        sender.deliver(sender.scrape())
    wait_until(lambda: sender.forwarder.metric("queued_points") > 500, "datapoints wait")
    memory = sender.forwarder.metric("resident_memory_bytes")
    emulator.clear_faults()
    emulator.inject(Fault.error(OPERATION, "TooManyRequests", times=None, probability=0.3))
    emulator.clock.advance(3600)
    for _ in range(12):
        sender.deliver(sender.scrape())
    emulator.clear_faults()
    assert sender.forwarder.stop() == 0
    sender.check(tenancy, is_exact=True)
    assert memory < MAX_MEMORY_BYTES


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("keeps_repeated", [False, True])
def test_kills_lose_nothing(make_tenancy, start, seed, keeps_repeated):
    """Killed in the middle of requests and calls, of which 30 % fail, the forwarder loses and doubles nothing.

    A call whose answer was lost is sent again with the same times and values, so this holds at the service where a
    datapoint takes the place of an equal one; where it counts beside it, nothing else does.
    """
    tenancy = make_tenancy(keeps_repeated_datapoints=keeps_repeated)
    sender = start(tenancy, seed)
    for effect in (
        Fault.error(OPERATION, "InternalServerError", times=None, probability=0.2),
        Fault.reset(OPERATION, times=None, probability=0.1, after_commit=True),
    ):
        tenancy.emulator.inject(effect)
    for number in range(24):
        body = sender.scrape()
        if number % 5 == 4:
            sender.kill_within(body)
        sender.deliver(body)
    tenancy.emulator.clear_faults()
    assert sender.forwarder.stop() == 0
    assert sender.repeats >= 4
    sender.check(tenancy, is_exact=not keeps_repeated)
