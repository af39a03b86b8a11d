"""What a Prometheus says in its log of remote writes, with lines of version 3.5."""

from __future__ import annotations

from datetime import UTC, datetime

from ocisidecar.observe.prometheus_log import FailedWrite, failed_writes

REFUSED = (
    'time=2026-12-01T02:20:41.076Z level=ERROR source=queue_manager.go:1668 msg="non-recoverable error" '
    "component=remote remote_name=9130c8 url=http://127.0.0.1:19999/401/w failedSampleCount=2000 "
    'failedHistogramCount=0 failedExemplarCount=0 err="server returned HTTP status 401 Unauthorized: "'
)
SILENT = (
    'time=2026-12-01T02:20:41.103Z level=WARN source=queue_manager.go:2027 msg="Failed to send batch, retrying" '
    "component=remote remote_name=2f241d url=http://u:p@127.0.0.1:1/w "
    'err="Post \\"http://u:***@127.0.0.1:1/w\\": dial tcp 127.0.0.1:1: connect: connection refused"'
)
OTHER = 'time=2026-12-01T02:20:53.723Z level=WARN source=main.go:1017 msg="Received an OS signal" signal=terminated'


def test_what_is_given_up_and_what_is_repeated():
    """A request that was refused is given up and one without an answer is not; neither shows a password."""
    assert list(failed_writes([OTHER, REFUSED, SILENT, ""])) == [
        FailedWrite(
            time=datetime(2026, 12, 1, 2, 20, 41, 76000, UTC),
            url="http://127.0.0.1:19999/401/w",
            error="server returned HTTP status 401 Unauthorized",
            is_given_up=True,
        ),
        FailedWrite(
            time=datetime(2026, 12, 1, 2, 20, 41, 103000, UTC),
            url="http://127.0.0.1:1/w",
            error='Post "http://127.0.0.1:1/w": dial tcp 127.0.0.1:1: connect: connection refused',
            is_given_up=False,
        ),
    ]
