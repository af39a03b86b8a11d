"""Errors in the log forwarder's own log."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.observe.forwarder_log import open_errors

FAILED = {"time": "t", "level": "WARNING", "event": "push failed", "status": 404, "reason": "no", "failures": 2}
ACCEPTED = {"time": "t", "level": "INFO", "event": "push accepted again", "failures": 2}
UNREADABLE = {"time": "t", "level": "ERROR", "event": "cannot open", "path": "a.log", "reason": "Permission denied"}


def errors_in(*entries: dict[str, object]) -> tuple[str, ...]:
    return open_errors(json.dumps(entry) for entry in entries)


def test_the_newest_error_of_each_event_is_returned():
    """Each error has all fields of its newest line except time, level and event."""
    assert errors_in(FAILED, UNREADABLE, FAILED | {"failures": 4}) == (
        "push failed: status 404, reason no, failures 4",
        "cannot open: path a.log, reason Permission denied",
    )


def test_an_accepted_push_resolves_a_failed_one():
    """A failed push is no longer open after an accepted one, and is open again after the next failure."""
    assert errors_in(FAILED, ACCEPTED) == ()
    assert errors_in(FAILED, ACCEPTED, FAILED) == errors_in(FAILED)


@given(st.lists(st.text() | st.just("null") | st.just("[1]") | st.just('{"level": "INFO"}')))
def test_lines_of_another_form_are_ignored(lines):
    """Lines that are not JSON objects of level WARNING or ERROR give no errors."""
    assert open_errors(lines) == ()
