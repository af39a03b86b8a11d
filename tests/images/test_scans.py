"""Scan results: not enabled, pending, scanned without and with problems are four results."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Fault
from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.images import SEVERITIES, PushedImage, scan_results

REPOSITORY = "ocisidecar/web"
PROBLEM = {
    "name": "CVE-0000-0001",
    "cveReference": "CVE-0000-0001",
    "description": "made up",
    "severity": "HIGH",
    "state": "OPEN",
    "vulnerablePackages": [{"name": "zlib", "version": "1.2", "cveFixVersion": "1.3", "type": "DEB"}],
}


@pytest.fixture
def image():
    """An image that was pushed for two platforms."""
    return PushedImage(
        name="web",
        repository=f"fra.ocir.io/emulatedns/{REPOSITORY}",
        tags=("1.0", "1.0-amd64", "1.0-arm64"),
        digest=f"sha256:{'0' * 64}",
    )


def test_without_a_target_scanning_is_not_enabled(provisioner, image):
    """Without a scan target the state is NOT_ENABLED, not SCANNED."""
    report = scan_results(provisioner, image)
    assert (report.state, report.results) == ("NOT_ENABLED", ())


def test_a_target_for_other_repositories_does_not_count(provisioner, emulator, image):
    """Neither a target for other repositories nor a recipe with level NONE enables scanning."""
    emulator.cover_by_scanning("ocisidecar/other")
    emulator.cover_by_scanning(REPOSITORY, scan_level="NONE")
    assert scan_results(provisioner, image).state == "NOT_ENABLED"


@pytest.mark.parametrize("names", [(), (REPOSITORY,), ("ocisidecar/other", REPOSITORY)])
def test_a_covered_image_without_a_result_is_pending(provisioner, emulator, image, names):
    """Results of other tags and repositories leave the state PENDING."""
    emulator.cover_by_scanning(*names)
    emulator.cover_by_scanning()
    emulator.store_scan_result(REPOSITORY, "0.9", PROBLEM)
    emulator.store_scan_result("ocisidecar/web2", "1.0", PROBLEM)
    report = scan_results(provisioner, image)
    assert (report.state, report.results) == ("PENDING", ())


def test_a_scan_without_problems_is_a_result(provisioner, emulator, image):
    """A result without problems counts 0 for each severity."""
    emulator.cover_by_scanning()
    result_id = emulator.store_scan_result(REPOSITORY, "1.0")
    report = scan_results(provisioner, image)
    (result,) = report.results
    assert (report.state, result.scan_result_id, result.tag) == ("SCANNED", result_id, "1.0")
    assert (result.highest_severity, result.problems) == ("NONE", ())
    assert result.counts == dict.fromkeys(SEVERITIES, 0)


def test_problems_hold_their_packages(provisioner, emulator, image):
    """A problem has severity, state, CVE, and packages with the version that fixes it."""
    emulator.cover_by_scanning()
    emulator.store_scan_result(REPOSITORY, "1.0", PROBLEM)
    (problem,) = scan_results(provisioner, image).results[0].problems
    assert (problem.name, problem.cve_reference) == ("CVE-0000-0001", "CVE-0000-0001")
    assert (problem.severity, problem.state, problem.description) == ("HIGH", "OPEN", "made up")
    (package,) = problem.packages
    assert (package.name, package.version, package.fixed_in) == ("zlib", "1.2", "1.3")


def test_only_open_problems_count(provisioner, emulator, image):
    """Fixed problems are listed and not counted, and unknown severities are counted under their names."""
    emulator.cover_by_scanning()
    fixed, not_applicable = ({**PROBLEM, "state": state} for state in ("FIXED", "NOT_APPLICABLE"))
    low = {"name": "minor", "severity": "LOW"}
    emulator.store_scan_result(REPOSITORY, "1.0", PROBLEM, PROBLEM, fixed, not_applicable, low)
    (result,) = scan_results(provisioner, image).results
    assert result.counts == {"CRITICAL": 0, "HIGH": 2, "MEDIUM": 0, "LOW": 1, "NONE": 0}
    assert len(result.problems) == 5


def test_the_newest_result_of_each_tag_counts(provisioner, emulator, clock, image):
    """Of two results for one tag the one that finished later is returned."""
    emulator.cover_by_scanning()
    emulator.store_scan_result(REPOSITORY, "1.0-arm64", PROBLEM)
    clock.advance(60)
    newest = emulator.store_scan_result(REPOSITORY, "1.0-arm64")
    other = emulator.store_scan_result(REPOSITORY, "1.0-amd64")
    results = scan_results(provisioner, image).results
    assert [result.scan_result_id for result in results] == [other, newest]
    assert results[0].time_finished.timestamp() == pytest.approx(clock.time(), abs=1)


def test_a_missing_right_is_an_error(provisioner, emulator, image):
    """A missing right raises NotAuthorizedOrNotFound rather than returning no problems."""
    emulator.inject(Fault.error("list_container_scan_results", "NotAuthorizedOrNotFound"))
    with pytest.raises(NotAuthorizedOrNotFound, match="list_container_scan_results"):
        scan_results(provisioner, image)
