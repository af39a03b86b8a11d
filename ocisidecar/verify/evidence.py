"""What `verify()` found out about metrics and log lines: values that the checks judge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from ocisidecar.observe.http_get import Reply
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import PollResult


@frozen(kw_only=True)
class Front:
    """How the app answered at the path of its health check.

    Attributes:
        url: what was asked for; empty when nothing could be.
        replies: one for each request.
        reason: why nothing was asked.
        doubt: why what answered need not be the instance; empty when it is.
        time: when the first request was made, on the clock that arrivals are measured with.
    """

    url: str = ""
    replies: tuple[Reply, ...] = ()
    reason: str = ""
    doubt: str = ""
    time: float = 0.0

    @property
    def is_reached(self) -> bool:
        """Whether every request was answered."""
        return bool(self.replies) and all(reply.status for reply in self.replies)

    @property
    def fault(self) -> str:
        """What is wrong with the first answer that is not good; empty when all are."""
        return next((one.trouble or f"status {one.status}" for one in self.replies if not one.is_good), "")


@frozen(kw_only=True)
class Target:
    """One target as Prometheus sees it.

    Attributes:
        job: the scrape job, e.g. `node-exporter`.
        container: that the target is in; empty when the configuration does not say.
        state: `up`, `down`, or `unknown` before the first scrape.
        seconds: that the last scrape took; None when that is not known.
        error: of the last scrape.
    """

    job: str
    container: str
    state: str
    seconds: float | None = None
    error: str = ""


@frozen(kw_only=True)
class Targets:
    """The targets of one Prometheus.

    Attributes:
        found: its targets.
        witness: who says so; empty when nobody could be asked.
        reason: why there are none.
    """

    found: tuple[Target, ...] = ()
    witness: str = ""
    reason: str = ""

    @property
    def are_up(self) -> bool:
        """Whether there are some, and every one is up."""
        return bool(self.found) and all(target.state == "up" for target in self.found)


@frozen(kw_only=True)
class InstanceEvidence:
    """What was found out about one container instance.

    Attributes:
        front: how the app answered.
        entries: the newest entries that its log forwarder sent; None without a log forwarder.
        complaints: what its log forwarder says is wrong.
        request: the line of the marked request that the app just answered; None when none arrived.
        targets: what its Prometheus says when asked directly.
        samples: what its management agent sent lately of `up` and `scrape_duration_seconds`; None without an agent.
    """

    front: Front
    entries: PollResult[tuple[LogEntry, ...]] | None = None
    complaints: tuple[str, ...] = ()
    request: Arrival | None = None
    targets: Targets = field(factory=Targets)
    samples: PollResult[tuple[MetricRow, ...]] | None = None


@frozen(kw_only=True)
class Evidence:
    """What was found out about a deployment.

    Attributes:
        time: when all had been asked.
        source: who sent the nonce; empty when nobody did.
        lines: log → what bears the nonce there, and after how long.
        datapoints: metric namespace → whether the datapoint with the nonce was found.
        usage: what OCI measured of instances and containers lately.
        instances: name of the instance, if it is active → what was found out about it.
    """

    time: datetime
    source: str = ""
    lines: Mapping[str, PollResult[tuple[Arrival, ...]]] = field(factory=dict)
    datapoints: Mapping[str, PollResult[bool]] = field(factory=dict)
    usage: PollResult[tuple[MetricRow, ...]] = field(factory=PollResult)
    instances: Mapping[str, InstanceEvidence] = field(factory=dict)
