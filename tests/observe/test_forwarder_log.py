"""What the log forwarder's own log says is wrong with it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.observe.forwarder_log import complaints

FAILED = {"time": "t", "level": "WARNING", "event": "push failed", "status": 404, "reason": "no", "failures": 2}
ACCEPTED = {"time": "t", "level": "INFO", "event": "push accepted again", "failures": 2}
UNREADABLE = {"time": "t", "level": "ERROR", "event": "cannot open", "path": "a.log", "reason": "Permission denied"}


def said(*entries: dict[str, object]) -> tuple[str, ...]:
    return complaints(json.dumps(entry) for entry in entries)


def test_the_newest_of_each_sort_counts():
    """With all that the line tells besides its time."""
    assert said(FAILED, UNREADABLE, FAILED | {"failures": 4}) == (
        "push failed: status 404, reason no, failures 4",
        "cannot open: path a.log, reason Permission denied",
    )


def test_a_push_that_is_accepted_settles_it():
    """Until the next one fails."""
    assert said(FAILED, ACCEPTED) == ()
    assert said(FAILED, ACCEPTED, FAILED) == said(FAILED)


@given(st.lists(st.text() | st.just("null") | st.just("[1]") | st.just('{"level": "INFO"}')))
def test_other_lines_say_nothing(lines):
    """Whatever stands there, it is no complaint."""
    assert complaints(lines) == ()
