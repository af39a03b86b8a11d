"""diagnose() names systems that do not take what a Prometheus writes to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ocisidecar import InstanceSpec, SidecarSpec
from ocisidecar.emulator import ContainerScript
from ocisidecar.timestamps import now
from ocisidecar.verify.remote_write_findings import remote_write_findings

KEY = "container-instance/web-0/prometheus"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
URL = "https://metrics.example.com/push"


def line(seconds_ago, *, status, url=URL, moment=NOW):
    """Return what Prometheus writes of a request that was answered with a status."""
    message = "non-recoverable error" if status < 500 else "Failed to send batch, retrying"
    time = (moment - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")
    error = f'err="server returned HTTP status {status}"'
    return f'time={time} level=WARN source=q.go:1 msg="{message}" component=remote url={url} count=1 {error}'


@pytest.mark.parametrize(
    ("lines", "causes"),
    [
        ([line(10, status=401)], ["remote-write-refused"]),
        ([line(600, status=401)], []),
        ([line(100, status=500), line(40, status=500)], ["remote-write-failing"]),
        ([line(40, status=500)], []),
        ([line(100, status=500), line(40, status=500, url="http://other/")], ["remote-write-failing"]),
        ([line(400, status=500), line(300, status=500)], []),
        (
            [line(90, status=503), line(30, status=503), line(20, status=400, url="http://other/")],
            ["remote-write-refused", "remote-write-failing"],
        ),
        (["listening", "level=INFO"], []),
    ],
)
def test_what_goes_on_is_told(lines, causes):
    """A refusal is told at once, a failure that may pass once it lasts, and neither when it is over."""
    found = list(remote_write_findings({KEY: lines}, NOW))
    assert [one.cause for one in found] == causes
    assert all(one.key == KEY for one in found)


def test_the_evidence_is_the_newest_answer_of_each_system(provisioner, clock):
    """The evidence has URL and answer, from the log of a running Prometheus."""
    lines = [line(0, status=status, moment=now(clock)) for status in (400, 401)]
    provisioner.emulator.script("prometheus", ContainerScript(lines=lines))
    spec = InstanceSpec("web", image_url="web:1").with_sidecar(SidecarSpec.prometheus(remote_write=[URL]))
    (finding,) = provisioner.apply(spec, wait="ready").diagnose().findings
    assert (finding.cause, finding.key) == ("remote-write-refused", KEY)
    assert finding.evidence == (f"{URL}: server returned HTTP status 401",)
