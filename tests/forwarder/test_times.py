"""Times of entries: in the order of the lines, and near the modification time of the file."""

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
    """Write some lines, some microseconds after the previous ones, and read them after each write.

    Returns for each write its time, and the times of its lines in the order in which they were written.
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
    """Read a file to its end, past the flush timeout of its last record and the linger time of its call."""
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
    """The times of lines increase strictly, and none is more than about a second after the write."""
    written = shipped(writes)
    times = [time for _, of_write in written for time in of_write]
    assert times == sorted(set(times))
    assert all(time <= at + 1_000_000 + len(times) for at, of_write in written for time in of_write)


def test_a_few_lines_are_a_millisecond_apart():
    """A few lines get times 1 ms apart around the modification time; the last, read later, comes 1 ms after it."""
    (written,) = shipped([(4, 0)])
    assert written == (NOON_MICROS, [NOON_MICROS + millis * 1000 for millis in (-2, -1, 0, 1)])


def test_many_lines_are_spread_until_a_second_after_their_write():
    """3,999 lines with 1.019 s between two writes get times 254 µs apart, and the held line comes after them."""
    (_, first), (at, rest) = shipped([(2, 0), (4000, 20_000)])
    assert first[-1] < rest[0]
    assert {later - sooner for sooner, later in pairwise(rest[:-1])} == {254}
    assert rest[-1] < at + 1_001_000


def test_a_modification_time_in_the_future_counts_as_now(tmp_path):
    """Lines of a file whose modification time is in the future get times that are not in the future."""
    simulation = Simulation(tmp_path)
    simulation.write("app.log", ".\n")
    os.utime(tmp_path / "app.log", (2**33, 2**33))
    read(simulation)
    (micros,) = times_of(simulation.calls[0].body).values()
    assert micros <= time.time_ns() // 1000
