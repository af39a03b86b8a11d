"""At-least-once delivery: whatever happens to files, process and calls, every word arrives, under one id.

Log reader, file discovery, generations and checkpoint are real, on a real file system; time and service are
simulated.
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
    st.tuples(st.just("accept"), st.integers(0, 3), st.booleans()),
)


@settings(max_examples=400 if not os.environ.get("OCISIDECAR_FULL") else 20_000, deadline=None)
@example(  # one run sends what the next has not read yet when it is truncated
    steps=[
        ("write", "app.log", ".\n"),
        ("write", "err.log", ".\n"),
        ("write", "app.log", ".\n"),
        ("step",),
        ("write", "err.log", ".\n"),
        ("accept", 0, False),
        ("kill",),
        ("copytruncate", "app.log", True, "{}.log.{}"),
        ("write", "app.log", ".\n"),
    ],
    batch_entries=1,
)
@example(  # the truncated file is renamed before it is seen that it was truncated
    steps=[
        ("write", "app.log", ".\n"),
        ("step",),
        ("step",),
        ("step",),
        ("copytruncate", "app.log", False, "{}.log.{}"),
        ("rename", "app.log", "{}.log.{}"),
    ],
    batch_entries=1,
)
@given(steps=st.lists(STEPS, max_size=40), batch_entries=st.integers(1, 4))
def test_every_word_arrives_and_duplicates_have_equal_ids(steps, batch_entries):
    """Appends, both kinds of rotation, kills and lost responses in any order lose no word and change no id."""
    with tempfile.TemporaryDirectory() as directory:
        simulation = Simulation(Path(directory), batch_entries=batch_entries)
        for name, *arguments in steps:
            match name:
                case "copytruncate":
                    log, is_scanned_between, style = arguments
                    simulation.copytruncate(log, is_scanned_between=is_scanned_between, style=style)
                case "accept":
                    simulation.accept(arguments[0], is_acknowledged=arguments[1])
                case _:
                    getattr(simulation, name)(*arguments)
        simulation.drain()
        simulation.check()
        simulation.reader.close()
        simulation.checkpoint.close()
