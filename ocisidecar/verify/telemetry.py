"""Collect evidence on whether metrics and log lines arrive.

Queries OCI, and the instances themselves where they can be reached.  With a nonce it writes: one entry to each log,
one datapoint to each metric namespace, and a query parameter in one request to the app; nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from attrs import evolve, frozen

from ocisidecar.observe.container_logs import lines_now
from ocisidecar.observe.forwarder_log import open_errors
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import Poll, poll_all
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.observed import Live
from ocisidecar.timestamps import now
from ocisidecar.verify.evidence import AppProbe, Evidence, InstanceEvidence, PrometheusTargets
from ocisidecar.verify.http_probe import UrlResolver, probe_app, probe_prometheus
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.log_probe import LogDestination, LogProbe, Markers, find_forwarded, log_destinations
from ocisidecar.verify.metric_probe import (
    find_alarm_data,
    find_datapoint,
    find_usage,
    namespaces,
    send_datapoint,
)
from ocisidecar.verify.metric_samples import usage_of
from ocisidecar.verify.metric_senders import MetricSenders
from ocisidecar.verify.prometheus_access import PrometheusAccess, access_to_prometheus
from ocisidecar.verify.readings import Readings
from ocisidecar.verify.readings_probe import read_readings
from ocisidecar.verify.sender_checks import are_conclusive

_APP_LINES_SECONDS = 30.0
"""How long to keep waiting for the app's own lines after the first line of any source: some apps write none."""
_FIRST_READINGS_SECONDS = 90.0
"""How long after a start a Prometheus has not yet read what everything beside it says of itself."""


def collect_evidence(
    reader: DeploymentReader,
    inspection: Inspection,
    *,
    resolve_url: UrlResolver,
    open_ports: Mapping[str, Collection[int]],
    spec: DeploymentSpec | None,
    read_only: bool,
    timeout_seconds: float,
) -> Evidence:
    """Collect the evidence about a deployment's active instances.

    Args:
        reader: of the deployment.
        inspection: its resources and instances.
        resolve_url: gives the base URL of an instance's port.
        open_ports: for each instance, by name, the ports that may be probed.
        spec: names the user and the certificate of a protected Prometheus.
        read_only: send no nonce; see the module.
        timeout_seconds: how long to wait until the nonce is found.

    Raises:
        Cancelled: the reader's `cancel` was set.
    """
    return _Collector(
        reader=reader,
        instances=tuple(one for one in inspection.instances if one.is_active),
        logs=log_destinations(inspection),
        alarms=tuple(inspection.of_kind("alarm")),
        resolve_url=resolve_url,
        open_ports=open_ports,
        spec=spec,
        markers=Markers("" if read_only else uuid.uuid4().hex),
    ).run(timeout_seconds)


@frozen(kw_only=True)
class _Collector:
    """The polls of one deployment, and their results as evidence."""

    reader: DeploymentReader
    instances: tuple[Instance, ...]
    logs: tuple[LogDestination, ...]
    alarms: tuple[Live, ...]
    resolve_url: UrlResolver
    open_ports: Mapping[str, Collection[int]]
    spec: DeploymentSpec | None
    markers: Markers

    def run(self, timeout_seconds: float) -> Evidence:
        """Run all polls until they are done or the time is up, and return their results."""
        apps = self._probe_apps()
        arrivals, datapoints = self._arrivals(apps), self._datapoints()
        accesses = self._accesses()
        forwarded, targets, readings = self._forwarded(), self._targets(accesses), self._readings(accesses)
        senders = MetricSenders.of(self.reader, self.instances)
        usage, alarm_data = self._usage(), self._alarm_data()
        groups = (arrivals, datapoints, forwarded, targets, readings, senders.samples, senders.sent, alarm_data)
        polls = [usage, *(poll for group in groups for poll in group.values())]
        poll_all(self.reader, polls, timeout_seconds=timeout_seconds)
        errors = self._log_errors()
        with_nonce = [arrival for poll in arrivals.values() for arrival in poll.result.value or ()]
        return Evidence(
            time=now(self.reader.caller.clock),
            marker=self.markers.own,
            arrivals={key: poll.result for key, poll in arrivals.items()},
            datapoints={namespace: poll.result for namespace, poll in datapoints.items()},
            usage=usage.result,
            alarm_data={key: poll.result for key, poll in alarm_data.items()},
            instances={
                one.name: InstanceEvidence(
                    app=apps[one.name],
                    forwarded=forwarded[one.name].result if one.name in forwarded else None,
                    log_errors=errors.get(one.name, {}),
                    nonce_line=_nonce_line(self.markers.of(one.name), with_nonce),
                    targets=targets[one.name].result.value or PrometheusTargets(),
                    samples=senders.samples_of(one),
                    sent=senders.sent_by(one),
                    readings=readings[one.name].result.value or Readings(),
                )
                for one in self.instances
            },
        )

    @property
    def _source(self) -> str:
        return f"ocisidecar/{self.reader.site.identity.name}"

    def _probe_apps(self) -> dict[str, AppProbe]:
        def probe(instance: Instance) -> AppProbe:
            time = self.reader.caller.clock.time()
            ports, nonce = self.open_ports[instance.name], self.markers.of(instance.name)
            result = probe_app(instance, self.resolve_url, ports, nonce=nonce)
            return evolve(result, started_at=time)

        probes = self.reader.call_all([partial(probe, instance) for instance in self.instances])
        return {instance.name: result for instance, result in zip(self.instances, probes, strict=True)}

    def _arrivals(self, apps: Mapping[str, AppProbe]) -> dict[str, Poll[tuple[Arrival, ...]]]:
        """Send an entry to each log, and find it and the lines of the requests with the nonce."""

        def make_poll(log: LogDestination) -> Poll[tuple[Arrival, ...]]:
            requests = {
                self.markers.of(instance.name): apps[instance.name].started_at
                for instance in self.instances
                if apps[instance.name].is_reached and _sends_to(instance, log)
            }

            def is_done(found: tuple[Arrival, ...], elapsed_seconds: float) -> bool:
                markers = {arrival.marker for arrival in found}
                has_app_lines = elapsed_seconds >= _APP_LINES_SECONDS or requests.keys() <= markers
                return self.markers.own in markers and has_app_lines

            probe = LogProbe(self.reader.caller, log, self._source, self.markers, requests)
            return Poll(probe.find, is_done, probe.send)

        return {log.key: make_poll(log) for log in self.logs} if self.markers.nonce else {}

    def _datapoints(self) -> dict[str, Poll[bool]]:
        return {
            namespace: Poll(
                partial(find_datapoint, self.reader, namespace, self.markers.nonce),
                lambda is_found, _: is_found,
                partial(send_datapoint, self.reader, namespace, self.markers.nonce),
            )
            for namespace in (namespaces(self.instances) if self.markers.nonce else ())
        }

    def _forwarded(self) -> dict[str, Poll[tuple[LogEntry, ...]]]:
        def is_done(found: tuple[LogEntry, ...], elapsed_seconds: float) -> bool:
            has_line = any(entry.is_line for entry in found)
            return has_line or (bool(found) and elapsed_seconds >= _APP_LINES_SECONDS)

        return {
            instance.name: Poll(partial(find_forwarded, self.reader.caller, log, instance), is_done)
            for log in self.logs
            for instance in self.instances
            if _sends_to(instance, log)
        }

    def _log_errors(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return the errors in the forwarders' own logs: instance → forwarder → errors."""
        forwarders = [one for instance in self.instances for one in instance.containers if _is_forwarder(one)]
        logs = self.reader.call_all([partial(lines_now, self.reader.caller, one) for one in forwarders])
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for one, lines in zip(forwarders, logs, strict=True):
            found.setdefault(one.instance, {})[one.name] = open_errors(lines)
        return found

    def _accesses(self) -> dict[str, PrometheusAccess]:
        """Return how the Prometheus of each instance is read."""
        access_of = partial(access_to_prometheus, self.reader.caller, self.spec)
        return {
            one.name: access_of(one.name) if _is_protected(one) else PrometheusAccess() for one in self.instances
        }

    def _targets(self, accesses: Mapping[str, PrometheusAccess]) -> dict[str, Poll[PrometheusTargets]]:
        def make_poll(instance: Instance) -> Poll[PrometheusTargets]:
            access, ports = accesses[instance.name], self.open_ports[instance.name]
            probe = partial(probe_prometheus, instance, self.resolve_url, ports, access)
            return Poll(probe, lambda found, _: found.are_all_up or not found.reported_by)

        return {instance.name: make_poll(instance) for instance in self.instances}

    def _readings(self, accesses: Mapping[str, PrometheusAccess]) -> dict[str, Poll[Readings]]:
        def make_poll(instance: Instance) -> Poll[Readings]:
            access, ports = accesses[instance.name], self.open_ports[instance.name]

            def is_done(found: Readings, elapsed_seconds: float) -> bool:
                is_over = elapsed_seconds >= _FIRST_READINGS_SECONDS
                return is_over or bool(found.reason) or are_conclusive(found, instance)

            return Poll(partial(read_readings, instance, self.resolve_url, ports, access), is_done)

        return {instance.name: make_poll(instance) for instance in self.instances}

    def _alarm_data(self) -> dict[str, Poll[tuple[MetricRow, ...]]]:
        def is_done(rows: tuple[MetricRow, ...], elapsed_seconds: float) -> bool:
            return bool(rows) or elapsed_seconds >= _APP_LINES_SECONDS

        return {str(one.key): Poll(partial(find_alarm_data, self.reader, one), is_done) for one in self.alarms}

    def _usage(self) -> Poll[tuple[MetricRow, ...]]:
        def is_done(rows: tuple[MetricRow, ...], _: float) -> bool:
            return all(usage_of(rows, one) for one in self.instances)

        return Poll(partial(find_usage, self.reader, self.instances), is_done)


def _nonce_line(marker: str, with_nonce: Sequence[Arrival]) -> Arrival | None:
    """Return the line that the instance's app wrote about the request with the nonce."""
    lines = (one for one in with_nonce if one.marker == marker and one.entry.is_line)
    return next(lines, None)


def _sends_to(instance: Instance, log: LogDestination) -> bool:
    container = instance.log_forwarder
    return container is not None and container.telemetry_role.log_id == log.id


def _is_forwarder(container: Container) -> bool:
    """Return whether a container is one of our forwarders, whose log has errors in a known form."""
    return bool(container.telemetry_role.log_id) or container.telemetry_role.takes_writes


def _is_protected(instance: Instance) -> bool:
    return any(one.telemetry_role.is_protected for one in instance.containers)
