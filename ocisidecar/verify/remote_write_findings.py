"""Why other systems do not take what a Prometheus writes to them.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from ocisidecar.observe.prometheus_log import FailedWrite, failed_writes
from ocisidecar.verify.findings import Finding

_LATELY: Final = timedelta(minutes=3)
_LASTING: Final = timedelta(seconds=30)
"""What fails for a shorter time may be a start: of what is beside Prometheus, or of the network."""


def remote_write_findings(logs: Mapping[str, Iterable[str]], time: datetime) -> Iterator[Finding]:
    """Yield a finding for each Prometheus and way to fail.

    Args:
        logs: key of a container with Prometheus → lines of its log.
        time: now.
    """
    for key, lines in logs.items():
        recent = [one for one in failed_writes(lines) if one.time > time - _LATELY]
        refused = [one for one in recent if one.is_given_up]
        failing = [one for one in recent if not one.is_given_up]
        if refused:
            yield Finding(cause="remote-write-refused", key=key, evidence=_newest_of_each(refused))
        if failing and failing[-1].time - failing[0].time > _LASTING:
            yield Finding(cause="remote-write-failing", key=key, evidence=_newest_of_each(failing))


def _newest_of_each(failures: Iterable[FailedWrite]) -> tuple[str, ...]:
    newest = {one.url: one.error for one in failures}
    return tuple(f"{url}: {error}" for url, error in newest.items())
