"""The forwarder as a process under all failures at once, against the emulator over HTTP.

60,000 lines by default; OCISIDECAR_FULL=1 sends 1,000,000 lines with a rotation every 50,000.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict

from ocisidecar.emulator import Fault

IS_FULL = bool(os.environ.get("OCISIDECAR_FULL"))
LINES = 1_000_000 if IS_FULL else 60_000
LINES_PER_FILE = 50_000 if IS_FULL else 5_000
KILL_EVERY_SECONDS = 3.0 if IS_FULL else 1.2
MAX_KILLS = 400
FAULT_PROBABILITY = 0.112
"""With three independent faults of this probability, 30 % of the calls have at least one."""

FAULTS = (
    Fault.error("put_logs", "TooManyRequests", times=None, probability=FAULT_PROBABILITY),
    Fault.error("put_logs", "InternalServerError", times=None, probability=FAULT_PROBABILITY),
    Fault.timeout("put_logs", after_commit=True, times=None, probability=FAULT_PROBABILITY),
)


def _line(number):
    return (
        f"{number:08d} 2026-01-01T00:00:00Z INFO GET /api/v1/items/{number % 977:03d} 200 0.0123 user=abcdef".ljust(
            114, "."
        )
    )


def _write(log):
    """Write all lines, and rename the file whenever it is full, as an app that rotates its log does."""
    for first in range(0, LINES, LINES_PER_FILE):
        with log.open("a") as file:
            for number in range(first, first + LINES_PER_FILE):
                file.write(_line(number) + "\n")
        log.rename(log.with_name(f"{log.name}.{first // LINES_PER_FILE:03d}"))


def _expire_a_token(tenancy):
    """Replace the token by an expired one; returns a function: has the service rejected it?."""
    tenancy.renew(seconds=0)
    refused = sum(request.status == 401 for request in tenancy.provisioner.emulator.requests)
    return lambda: sum(request.status == 401 for request in tenancy.provisioner.emulator.requests) > refused


def test_nothing_is_lost_and_duplicates_have_equal_ids(tenancy, logs, start_forwarder, capsys):
    """Under faults, repeated SIGKILL, rotations and an expired token every line arrives, under one id."""
    tenancy.provisioner.emulator.inject(*FAULTS)
    started = time.monotonic()
    process = start_forwarder(
        BATCH_ENTRIES=1000, REQUEST_TIMEOUT_SECONDS=1, BACKOFF_SECONDS=0.1, MAX_BACKOFF_SECONDS=1
    )
    writer = threading.Thread(target=_write, args=(logs / "app.log",))
    writer.start()
    timer = threading.Event()
    ids = defaultdict(set)
    kills = arrived = 0
    was_refused, is_renewed = None, False
    while len(ids) < LINES and kills < MAX_KILLS:
        timer.wait(KILL_EVERY_SECONDS)
        if was_refused is None:
            was_refused = _expire_a_token(tenancy)
        elif not is_renewed:
            if was_refused():
                tenancy.renew()
                is_renewed = True
        else:
            process.kill()
            kills += 1
            process.start()
        for id_, data, _, _, kind in tenancy.collect():
            if kind == "ocisidecar.line":
                arrived += 1
                ids[data].add(id_)
        tenancy.entries.clear()
    writer.join()
    assert process.stop() == 0
    missing = LINES - len(ids)
    changed = sum(len(one) > 1 for one in ids.values())
    statuses = [
        request.status for request in tenancy.provisioner.emulator.requests if request.operation == "put_logs"
    ]
    failed = sum(status != 200 for status in statuses) / len(statuses)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{LINES} lines in {time.monotonic() - started:.0f} s: {missing} missing, {arrived - len(ids)} sent "
            f"more than once, {changed} of them under another id; {kills} kills, {len(statuses)} calls, "
            f"{failed:.0%} of them failed\n"
        )
    assert (missing, changed) == (0, 0)
    assert set(ids) == {_line(number) for number in range(LINES)}
    assert is_renewed
