"""The law of the forwarder: whatever is done to the files, to the process and to the calls, every word arrives.

LogReader, directory, generations and checkpoint are the real ones on a real file system; only time and the far end
are the test's own.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.forwarder.simulation import Simulation

LOGS = st.sampled_from(["app.log", "err.log"])
SHAPES = st.sampled_from(
    [".\n", ". .\n.\n", ".\n  .\n", ". ", ".\n.\n.\n.\n", " .\n", "\n", ".\r\n", '."\\\t.\n', ".é\n"]
)
STYLES = st.sampled_from(["{}.log.{}", "{}-{}.log"])
STEPS = st.one_of(
    st.tuples(st.just("write"), LOGS, SHAPES),
    st.tuples(st.just("write"), LOGS, SHAPES),
    st.tuples(st.just("rename"), LOGS, STYLES),
    st.tuples(st.just("copytruncate"), LOGS, st.booleans(), STYLES),
    st.tuples(st.just("kill")),
    st.tuples(st.just("wait"), st.sampled_from([0.6, 6.0])),
    st.tuples(st.just("step")),
    st.tuples(st.just("step")),
    st.tuples(st.just("answer"), st.integers(0, 3), st.booleans()),
)


@settings(max_examples=400 if not os.environ.get("OCISIDECAR_FULL") else 20_000, deadline=None)
@example(  # an earlier run has sent what a later one has not yet read when it is truncated
    steps=[
        ("write", "app.log", ".\n"),
        ("write", "err.log", ".\n"),
        ("write", "app.log", ".\n"),
        ("step",),
        ("write", "err.log", ".\n"),
        ("answer", 0, False),
        ("kill",),
        ("copytruncate", "app.log", True, "{}.log.{}"),
        ("write", "app.log", ".\n"),
    ],
    batch_entries=1,
)
@given(steps=st.lists(STEPS, max_size=40), batch_entries=st.integers(1, 4))
def test_every_word_arrives_and_duplicates_have_equal_ids(steps, batch_entries):
    """Appends, rotations of both kinds, kills and lost answers in any order lose no word and change no id."""
    with tempfile.TemporaryDirectory() as directory:
        simulation = Simulation(Path(directory), batch_entries=batch_entries)
        for name, *arguments in steps:
            match name:
                case "copytruncate":
                    log, is_scanned_between, style = arguments
                    simulation.copytruncate(log, is_scanned_between=is_scanned_between, style=style)
                case "answer":
                    simulation.answer(arguments[0], is_acknowledged=arguments[1])
                case _:
                    getattr(simulation, name)(*arguments)
        simulation.drain()
        simulation.check()
        simulation.reader.close()
        simulation.checkpoint.close()
