"""A report as JUnit XML, for CI systems."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET  # nosec B405  # only writes

from ocisidecar.verify.report import Check, Report, Status

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: W3C, "Extensible Markup Language (XML) 1.0", production Char."""


def report_junit(report: Report) -> str:
    """Return the report as JUnit XML: a test case for each result, named by its check, with its key as class.

    A failed check is a failure and a skipped one is skipped, with its reason.  The evidence of all others, with
    `warning:` before that of a warning, is their `system-out`.

    Source: the "JUnit XML" format as Jenkins, GitLab and GitHub actions read it (`testsuites`, `testsuite`,
    `testcase`).
    """
    totals = {
        "tests": str(len(report.checks)),
        "failures": str(len(report.failures)),
        "errors": "0",
        "skipped": str(report.counts.get(Status.SKIPPED.value, 0)),
    }
    suites = ET.Element("testsuites", {"name": "ocisidecar", **totals})
    suite = ET.SubElement(suites, "testsuite", {"name": _text(report.deployment), **totals})
    for check in report.checks:
        _add(suite, check)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _add(suite: ET.Element, check: Check) -> None:
    element = ET.SubElement(
        suite, "testcase", {"classname": _text(check.key), "name": _text(check.name), "time": "0"}
    )
    match check.status:
        case Status.FAILED:
            ET.SubElement(element, "failure", {"message": _text(check.detail), "type": "check"}).text = _text(
                check.detail
            )
        case Status.SKIPPED:
            ET.SubElement(element, "skipped", {"message": _text(check.reason)})
        case Status.WARNED:
            ET.SubElement(element, "system-out").text = f"warning: {_text(check.detail)}"
        case Status.PASSED if check.detail:
            ET.SubElement(element, "system-out").text = _text(check.detail)


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
