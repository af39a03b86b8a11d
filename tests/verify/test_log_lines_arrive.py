"""Whether log lines arrive: entries of log forwarders, and what their absence means."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Fault
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.report import Status
from tests.verify.telemetry import FORWARDER, INSTANCE, found, verdicts


def test_a_forwarder_that_never_sent_anything_fails(look, clock):
    """A log forwarder without any entry fails after the whole timeout."""
    began = clock.time()
    report = look(telemetry_timeout_seconds=30)
    assert clock.time() - began >= 30
    assert found(report, "log-lines-arrive", FORWARDER).status is Status.FAILED
    assert found(report, "volumes-shared", INSTANCE).status is Status.SKIPPED


def test_an_app_that_writes_no_lines(look, begin):
    """If the app writes nothing, the log forwarder passes and the shared volume is skipped."""
    begin()
    report = look()
    assert found(report, "log-lines-arrive", FORWARDER).detail.startswith("newest entry: log-forwarder, ")
    assert found(report, "volumes-shared", INSTANCE).reason.startswith("no line of a file on the volume 'logs'")


def test_an_instance_that_cannot_be_reached(look, ship):
    """Any line of a file proves that the volume is shared; app and Prometheus are skipped with the reason."""
    ship("a line", subject="app/today.log")
    report = look(url=None)
    assert "a line of 'app/today.log'" in found(report, "volumes-shared", INSTANCE).detail
    assert "in its VCN" in found(report, "app-answers", f"{INSTANCE}/web").reason
    assert "in its VCN" in found(report, "targets-up", INSTANCE).reason


@pytest.mark.parametrize("source", ["web/web-0", "its OCID"])
def test_a_forwarder_is_known_by_ocid_or_by_name(look, ship, deployment, source):
    """Entries count as the log forwarder's if their source is the instance's OCID or the name that it was given."""
    ship("a line", source=deployment.resources[INSTANCE] if source == "its OCID" else source)
    assert found(look(), "log-lines-arrive", FORWARDER).status is Status.PASSED


@pytest.mark.parametrize("source", ["localhost", "other-web/web-0"])
def test_lines_are_matched_by_marker(look, ship, endpoint, source):
    """The line with the marker of the request to an instance proves its volume, whatever the line's source is."""
    endpoint.wrote = lambda line: ship(line, source=source)
    assert "the app logged a request to" in found(look(), "volumes-shared", INSTANCE).detail


def test_lines_of_other_sources_are_no_evidence(look, sdk, deployment, clock):
    """An entry of another source does not let the log forwarder pass."""
    batch = {
        "source": "somebody",
        "subject": "access.log",
        "type": "ocisidecar.line",
        "defaultlogentrytime": rfc3339(now(clock)),
        "entries": [{"id": "1", "data": "GET /"}],
    }
    details = {"specversion": "1.0", "logEntryBatches": [batch]}
    sdk("loggingingestion.LoggingClient").put_logs(deployment.resources["log/app"], details)
    assert found(look(), "log-lines-arrive", FORWARDER).status is Status.FAILED


@pytest.mark.parametrize("operation", ["put_logs", "search_logs"])
def test_a_user_without_the_right(look, real_containers, begin, operation):
    """A missing permission skips the check with the service's error, and nothing fails."""
    begin()
    real_containers.inject(Fault.error(operation, "NotAuthorizedOrNotFound", times=None))
    report = look()
    assert "404" in found(report, "log-lines-arrive", "log/app").reason
    assert "failed" not in verdicts(report, "log-lines-arrive").values()
