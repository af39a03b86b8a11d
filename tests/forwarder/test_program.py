"""The forwarder as a process, against the emulator over HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from log_forwarder.program import _source_of
from log_forwarder.settings import Settings

from ocisidecar.emulator import Fault
from tests.forwarder.conftest import SOURCES
from tests.forwarder_process import wait_until

LINES = [f"line {number}" for number in range(1000)]


def ask(process, path):
    """Return status and body of a GET from the status port."""
    started = next(json.loads(line) for line in process.log_path.read_text().splitlines() if '"port"' in line)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{started['port']}{path}") as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def metric(process, name):
    return float(re.search(rf"^log_forwarder_{name} (.+)$", ask(process, "/metrics")[1], re.MULTILINE)[1])


def test_lines_arrive_and_sigterm_drains(tenancy, logs, start_forwarder):
    """After SIGTERM every line arrives, with instance and file as source and subject, and the exit status is 0."""
    process = start_forwarder()
    (logs / "app").mkdir()
    (logs / "app" / "access.log").write_text("\n".join(LINES) + "\n")
    assert process.stop() == 0
    assert tenancy.lines() == LINES
    assert {one[2:] for one in tenancy.entries} == {
        ("web/web-0", "app/access.log", "ocisidecar.line"),
        ("web/web-0", "log-forwarder", "ocisidecar.log-forwarder.started"),
    }


def test_without_a_name_the_source_is_the_host_and_it_warns(tenancy, start_forwarder):
    """Where neither token nor environment names the instance, the host name is the source, and the log warns."""
    process = start_forwarder(INSTANCE="")
    assert process.stop() == 0
    assert {one[2] for one in tenancy.collect()} == {socket.gethostname()}
    assert "instance not known" in process.names()


@pytest.mark.parametrize("claim", ["res_id", "sub"])
def test_an_ocid_in_the_token_is_the_source(claim):
    """The instance's OCID in a claim of the token comes before the name in the environment."""
    ocid = "ocid1.computecontainerinstance.oc1.phx.a"

    class Principal:
        def claim(self, name):
            return ocid if name == claim else "web"

    settings = Settings(log_id="l", directory=Path("/logs"), endpoint="http://x", instance="web/web-0")
    assert _source_of(Principal(), settings) == ocid


def test_it_is_healthy_and_counts(tenancy, logs, start_forwarder):
    """While lines are accepted /healthy responds with 200 and /metrics counts them."""
    process = start_forwarder()
    (logs / "app.log").write_text("\n".join(LINES))
    wait_until(lambda: len(tenancy.lines()) == len(LINES) - 1, "all lines that end arrive")
    wait_until(lambda: metric(process, "acknowledged_entries_total") == len(LINES) - 1, "they are counted")
    assert ask(process, "/healthy") == (200, "ok\n")
    assert ask(process, "/")[0] == 404
    assert process.stop() == 0
    assert tenancy.lines() == LINES


def test_a_refused_call_is_halved_until_everything_has_arrived(tenancy, logs, start_forwarder):
    """After a 400 for a whole call all of its entries arrive, in smaller calls."""
    process = start_forwarder()
    wait_until(lambda: bool(tenancy.collect()), "the first entry arrives")
    tenancy.provisioner.emulator.inject(Fault.error("put_logs", "InvalidParameter", times=3))
    (logs / "app.log").write_text("\n".join(LINES) + "\n")
    assert process.stop() == 0
    assert sorted(tenancy.lines()) == sorted(LINES)


def test_without_a_service_memory_is_bounded(tenancy, logs, start_forwarder):
    """While no service responds, little is read and memory stays small, /healthy is 503, and a new start sends all.

    The lines are the worst case: nearly every byte of them takes six in JSON.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unreachable = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines = [f"{number:07d}".ljust(100, "\x01") for number in range(100_000)]
    (logs / "app.log").write_text("\n".join(lines) + "\n")
    process = start_forwarder(ENDPOINT=unreachable, STUCK_SECONDS=1, GRACE_SECONDS=2, MAX_BACKOFF_SECONDS=1)
    wait_until(lambda: ask(process, "/healthy")[0] == 503, "it is unhealthy")
    read, memory = metric(process, "read_bytes_total"), metric(process, "resident_memory_bytes")
    assert 1_000_000 < read < 3_000_000
    assert memory < 60_000_000
    assert process.stop() == 1
    process = start_forwarder()
    wait_until(lambda: len(tenancy.lines()) == len(lines), "the next start sends everything")
    assert sorted(tenancy.lines()) == lines
    assert process.stop() == 0


def test_without_lines_sigterm_ends_it_at_once(start_forwarder):
    """Without waiting lines SIGTERM ends it with 0 before the grace period, even if no entry ever arrived."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unreachable = f"http://127.0.0.1:{listener.getsockname()[1]}"
    process = start_forwarder(ENDPOINT=unreachable, STUCK_SECONDS=1, GRACE_SECONDS=300)
    wait_until(lambda: ask(process, "/healthy")[0] == 503, "it is unhealthy")
    assert process.stop() == 0


def test_lines_written_after_sigterm_arrive(tenancy, logs, start_forwarder):
    """A line written after SIGTERM arrives, and the exit status at the end of the grace period is 0."""
    process = start_forwarder(STOP_QUIET_SECONDS=300, GRACE_SECONDS=3)
    process.process.terminate()
    wait_until(lambda: "stopping" in process.names(), "SIGTERM is handled")
    (logs / "app.log").write_text("bye")
    assert process.wait() == 0
    assert tenancy.lines() == ["bye"]


def test_a_partly_accepted_call_is_healthy(tenancy, logs, start_forwarder):
    """While a call is halved and parts of it are accepted, /healthy is always 200."""
    tenancy.provisioner.emulator.inject(Fault.error("put_logs", "InvalidParameter", times=None, probability=0.7))
    process = start_forwarder(STUCK_SECONDS=3, BACKOFF_SECONDS=0.01, MAX_BACKOFF_SECONDS=0.01)
    (logs / "app.log").write_text("\n".join(LINES) + "\n")
    verdicts = set()
    wait_until(
        lambda: verdicts.add(ask(process, "/healthy")[0]) or len(tenancy.lines()) > len(LINES) / 4,
        "a quarter of the lines arrives",
    )
    assert verdicts == {200}


def test_wrong_settings_end_it_with_2(start_forwarder):
    """With two wrong settings the exit status is 2, and stderr has a line for each."""
    process = start_forwarder()
    assert process.stop() == 0
    process.environment["OCISIDECAR_SENDERS"] = "none"
    process.environment["OCISIDECAR_LOG_ID"] = ""
    assert process.run() == 2
    assert process.names().count("cannot start") == 2


def test_a_port_in_use_ends_it_with_2(start_forwarder):
    """With the metrics port in use the exit status is 2, and stderr names the port."""
    process = start_forwarder()
    assert process.stop() == 0
    with socket.create_server(("", 0)) as listener:
        process.environment["OCISIDECAR_METRICS_PORT"] = str(listener.getsockname()[1])
        assert process.run() == 2
    assert "cannot listen on port" in process.log_path.read_text()


def test_it_runs_from_its_own_directory():
    """The directory of the program is all that the search path needs: the shared package is in it as a link."""
    code = "import forwarding.client, log_forwarder.program"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd="/", check=True)
