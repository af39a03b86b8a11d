"""verify_deployment.py: exit codes, JSON and JUnit."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from ocisidecar.emulator.simulated_pods import ContainerScript
from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.views.junit import report_junit
from tests.scripts.conftest import SCRIPTS

TEMPLATE = SCRIPTS / "oci-monitoring.env.template"


def valid(text):
    """Return the suite of a JUnit document after validating its elements, attributes and counts."""
    suites = ET.fromstring(text)  # noqa: S314 our own text
    assert suites.tag == "testsuites"
    (suite,) = suites
    cases = list(suite)
    for one in (suites, suite):
        assert one.attrib.keys() == {"name", "tests", "failures", "errors", "skipped"}
        assert int(one.get("tests")) == len(cases)
        assert int(one.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(one.get("skipped")) == len(suite.findall("testcase/skipped"))
    for case in cases:
        assert case.tag == "testcase"
        assert case.attrib.keys() == {"classname", "name", "time"}
        assert len(case) <= 1
        assert all(child.tag in {"failure", "skipped", "system-out"} for child in case)
    return suite


class TestReports:
    """The report files."""

    def test_every_status_has_its_place(self):
        """Failed checks are failures, skipped ones have their reason, and warnings are output of passed cases."""
        checks = (
            Check(name="running", key="c/web", status=Status.PASSED, detail="RUNNING"),
            Check(name="ready", key="vcn/main", status=Status.PASSED),
            Check(name="restarts", key="c/web", status=Status.WARNED, detail="1 restart"),
            Check(name="health", key="c/<web>", status=Status.FAILED, detail='exit "137" & \x1b[31mred\x00'),
            Check(name="targets-up", key="web", status=Status.SKIPPED, reason="simulated"),
        )
        passed, silent, warned, failed, skipped = valid(report_junit(Report("web", checks)))
        assert passed.findtext("system-out") == "RUNNING"
        assert len(silent) == 0
        assert warned.findtext("system-out") == "warning: 1 restart"
        assert failed.get("classname") == "c/<web>"
        assert failed.find("failure").get("message").startswith('exit "137" & ')
        assert skipped.find("skipped").get("message") == "simulated"

    def test_files(self, script, tmp_path):
        """The JSON and JUnit files contain the same checks."""
        json_file, junit_file = tmp_path / "report.json", tmp_path / "report.xml"
        code, out, _ = script(
            "verify_deployment", "--settings", TEMPLATE, "--local", "--json", json_file, "--junit", junit_file
        )
        assert (code, "All checks of monitoring-demo that could run passed" in out) == (0, True)
        report = json.loads(json_file.read_text())
        suite = valid(junit_file.read_text())
        assert report["ok"] is True
        assert [case.get("name") for case in suite] == [check["name"] for check in report["checks"]]

    def test_a_file_that_cannot_be_written(self, script, tmp_path):
        """The report is printed even if a report file cannot be written."""
        code, out, err = script(
            "verify_deployment", "--settings", TEMPLATE, "--local", "--junit", tmp_path / "nowhere" / "report.xml"
        )
        assert (
            code,
            "All checks of monitoring-demo that could run passed" in out,
            "nowhere/report.xml" in err,
        ) == (2, True, True)


class TestExitCodes:
    """The exit code depends on the result."""

    @pytest.fixture
    def verify(self, script, connection, settings):
        return lambda *arguments: script("verify_deployment", "--settings", settings, *connection, *arguments)

    def test_a_deployment_that_is_not_there(self, verify):
        """A deployment that does not exist ends with 2."""
        code, _, err = verify()
        assert (code, "No deployment 'web' in this" in err) == (2, True)

    @pytest.mark.parametrize(("run", "expected"), [(None, 0), (ContainerScript(exits_after_seconds=0), 1)])
    def test_a_deployment_that_is_there(
        self, script, verify, connection, settings, emulator, tmp_path, run, expected
    ):
        """A working deployment ends with 0, a broken one with 1 and failures in the reports."""
        if run is not None:
            emulator.script("web", run)
        script("deploy", "deploy", "--settings", settings, *connection, "--yes")
        junit = tmp_path / "report.xml"
        code, out, _ = verify("--junit", junit, "--no-telemetry", "--read-only")
        assert (code, "checks of web failed" in out) == (expected, expected == 1)
        assert bool(valid(junit.read_text()).findall("testcase/failure")) is (expected == 1)

    def test_wrong_settings(self, verify, settings):
        """A wrong setting ends with 2 and a message with its line."""
        settings.write_text("CONTAINER_COUNT=many\n")
        code, _, err = verify()
        assert (code, "web.env:1: CONTAINER_COUNT" in err) == (2, True)

    def test_a_service_that_refuses(self, verify):
        """A refused request ends with 3."""
        code, _, err = verify("--compartment-id", "ocid1.compartment.oc1..nowhere")
        assert (code, "NotAuthorizedOrNotFound" in err) == (3, True)
