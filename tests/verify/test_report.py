"""Values of reports: counts, errors and JSON."""

from __future__ import annotations

import json
import pickle

import pytest

from ocisidecar import ChecksFailed
from ocisidecar.verify.report import Check, Report, Status


def report(*statuses: Status) -> Report:
    checks = [Check(name="running", key=f"vcn/{number}", status=one) for number, one in enumerate(statuses)]
    return Report("web", tuple(checks))


def test_failures_are_raised_with_the_report():
    """The error names the first three failures, and has the report, also after pickling."""
    some = report(Status.PASSED, *[Status.FAILED] * 5)
    with pytest.raises(
        ChecksFailed, match=r"(?s)5 of 6 checks of web failed.*running of vcn/1.*and 2 more"
    ) as caught:
        some.raise_for_failures()
    assert caught.value.report is some
    assert pickle.loads(pickle.dumps(caught.value)).report == some  # noqa: S301 - our own bytes


def test_long_evidence_is_cut():
    """The message of a failure with 500 characters of evidence stays below 350 characters."""
    check = Check(name="running", key="vcn/main", status=Status.FAILED, detail="x" * 500)
    with pytest.raises(ChecksFailed, match="1 of 1") as caught:
        Report("web", (check,)).raise_for_failures()
    assert len(str(caught.value)) < 350
    assert "more" not in str(caught.value)


def test_warnings_and_skips_are_no_failures():
    """Warnings and skipped checks are counted and raise no error."""
    some = report(Status.WARNED, Status.SKIPPED, Status.PASSED)
    assert some.ok
    some.raise_for_failures()
    assert some.counts == {"passed": 1, "warned": 1, "skipped": 1}


def test_a_report_turns_into_json():
    """JSON has every check with its evidence."""
    assert json.loads(report(Status.FAILED).to_json()) == {
        "deployment": "web",
        "ok": False,
        "counts": {"failed": 1},
        "checks": [
            {"name": "running", "key": "vcn/0", "status": "failed", "detail": "", "reason": "", "remedy": ""}
        ],
    }
