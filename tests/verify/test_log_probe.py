"""How long entries with the nonce took, on the caller's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ocisidecar import Cancel
from ocisidecar.observe.log_search import LogEntry
from ocisidecar.verify import log_probe
from ocisidecar.verify.log_probe import MarkedLog, ShippedLog

LOG = ShippedLog(id="ocid1.log", key="log/app", scope="compartment")


def entry(source: str) -> LogEntry:
    return LogEntry(time=datetime.fromtimestamp(0, UTC), source=source, subject="a.log", kind="ocisidecar.line")


def test_every_source_has_its_own_delay(provisioner, clock, monkeypatch):
    """From its own request or entry until it was first found; sources of which nothing was sent do not count."""
    there: list[LogEntry] = []
    monkeypatch.setattr(log_probe, "search", lambda *_, **__: tuple(there))
    monkeypatch.setattr(log_probe, "send_entry", lambda *_, **__: None)
    asked = clock.time()
    clock.advance(1)
    marked = MarkedLog(provisioner.session.caller(Cancel()), LOG, "us", "nonce", {"web-0": asked})
    marked.send()
    there += [entry("us"), entry("somebody")]
    assert [one.seconds for one in marked.find()] == pytest.approx([0.0])
    clock.advance(4)
    there.append(entry("web-0"))
    arrivals = marked.find()
    assert [one.entry.source for one in arrivals] == ["us", "web-0"]
    assert [one.seconds for one in arrivals] == pytest.approx([0.0, 5.0])
    clock.advance(9)
    assert marked.find() == arrivals
