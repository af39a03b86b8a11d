"""The line of each check in a report, which agrees with the sign before it."""

from __future__ import annotations

import pytest

from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.views.report import WORDINGS, report_page


def result(status: Status, key: str = "container-instance/web-0/web", name: str = "running") -> Check:
    return Check(name=name, key=key, status=status, detail="seen", reason="unseen" if status == "skipped" else "")


def line_of(*checks: Check) -> tuple[str, str]:
    (row,) = report_page(Report("web", checks)).sections[0].rows
    return row.sign, row.text


PROMETHEUS = result(Status.FAILED, "container-instance/web-0/prometheus")
HELPER = result(Status.WARNED, "container-instance/web-0/helper")
PASSED, SKIPPED = result(Status.PASSED), result(Status.SKIPPED)


@pytest.mark.parametrize(
    ("checks", "line"),
    [
        ([PASSED, PASSED, PASSED], ("✓", "3 of 3 containers run as expected")),
        ([PASSED], ("✓", "1 of 1 container runs as expected")),
        ([PASSED, SKIPPED], ("✓", "1 of 2 containers runs as expected, 1 not checked")),
        ([PASSED, PASSED, PROMETHEUS], ("✗", "1 of 3 containers is not running: prometheus")),
        ([PASSED, PROMETHEUS, HELPER], ("✗", "2 of 3 containers are not running: prometheus, helper")),
        ([PASSED, HELPER], ("!", "1 of 2 containers is not running: helper")),
        ([SKIPPED, SKIPPED], ("○", "container states not checked")),
    ],
)
def test_a_line_states_what_was_found(checks, line):
    """A line counts and names the results that have its sign's status, and says if nothing was checked."""
    assert line_of(*checks) == line


def test_a_warning_with_its_own_sentence_is_not_stated_as_a_failure():
    """The line of a slow app says that it is slow, and an app that does not answer is not counted as slow."""
    slow = result(Status.WARNED, name="app-answers")
    silent = result(Status.FAILED, "container-instance/web-1/web", name="app-answers")
    assert line_of(slow) == ("!", "1 of 1 app takes 200 ms or more to answer: web")
    assert line_of(slow, silent) == ("✗", "1 of 2 apps does not answer with success: web")


def test_replicas_are_named_with_their_instance():
    """Containers of the same name have their instance's name, and at most three containers are named."""
    failed = [result(Status.FAILED, f"container-instance/web-{number}/web") for number in range(5)]
    assert line_of(*failed)[1] == "5 of 5 containers are not running: web-0/web, web-1/web, web-2/web and 2 more"


@pytest.mark.parametrize("name", WORDINGS)
def test_no_line_states_the_opposite_of_its_sign(name):
    """The sentences of a check for what passed, failed and warned are all different, and none is left unfilled."""
    lines = [line_of(result(status, name=name)) for status in (Status.PASSED, Status.FAILED, Status.WARNED)]
    passed, failed, warned = (text for _, text in lines)
    assert passed not in failed
    assert passed not in warned
    assert not any(brace in text for _, text in lines for brace in "{}")


def test_a_check_without_wording_is_counted():
    """A check that has no sentences is shown with the number of its results."""
    assert line_of(result(Status.FAILED, "vcn/main", name="new")) == ("✗", "1 of 1 check failed: vcn/main")


@pytest.mark.parametrize(
    ("checks", "summary"),
    [
        ([], "Nothing to check in web."),
        ([PASSED], "All checks of web passed: 1 passed."),
        ([PASSED, HELPER], "All checks of web passed with warnings: 1 passed, 1 warned."),
        ([PASSED, PROMETHEUS], "1 of 2 checks of web failed: 1 passed, 1 failed."),
        ([SKIPPED], "All checks of web that could run passed: 1 skipped."),
    ],
)
def test_the_summary_counts(checks, summary):
    """The summary says whether checks failed, warned, or could not run, and counts them."""
    assert report_page(Report("web", tuple(checks))).summary == summary
