"""Measure the throughput of the log forwarder and of other shippers in the same run.

    python tests/bench/forwarder.py [LINES]

One file of lines of 115 bytes is shipped to a sink on loopback that answers 200 and does nothing, by

    forwarder   the log forwarder: records, ids, signature, progress that survives a kill -9
    read+send   a Python loop that does no more than read lines and send them in batches
    naive       a Python loop that also makes the JSON of PutLogs, with json and uuid
    syslog-ng   Debian's (syslog-ng-mod-http): file to batched HTTP with a reliable disk buffer; neither JSON,
                nor ids, nor signature

each pinned to one core, the sink on another.  Results are per CPU second, to be independent of the load.
"""

from __future__ import annotations

import base64
import contextlib
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
from pathlib import Path

from attrs import define, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SOURCES = Path(__file__).parents[2] / "docker" / "log-forwarder"
LINES = 1_000_000
LINE_BYTES = 115
BATCH_LINES = 10_000
PATIENCE_SECONDS = 300
WORKER, OTHER = 0, (os.cpu_count() or 1) - 1

LOOPS = {
    "read+send": "body = b''.join(lines)",
    "naive": """
body = json.dumps({"specversion": "1.0", "logEntryBatches": [{"source": "web", "type": "line", "subject": "app.log",
    "defaultlogentrytime": "2026-01-01T00:00:00Z",
    "entries": [{"data": line[:-1].decode(), "id": str(uuid.uuid4())} for line in lines]}]}).encode()""",
}
LOOP = """
import http.client, itertools, json, sys, uuid
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
with open(sys.argv[1], "rb") as file:
    while lines := list(itertools.islice(file, {batch})):
        {body}
        connection.request("POST", "/", body)
        connection.getresponse().read()
sys.stdin.read()
"""
SYSLOG_NG = """
@version: 3.38
options {{ stats-freq(0); log-fifo-size(200000); }};
source s {{ file("{log}" follow-freq(0.1) flags(no-parse) log-iw-size(100000) log-fetch-limit(10000)); }};
destination d {{ http(url("http://127.0.0.1:{port}/") method("POST") persist-name("d") body("${{MESSAGE}}")
    batch-lines({batch}) batch-bytes(2Mb) batch-timeout(500) workers(1)
    disk-buffer(reliable(yes) disk-buf-size(1000000000) mem-buf-size(20000000) dir("{directory}"))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


@define
class Sink:
    """A process that accepts everything and reports when it has received all lines."""

    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def start(cls, lines: int) -> Sink:
        process = subprocess.Popen([sys.executable, __file__, "--sink", str(lines)], stdout=subprocess.PIPE)
        os.sched_setaffinity(process.pid, {OTHER})
        return cls(process, int(process.stdout.readline()))

    def wait(self) -> None:
        """Return when all lines have arrived."""
        timer = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        timer.start()
        if not self.process.stdout.readline():
            raise TimeoutError(f"not all lines came within {PATIENCE_SECONDS} s")
        timer.cancel()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def sink(lines: int) -> None:
    """Answer 200 on a loopback port until killed; print the port, and a line when all lines have arrived."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        seen = Counter(lines)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, seen), daemon=True).start()


class Counter:
    """Counts the lines of all connections."""

    def __init__(self, wanted: int) -> None:
        self._missing = wanted
        self._lock = threading.Lock()

    def add(self, body: bytes) -> None:
        count = body.count(b'"data":') or body.count(b'"data": ') or body.count(b"\n") + (body[-1:] != b"\n")
        with self._lock:
            was_missing, self._missing = self._missing > 0, self._missing - count
            if was_missing and self._missing <= 0:
                print("all", flush=True)


def _serve(connection: socket.socket, seen: Counter) -> None:
    with contextlib.suppress(ConnectionResetError), connection.makefile("rb") as file:
        while file.readline():
            length = 0
            while header := file.readline().strip().lower():
                name, _, value = header.partition(b":")
                length = int(value) if name == b"content-length" else length
                if name == b"expect":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            seen.add(file.read(length))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@frozen
class Figures:
    """The measurements of one shipper."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float


def measure(command: list[str], environment: dict[str, str], target: Sink) -> Figures:
    """Run a shipper until the sink has everything."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {WORKER})
    try:
        target.wait()
        wall = time.perf_counter() - started
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    return Figures(wall, cpu, peak)


def _identity(directory: Path) -> dict[str, str]:
    key = generate_private_key(65537, 2048)
    claims = base64.urlsafe_b64encode(json.dumps({"res_id": "ocid1.computecontainerinstance.oc1..a"}).encode())
    (directory / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (directory / "token").write_text(f"e30.{claims.decode().rstrip('=')}.e30")
    return {
        "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
        "OCI_RESOURCE_PRINCIPAL_RPST": str(directory / "token"),
        "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(directory / "key"),
    }


def shippers(log: Path, work: Path, port: int) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the command and environment of each shipper."""
    forwarder = {
        **_identity(work),
        "PYTHONPATH": f"{SOURCES}:{SOURCES.parent}",
        "OCISIDECAR_ENDPOINT": f"http://127.0.0.1:{port}",
        "OCISIDECAR_LOG_ID": "ocid1.log.oc1.eu-frankfurt-1.a",
        "OCISIDECAR_LOG_DIRECTORY": str(log.parent),
        "OCISIDECAR_METRICS_PORT": "0",
    }
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    ways = {"forwarder": ([python, "-m", "log_forwarder"], forwarder)}
    for name, body in LOOPS.items():
        source = LOOP.format(batch=BATCH_LINES, body=body.strip().replace("\n", "\n        "))
        ways[name] = ([python, "-c", source, str(log), str(port)], {})
    if (syslog_ng := shutil.which("syslog-ng", path="/usr/sbin:/usr/bin")) is not None:
        settings = work / "syslog-ng.conf"
        settings.write_text(SYSLOG_NG.format(log=log, port=port, batch=BATCH_LINES, directory=work))
        files = {"-f": settings, "-R": work / "persist", "-p": work / "pid", "-c": work / "ctl"}
        options = [str(part) for pair in files.items() for part in pair]
        ways["syslog-ng"] = ([syslog_ng, "-F", "--no-caps", *options], {})
    return ways


def main(lines: int) -> None:
    """Measure and print."""
    measured: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "logs" / "app.log"
        log.parent.mkdir()
        with log.open("w") as file:
            for number in range(lines):
                file.write(
                    f"2026-01-01T00:00:00.000Z INFO GET /api/v1/items/{number:08d} 200 0.0123".ljust(114, "x")
                    + "\n"
                )
        names = list(shippers(log, Path(directory), 0))
        for name in names:
            with ExitStack() as stack:
                target = Sink.start(lines)
                stack.callback(target.close)
                command, environment = shippers(log, Path(directory), target.port)[name]
                measured[name] = measure(command, environment, target)
    _report(lines, measured)


def _report(lines: int, measured: dict[str, Figures]) -> None:
    base = measured["forwarder"]
    print(f"{lines} lines of {LINE_BYTES} bytes; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':12}{'lines/s':>10}{'CPU s':>8}{'lines/CPU s':>13}{'peak MB':>9}   forwarder is")
    for name, one in measured.items():
        ratio = one.cpu_seconds / base.cpu_seconds
        print(
            f"{name:12}{lines / one.wall_seconds:10.0f}{one.cpu_seconds:8.1f}{lines / one.cpu_seconds:13.0f}"
            f"{one.peak_megabytes:9.0f}   {ratio:.2f} times as fast per CPU second"
        )


if __name__ == "__main__":
    if "--sink" in sys.argv:
        sink(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
