"""A destroy without `purge` keeps logs with lines, also lines that no search finds yet."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import DeploymentSpec, InstanceSpec, LoggingSpec, Provisioner, RunNotice
from ocisidecar.emulator import Emulator, Latencies
from ocisidecar.emulator.ids import timestamp

SPEC = DeploymentSpec(
    "web", [InstanceSpec("web", image_url="docker.io/acme/web:1")], logging=LoggingSpec.deployment()
)
INDEX_SECONDS = 240


@pytest.fixture
def cloud(clock):
    with Emulator(clock=clock, latencies=evolve(Latencies.realistic(1), log_indexing=INDEX_SECONDS)) as emulator:
        yield emulator


def write_line(cloud: Emulator, log_id: str) -> None:
    """Send one line to a log, as the application does."""
    import oci

    client = oci.loggingingestion.LoggingClient(cloud.oci_config, service_endpoint=cloud.endpoint)
    now = timestamp(cloud.clock.time())
    entry = {"data": "good-bye", "id": "1", "time": now}
    batch = {"entries": [entry], "source": "web", "type": "app", "defaultlogentrytime": now}
    client.put_logs(log_id, {"specversion": "1.0", "logEntryBatches": [batch]})


def destroy(one: Provisioner, name: str = "web") -> tuple[dict[str, str], list[str]]:
    """Destroy, and return what was kept, and the notices."""
    events: list[object] = []
    kept = one.destroy(name, on_event=events.append)
    return dict(kept.resources), [event.message for event in events if isinstance(event, RunNotice)]


def test_a_line_that_was_written_just_before_is_not_lost(cloud, connect, clock):
    """The log is judged when searches would find its last line, and then kept with its group."""
    one = connect(cloud)
    deployment = one.apply(SPEC)
    clock.advance(INDEX_SECONDS)
    write_line(cloud, deployment.resources["log/app"])
    assert sorted(destroy(one)[0]) == ["log-group/main", "log/app"]
    assert sorted(cloud.live()) == ["log", "log-group"]


def test_empty_logs_are_removed_when_no_line_can_be_hidden(cloud, connect, clock):
    """Without a line everything is removed, five minutes after the last instance is gone."""
    one = connect(cloud)
    one.apply(SPEC)
    began = clock.time()
    kept, notices = destroy(one)
    assert (kept, cloud.live()) == ({}, {})
    assert any("would be removed as empty" in notice and "waiting 300 s" in notice for notice in notices)
    assert clock.time() - began > 300


def test_a_purge_does_not_wait(cloud, connect):
    """With `purge` the lines do not count, so nothing is waited for."""
    one = connect(cloud)
    one.apply(SPEC)
    events: list[object] = []
    one.destroy("web", purge=True, on_event=events.append)
    assert not [event for event in events if isinstance(event, RunNotice) and "empty" in event.message]
    assert cloud.live() == {}


def test_a_plan_without_purge_does_not_lose_the_line_either(cloud, connect, clock):
    """A destroy that is given its plan judges the log again at the end, too."""
    one = connect(cloud)
    deployment = one.apply(SPEC)
    clock.advance(INDEX_SECONDS)
    write_line(cloud, deployment.resources["log/app"])
    kept = one.destroy(one.plan_destroy("web"))
    assert sorted(kept.resources) == ["log-group/main", "log/app"]
