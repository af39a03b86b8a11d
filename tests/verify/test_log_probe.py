"""Delays of the entries with the nonce, as the emulator's log search finds them."""

from __future__ import annotations

import json

import pytest

from ocisidecar import Cancel, DeploymentSpec, InstanceSpec, LoggingSpec
from ocisidecar.timestamps import now, rfc3339
from ocisidecar.verify.inspection import inspect
from ocisidecar.verify.log_probe import LogProbe, Markers, log_destinations
from tests.readers import reader_of

SPEC = DeploymentSpec("web", [InstanceSpec("web", image_url="web:1")], logging=LoggingSpec.deployment())


@pytest.fixture
def log(provisioner):
    """The log of a deployment."""
    deployment = provisioner.apply(SPEC)
    (destination,) = log_destinations(inspect(reader_of(provisioner, "web"), deployment.resources))
    return destination


@pytest.fixture
def send(sdk, clock, log):
    """Sends an entry with the nonce from a source."""

    def put(source: str, marker: str) -> None:
        time = rfc3339(now(clock))
        entry = {"id": source, "time": time, "data": json.dumps({"message": f"GET /?{marker}"})}
        batch = {"source": source, "type": "ocisidecar.line", "defaultlogentrytime": time, "entries": [entry]}
        details = {"specversion": "1.0", "logEntryBatches": [batch]}
        sdk("loggingingestion.LoggingClient").put_logs(log.id, details)

    return put


def test_each_marker_has_its_own_delay(provisioner, clock, log, send):
    """A delay lasts until the marker is first found; the source does not count, and other markers are ignored."""
    markers = Markers("nonce")
    requested_at = clock.time()
    clock.advance(1)
    caller = provisioner.session.caller(Cancel())
    probe = LogProbe(caller, log, "us", markers, {markers.of("web-0"): requested_at})
    probe.send()
    send("localhost", markers.of("web-1"))
    assert [one.delay_seconds for one in probe.find()] == pytest.approx([0.0])
    clock.advance(4)
    send("localhost", markers.of("web-0"))
    arrivals = probe.find()
    assert {one.marker: one.delay_seconds for one in arrivals} == pytest.approx(
        {markers.own: 0.0, markers.of("web-0"): 5.0}
    )
    clock.advance(9)
    assert probe.find() == arrivals
