"""Results of the telemetry checks for evidence that the emulator cannot produce on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from ocisidecar import HealthCheck, InstanceSpec, SidecarSpec, VolumeSpec
from ocisidecar.observe.http_get import Response
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.observe.polling import PollResult
from ocisidecar.verify.context import CheckContext
from ocisidecar.verify.evidence import AppProbe, Evidence, InstanceEvidence
from ocisidecar.verify.inspection import inspect
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
def context(provisioner) -> CheckContext:
    """The input of the checks for a deployment without evidence."""
    deployment = provisioner.apply(SPEC)
    inspection = inspect(reader_of(provisioner, "web"), deployment.resources)
    return CheckContext(inspection=inspection, logs={}, spec=None, plan=None, max_restarts=0, waited_seconds=0)


def run(context: CheckContext, name: str, **found) -> Check:
    checks = telemetry_checks(evolve(context, evidence=Evidence(time=NOW, **found)))
    (check,) = [one for one in checks if one.name == name]
    return check


def of_instance(**found) -> dict[str, InstanceEvidence]:
    return {"web-0": InstanceEvidence(**{"app": AppProbe(skip_reason="not asked"), **found})}


@pytest.mark.parametrize(("seconds", "status"), [(0.199, Status.PASSED), (0.2, Status.WARNED)])
def test_an_answer_within_200_ms(context, seconds, status):
    """The median of the responses passes below 200 ms and warns from there on."""
    responses = [Response(status=200, elapsed_seconds=one) for one in (seconds, 9.0, 0.001)]
    app = AppProbe(url="http://web/", responses=tuple(responses))
    check = run(context, "app-answers", instances=of_instance(app=app))
    assert (check.status, check.detail) == (status, f"GET http://web/: 200, median {seconds * 1000:.1f} ms of 3")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("log-lines-arrive", {"arrivals": {"log/app": PollResult(value=(), elapsed_seconds=180.0)}}),
        ("metrics-arrive", {"datapoints": {"ocisidecar": PollResult(value=False, elapsed_seconds=180.0)}}),
    ],
)
def test_what_was_sent_and_never_found_fails(context, name, found):
    """A test entry or datapoint that is not found fails, with the time waited."""
    check = run(context, name, marker="nonce0", **found)
    assert check.status is Status.FAILED
    assert check.detail.endswith("did not arrive within 180 s")


def test_a_deployment_without_a_log(context):
    """Without a log the check of log lines is skipped."""
    check = run(context, "log-lines-arrive", marker="nonce0")
    assert (check.status, check.reason) == (Status.SKIPPED, "the deployment has no log")


@pytest.mark.parametrize("name", ["log-lines-arrive", "volumes-shared"])
def test_a_log_that_cannot_be_searched(context, name):
    """A log that cannot be searched is skipped with the service's error."""
    found = {"arrivals": {"log/app": PollResult(error="403")}} if name == "volumes-shared" else {"marker": "nonce0"}
    refused = of_instance(forwarded=PollResult(error="search_logs: 403"))
    checks = telemetry_checks(evolve(context, evidence=Evidence(time=NOW, instances=refused, **found)))
    reasons = [one.reason for one in checks if one.name == name]
    assert "the log cannot be searched: search_logs: 403" in reasons


@pytest.mark.parametrize(("days", "status"), [(13, Status.FAILED), (15, Status.SKIPPED)])
def test_a_forwarder_without_entries(context, days, status):
    """A forwarder without entries fails if the search reaches back to the instance's creation, else is skipped."""
    (instance,) = context.inspection.instances
    time = datetime.fromisoformat(instance.time_created) + timedelta(days=days)
    evidence = Evidence(time=time, instances=of_instance(forwarded=PollResult(value=())))
    checks = telemetry_checks(evolve(context, evidence=evidence))
    assert [one.status for one in checks if one.key.endswith("/log-forwarder")] == [status]


LINE = LogEntry(time=NOW, source="ocid1", subject="access.log", entry_type="ocisidecar.line")
ANSWERED = AppProbe(url="http://web/", responses=(Response(status=200),))


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ({"forwarded": PollResult(value=())}, Status.FAILED),
        ({"forwarded": PollResult(value=(LINE,)), "app": ANSWERED}, Status.FAILED),
        ({"forwarded": PollResult(value=(LINE,))}, Status.WARNED),
        (
            {
                "forwarded": PollResult(value=(LINE,)),
                "app": ANSWERED,
                "nonce_line": Arrival(marker="nonce1", entry=LINE, delay_seconds=1.0),
            },
            Status.WARNED,
        ),
    ],
)
def test_a_forwarder_with_errors(context, found, status):
    """Errors of a forwarder fail if the expected line is missing, and warn otherwise."""
    (instance,) = context.inspection.instances
    evidence = Evidence(
        time=datetime.fromisoformat(instance.time_created),
        marker="nonce0",
        instances=of_instance(log_errors={"log-forwarder": ("push failed: status 404",)}, **found),
    )
    checks = telemetry_checks(evolve(context, evidence=evidence))
    (check,) = [one for one in checks if one.key.endswith("/log-forwarder")]
    assert check.status is status
    assert check.detail.endswith("; its log says: push failed: status 404")


def test_a_line_of_the_app_is_not_the_entry_that_was_sent(context):
    """The arrival of a line of the app does not let the test entry pass."""
    arrived = PollResult(value=(Arrival(marker="nonce1", entry=LINE, delay_seconds=1.0),), elapsed_seconds=60.0)
    check = run(context, "log-lines-arrive", marker="nonce0", arrivals={"log/app": arrived})
    assert (check.status, check.detail) == (Status.FAILED, "a test entry did not arrive within 60 s")


def test_metrics_that_cannot_be_read(context):
    """Usage is skipped with the service's error if metrics cannot be read."""
    refused = PollResult(error="summarize_metrics_data: 404")
    check = run(context, "usage-within-limits", instances=of_instance(), usage=refused)
    assert check.reason == "metrics cannot be read: summarize_metrics_data: 404"
