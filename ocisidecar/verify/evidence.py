"""Evidence about metrics and log lines, as `telemetry` collects it and `telemetry_checks` judges it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from ocisidecar.observe.http_get import Response
from ocisidecar.observe.instances import Container
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import PollResult
from ocisidecar.verify.readings import Readings

_NOT_ASKED = "nothing was asked"


@frozen(kw_only=True)
class AppProbe:
    """The app's responses at the path of its health check.

    Attributes:
        url: what was requested; empty if nothing was.
        responses: one for each request.
        skip_reason: why there are no responses, or why they prove nothing.
        caveat: why the responses may come from another machine; empty if they cannot.
        started_at: when the first request was sent, by the session's clock.
    """

    url: str = ""
    responses: tuple[Response, ...] = ()
    skip_reason: str = ""
    caveat: str = ""
    started_at: float = 0.0

    @property
    def is_reached(self) -> bool:
        """Whether every request got a response."""
        return bool(self.responses) and all(response.status for response in self.responses)

    @property
    def error(self) -> str:
        """What is wrong with the first response that is not a success; empty if all are."""
        return next((one.error or f"status {one.status}" for one in self.responses if not one.is_success), "")


@frozen(kw_only=True)
class TargetStatus:
    """One scrape target as Prometheus sees it.

    Attributes:
        job: the scrape job, e.g. `node-exporter`.
        container: the container of the target; empty if Prometheus's configuration does not name it.
        state: `up`, `down`, or `unknown` before the first scrape.
        scrape_seconds: duration of the last scrape; None if it is not known.
        error: of the last scrape.
    """

    job: str
    container: str
    state: str
    scrape_seconds: float | None = None
    error: str = ""


@frozen(kw_only=True)
class PrometheusTargets:
    """The scrape targets of one Prometheus.

    Attributes:
        targets: their states.
        reported_by: where the states come from, `Prometheus` or `OCI Monitoring`; empty if neither could be asked.
        reason: why there are no targets.
    """

    targets: tuple[TargetStatus, ...] = ()
    reported_by: str = ""
    reason: str = ""

    @property
    def are_all_up(self) -> bool:
        """Whether there are targets, and every one is up."""
        return bool(self.targets) and all(target.state == "up" for target in self.targets)


@frozen(kw_only=True)
class InstanceEvidence:
    """Evidence about one container instance.

    Attributes:
        app: the app's responses.
        forwarded: the newest entries that its log forwarder sent; None without a log forwarder.
        log_errors: name of a forwarder → errors in its own log that are not resolved.
        nonce_line: the app's log line about the request with the nonce; None if none arrived.
        targets: what its Prometheus reports.
        samples: what its management agent and its metrics forwarder sent lately of `up` and
            `scrape_duration_seconds`; None where nothing sends them.
        readings: what its programs say of their own work.
        sent: name of a management agent or metrics forwarder → what it sent lately, of a few metrics.
    """

    app: AppProbe
    forwarded: PollResult[tuple[LogEntry, ...]] | None = None
    log_errors: Mapping[str, tuple[str, ...]] = field(factory=dict)
    nonce_line: Arrival | None = None
    targets: PrometheusTargets = field(factory=PrometheusTargets)
    samples: PollResult[tuple[MetricRow, ...]] | None = None
    sent: Mapping[str, PollResult[tuple[MetricRow, ...]]] = field(factory=dict)
    readings: Readings = field(factory=lambda: Readings(reason=_NOT_ASKED))

    def log_says(self, forwarder: Container, event: str = "") -> str:
        """Return what a forwarder's own log says is wrong, as the end of a sentence; empty if nothing is.

        Only errors that begin with `event`.
        """
        errors = [one for one in self.log_errors.get(forwarder.name, ()) if one.startswith(event)]
        return f"; its log says: {'; '.join(errors)}" if errors else ""


@frozen(kw_only=True)
class Evidence:
    """Evidence about a deployment.

    Attributes:
        time: when the collection ended.
        marker: that of the entries that were sent; empty if none were sent.
        arrivals: log → the entries in it that contain the nonce.
        datapoints: metric namespace → whether the datapoint with the nonce was found.
        usage: what OCI measured lately of instances and containers.
        alarm_data: alarm → the datapoints that its query finds, its condition apart.
        instances: name of the instance, if it is active → evidence about it.
    """

    time: datetime
    marker: str = ""
    arrivals: Mapping[str, PollResult[tuple[Arrival, ...]]] = field(factory=dict)
    datapoints: Mapping[str, PollResult[bool]] = field(factory=dict)
    usage: PollResult[tuple[MetricRow, ...]] = field(factory=PollResult)
    alarm_data: Mapping[str, PollResult[tuple[MetricRow, ...]]] = field(factory=dict)
    instances: Mapping[str, InstanceEvidence] = field(factory=dict)
