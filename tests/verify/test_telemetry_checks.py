"""How evidence about metrics and log lines is judged, where it cannot be made to order through the emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from ocisidecar import HealthCheck, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.observe.http_get import Reply
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.verify.context import Case
from ocisidecar.verify.evidence import Evidence, Front, InstanceEvidence
from ocisidecar.verify.inspection import inspect
from ocisidecar.verify.poll import Asked
from ocisidecar.verify.report import Check, Status
from ocisidecar.verify.telemetry_checks import telemetry_checks
from tests.readers import reader_of

SPEC = (
    InstanceSpec("web", image_url="web:1", ports=[80], health_checks=[HealthCheck.http(80)])
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.log_forwarder())
)


NOW = datetime.fromtimestamp(0, UTC)


@pytest.fixture
def case(provisioner) -> Case:
    """A deployment of which nothing was found out yet; tests say what was."""
    deployment = provisioner.apply(SPEC)
    inspection = inspect(reader_of(provisioner, "web"), deployment.resources)
    return Case(inspection=inspection, logs={}, spec=None, plan=None, max_restarts=0, waited_seconds=0)


def judged(case: Case, name: str, **found) -> Check:
    checks = telemetry_checks(evolve(case, evidence=Evidence(time=NOW, **found)))
    (check,) = [one for one in checks if one.name == name]
    return check


def of_instance(**found) -> dict[str, InstanceEvidence]:
    return {"web-0": InstanceEvidence(**{"front": Front(reason="not asked"), **found})}


@pytest.mark.parametrize(("seconds", "status"), [(0.199, Status.PASSED), (0.2, Status.WARNED)])
def test_an_answer_within_200_ms(case, seconds, status):
    """The median counts; a slower one only warns, since the way there is part of it."""
    replies = [Reply(status=200, seconds=one) for one in (seconds, 9.0, 0.001)]
    front = Front(url="http://web/", replies=tuple(replies))
    check = judged(case, "app-answers", instances=of_instance(front=front))
    assert (check.status, check.detail) == (status, f"GET http://web/: 200, median {seconds * 1000:.1f} ms of 3")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("log-lines-arrive", {"lines": {"log/app": Asked(answer=(), seconds=180.0)}}),
        ("metrics-arrive", {"datapoints": {"ocisidecar": Asked(answer=False, seconds=180.0)}}),
    ],
)
def test_what_was_sent_and_never_found_fails(case, name, found):
    """With how long it was looked for."""
    check = judged(case, name, source="ocisidecar/web", **found)
    assert check.status is Status.FAILED
    assert check.detail.endswith("sent from here was not found within 180 s")


def test_a_deployment_without_a_log(case):
    """Nothing could be sent to it."""
    check = judged(case, "log-lines-arrive", source="ocisidecar/web")
    assert (check.status, check.reason) == (Status.SKIPPED, "the deployment has no log")


@pytest.mark.parametrize("name", ["log-lines-arrive", "volumes-shared"])
def test_a_log_that_cannot_be_searched(case, name):
    """It is skipped with the service's words."""
    found = {"lines": {"log/app": Asked(refusal="403")}} if name == "volumes-shared" else {"source": "us"}
    refused = of_instance(entries=Asked(refusal="search_logs: 403"))
    checks = telemetry_checks(evolve(case, evidence=Evidence(time=NOW, instances=refused, **found)))
    reasons = [one.reason for one in checks if one.name == name]
    assert "the log cannot be searched: search_logs: 403" in reasons


@pytest.mark.parametrize(("days", "status"), [(13, Status.FAILED), (15, Status.SKIPPED)])
def test_a_forwarder_of_which_nothing_is_found(case, days, status):
    """No search reaches back to the start of an old instance, whose app may be silent since."""
    (instance,) = case.inspection.instances
    time = datetime.fromisoformat(instance.time_created) + timedelta(days=days)
    evidence = Evidence(time=time, instances=of_instance(entries=Asked(answer=())))
    checks = telemetry_checks(evolve(case, evidence=evidence))
    assert [one.status for one in checks if one.key.endswith("/log-forwarder")] == [status]


LINE = LogEntry(time=NOW, source="ocid1", subject="access.log", kind="ocisidecar.line")
ANSWERED = Front(url="http://web/", replies=(Reply(status=200),))


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ({"entries": Asked(answer=())}, Status.FAILED),
        ({"entries": Asked(answer=(LINE,)), "front": ANSWERED}, Status.FAILED),
        ({"entries": Asked(answer=(LINE,))}, Status.WARNED),
        (
            {"entries": Asked(answer=(LINE,)), "front": ANSWERED, "request": Arrival(entry=LINE, seconds=1.0)},
            Status.WARNED,
        ),
    ],
)
def test_a_forwarder_that_complains(case, found, status):
    """Its words are told; it fails where lines that should have come did not, and else deserves a look."""
    (instance,) = case.inspection.instances
    evidence = Evidence(
        time=datetime.fromisoformat(instance.time_created),
        source="ocisidecar/web",
        instances=of_instance(complaints=("push failed: status 404",), **found),
    )
    checks = telemetry_checks(evolve(case, evidence=evidence))
    (check,) = [one for one in checks if one.key.endswith("/log-forwarder")]
    assert check.status is status
    assert check.detail.endswith("; its log says: push failed: status 404")


def test_a_line_of_the_app_is_not_the_entry_that_was_sent(case):
    """Both bear the nonce; that one arrived says nothing of the other."""
    arrived = Asked(answer=(Arrival(entry=LINE, seconds=1.0),), seconds=60.0)
    check = judged(case, "log-lines-arrive", source="ocisidecar/web", lines={"log/app": arrived})
    assert (check.status, check.detail) == (Status.FAILED, "an entry sent from here was not found within 60 s")


def test_metrics_that_cannot_be_read(case):
    """Neither usage nor anything else is judged by them."""
    refused = Asked(refusal="summarize_metrics_data: 404")
    check = judged(case, "usage-within-limits", instances=of_instance(), usage=refused)
    assert check.reason == "metrics cannot be read: summarize_metrics_data: 404"
