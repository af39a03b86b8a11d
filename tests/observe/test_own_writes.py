"""What a provisioner wrote lately completes a snapshot, with as few requests as possible."""

from __future__ import annotations

import pytest

from ocisidecar import DeploymentSpec, NetworkSpec
from ocisidecar.client.service_clock import ServiceClock
from ocisidecar.emulator import Fault

SPEC = DeploymentSpec("web", [], network=NetworkSpec.private())


def gets(emulator):
    return [request.operation for request in emulator.requests if request.operation.startswith("get_")]


@pytest.fixture
def applied(provisioner):
    """A provisioner that has just applied a deployment."""
    provisioner.apply(SPEC)
    return provisioner


def test_nothing_is_read_that_lists_show_as_it_was_written(applied, emulator):
    """A plan right after an apply makes no request beyond the lists."""
    before = len(gets(emulator))
    assert not applied.plan(SPEC).changes
    assert [one for one in gets(emulator)[before:] if one != "get_namespace"] == []


def test_what_lists_hide_is_read_for_as_long_as_they_may_lag(applied, emulator, clock):
    """What was created within the last minute is read by OCID where lists do not show it, and later is not."""
    emulator.inject(Fault.stale_list(seconds=3600, times=None))
    assert not applied.plan(SPEC).changes
    clock.advance(61)
    assert applied.plan(SPEC).counts == {"create": 6}


def test_the_service_s_time_is_that_of_its_last_response(clock):
    """The service's clock runs with this machine's, ahead by what the last response showed; others are ignored."""
    service = ServiceClock(clock)
    service.note("Thu, 01 Jan 1970 00:00:00 GMT")
    service.note("soon")
    clock.advance(5)
    assert service.time() == pytest.approx(5, abs=1)
