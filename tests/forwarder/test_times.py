"""When entries say that they were written: in their order, and as near to the truth as can be known."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.forwarder.simulation import Simulation

NOON_MICROS = 1_767_268_800_000_000
WRITES = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3_000_000)), min_size=1, max_size=6)


def shipped(writes):
    """Write some lines, some microseconds after those before, and let them be read each time.

    Returns for each write when it was made, and the times of its lines in the order in which they were written.
    """
    with tempfile.TemporaryDirectory() as directory:
        simulation, made, now = Simulation(Path(directory)), [], NOON_MICROS
        log = Path(directory) / "app.log"
        for count, later in writes:
            now += later
            simulation.write("app.log", ".\n" * count)
            os.utime(log, ns=(0, now * 1000))
            read(simulation)
            made.append(now)
        times = [times_of(call.body) for call in simulation.calls]
        simulation.reader.close()
    time_of = {word: time for one in times for word, time in one.items()}
    words = iter(simulation.words)
    return [(at, [time_of[next(words)] for _ in range(count)]) for at, (count, _) in zip(made, writes, strict=True)]


def read(simulation):
    """Have all of a file read: its last record waits a while for what may continue it, and a call for more."""
    for _ in range(3):
        simulation.step()
        simulation.wait(1)


def times_of(body):
    """Return the time of each line, in microseconds."""
    return {
        entry["data"]: round(datetime.fromisoformat(entry["time"]).timestamp() * 1_000_000)
        for batch in json.loads(body)["logEntryBatches"]
        for entry in batch["entries"]
    }


@given(writes=WRITES)
def test_times_keep_the_order_of_the_lines(writes):
    """No line has the time of another or an earlier one than the line before, and none is much after its write."""
    written = shipped(writes)
    times = [time for _, of_write in written for time in of_write]
    assert times == sorted(set(times))
    assert all(time <= at + 1_000_000 + len(times) for at, of_write in written for time in of_write)


def test_a_few_lines_are_a_millisecond_apart():
    """As exactly as OCI shows times; the last one is read later, because the next might have continued it."""
    (written,) = shipped([(4, 0)])
    assert written == (NOON_MICROS, [NOON_MICROS + millis * 1000 for millis in (-2, -1, 0, 1)])


def test_many_lines_are_spread_from_the_write_before_until_a_second_after_their_own():
    """There is no room for a millisecond between them: 3,999 have 1.019 s, and then comes the one that was held."""
    (_, first), (at, rest) = shipped([(2, 0), (4000, 20_000)])
    assert first[-1] < rest[0]
    assert {later - sooner for sooner, later in pairwise(rest[:-1])} == {254}
    assert rest[-1] < at + 1_001_000


def test_a_file_from_the_future_is_from_now(tmp_path):
    """A clock that was wrong when the file was written does not take its lines to where nobody looks."""
    simulation = Simulation(tmp_path)
    simulation.write("app.log", ".\n")
    os.utime(tmp_path / "app.log", (2**33, 2**33))
    read(simulation)
    (micros,) = times_of(simulation.calls[0].body).values()
    assert micros <= time.time_ns() // 1000
