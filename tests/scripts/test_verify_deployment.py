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
    """Return a JUnit document after holding it against the format: elements, attributes, order and counts."""
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
    """What is written."""

    def test_every_status_has_its_place(self):
        """Failures are failures, skips tell their reason, and warnings stay visible without failing."""
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
        """JSON and JUnit hold the checks that are printed."""
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
        """What was found is printed all the same."""
        code, out, err = script(
            "verify_deployment", "--settings", TEMPLATE, "--local", "--junit", tmp_path / "nowhere" / "report.xml"
        )
        assert (
            code,
            "All checks of monitoring-demo that could run passed" in out,
            "nowhere/report.xml" in err,
        ) == (2, True, True)


class TestExitCodes:
    """0 fine, 1 failed, 2 wrong input, 3 the service."""

    @pytest.fixture
    def verify(self, script, connection, settings):
        return lambda *arguments: script("verify_deployment", "--settings", settings, *connection, *arguments)

    def test_a_deployment_that_is_not_there(self, verify):
        """2, and what there is."""
        code, _, err = verify()
        assert (code, "No deployment 'web' exists" in err) == (2, True)

    @pytest.mark.parametrize(("run", "expected"), [(None, 0), (ContainerScript(exits_after_seconds=0), 1)])
    def test_a_deployment_that_is_there(
        self, script, verify, connection, settings, emulator, tmp_path, run, expected
    ):
        """0 when it works, 1 when it does not, and then the reports hold failures."""
        if run is not None:
            emulator.script("web", run)
        script("deploy", "deploy", "--settings", settings, *connection, "--yes")
        junit = tmp_path / "report.xml"
        code, out, _ = verify("--junit", junit, "--no-telemetry", "--read-only")
        assert (code, "checks of web failed" in out) == (expected, expected == 1)
        assert bool(valid(junit.read_text()).findall("testcase/failure")) is (expected == 1)

    def test_wrong_settings(self, verify, settings):
        """2, and the fault with its line."""
        settings.write_text("CONTAINER_COUNT=many\n")
        code, _, err = verify()
        assert (code, "web.env:1: CONTAINER_COUNT" in err) == (2, True)

    def test_a_service_that_refuses(self, verify):
        """3."""
        code, _, err = verify("--compartment-id", "ocid1.compartment.oc1..nowhere")
        assert (code, "NotAuthorizedOrNotFound" in err) == (3, True)
