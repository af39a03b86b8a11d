"""Finding out whether metrics and log lines arrive.

Asks OCI what it has, and the instances themselves where they can be reached.  With a nonce it writes: one entry to
each log that lines are sent to, one datapoint to each metric namespace, and a parameter in a request to the app;
nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from attrs import evolve, frozen

from ocisidecar.observe.container_logs import lines_now
from ocisidecar.observe.forwarder_log import complaints
from ocisidecar.observe.instances import Instance
from ocisidecar.observe.log_search import Arrival, LogEntry
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import Poll, PollResult, merge, poll_all
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.timestamps import now
from ocisidecar.verify.evidence import Evidence, Front, InstanceEvidence, Targets
from ocisidecar.verify.http_probe import Reach, ask_app, ask_prometheus
from ocisidecar.verify.inspection import Inspection
from ocisidecar.verify.log_probe import MarkedLog, ShippedLog, find_shipped, shipped_logs
from ocisidecar.verify.metric_probe import find_datapoint, find_samples, find_usage, namespaces, send_datapoint
from ocisidecar.verify.metric_samples import SAMPLES, samples_of, usage_of

_SETTLING_SECONDS = 30.0
"""For so long the app's own lines are waited for once others are there: an app may write none at all."""


def gather(
    reader: DeploymentReader,
    inspection: Inspection,
    *,
    reach: Reach,
    open_ports: Collection[int],
    is_nonce_sent: bool,
    timeout_in_seconds: float,
) -> Evidence:
    """Return what can be found out about a deployment's active instances.

    Args:
        reader: of the deployment.
        inspection: its resources and instances.
        reach: gives the way to a port of an instance.
        open_ports: which ports may be tried.
        is_nonce_sent: whether to write; see the module.
        timeout_in_seconds: how long to wait for what was sent to be found.

    Raises:
        Cancelled: the reader's `cancel` was set.
    """
    return _Gathering(
        reader=reader,
        instances=tuple(one for one in inspection.instances if one.is_active),
        logs=shipped_logs(inspection),
        reach=reach,
        open_ports=open_ports,
        nonce=uuid.uuid4().hex if is_nonce_sent else "",
    ).run(timeout_in_seconds)


@frozen(kw_only=True)
class _Gathering:
    """One deployment, and how it is asked."""

    reader: DeploymentReader
    instances: tuple[Instance, ...]
    logs: tuple[ShippedLog, ...]
    reach: Reach
    open_ports: Collection[int]
    nonce: str

    def run(self, timeout_in_seconds: float) -> Evidence:
        """Ask until everything is known or the time is over."""
        fronts = self._fronts()
        lines, datapoints = self._lines(fronts), self._datapoints()
        entries, targets = self._entries(), self._targets()
        samples, usage = self._samples(), self._usage()
        groups = (lines, datapoints, entries, targets, samples)
        polls = [usage, *(one for group in groups for one in group.values())]
        poll_all(self.reader, polls, timeout_seconds=timeout_in_seconds)
        complained = self._complaints()
        sampled = merge([one.result for one in samples.values()])
        marked = [arrival for one in lines.values() for arrival in one.result.value or ()]
        return Evidence(
            time=now(self.reader.caller.clock),
            source=self._source if self.nonce else "",
            lines={key: one.result for key, one in lines.items()},
            datapoints={namespace: one.result for namespace, one in datapoints.items()},
            usage=usage.result,
            instances={
                one.name: InstanceEvidence(
                    front=fronts[one.name],
                    entries=entries[one.name].result if one.name in entries else None,
                    complaints=complained.get(one.name, ()),
                    request=_request(one, marked),
                    targets=targets[one.name].result.value or Targets(),
                    samples=_of(one, sampled) if one.metric_agent is not None else None,
                )
                for one in self.instances
            },
        )

    @property
    def _source(self) -> str:
        return f"ocisidecar/{self.reader.site.identity.name}"

    def _fronts(self) -> dict[str, Front]:
        def ask_one(instance: Instance) -> Front:
            time = self.reader.caller.clock.time()
            return evolve(ask_app(instance, self.reach, self.open_ports, nonce=self.nonce), time=time)

        fronts = self.reader.call_all([partial(ask_one, instance) for instance in self.instances])
        return {instance.name: front for instance, front in zip(self.instances, fronts, strict=True)}

    def _lines(self, fronts: Mapping[str, Front]) -> dict[str, Poll[tuple[Arrival, ...]]]:
        """Send an entry to each log; what comes back are it and the lines of the marked requests."""

        def inquiry(log: ShippedLog) -> Poll[tuple[Arrival, ...]]:
            requests = {
                instance.id: fronts[instance.name].time
                for instance in self.instances
                if fronts[instance.name].is_reached and _ships_to(instance, log)
            }

            def is_enough(found: tuple[Arrival, ...], seconds: float) -> bool:
                sources = {arrival.entry.source for arrival in found}
                return self._source in sources and (seconds >= _SETTLING_SECONDS or requests.keys() <= sources)

            marked = MarkedLog(self.reader.caller, log, self._source, self.nonce, requests)
            return Poll(marked.find, is_enough, marked.send)

        return {log.key: inquiry(log) for log in self.logs} if self.nonce else {}

    def _datapoints(self) -> dict[str, Poll[bool]]:
        return {
            namespace: Poll(
                partial(find_datapoint, self.reader, namespace, self.nonce),
                lambda is_there, _: is_there,
                partial(send_datapoint, self.reader, namespace, self.nonce),
            )
            for namespace in (namespaces(self.instances) if self.nonce else ())
        }

    def _entries(self) -> dict[str, Poll[tuple[LogEntry, ...]]]:
        def is_enough(found: tuple[LogEntry, ...], seconds: float) -> bool:
            has_line = any(entry.is_line for entry in found)
            return has_line or (bool(found) and seconds >= _SETTLING_SECONDS)

        return {
            instance.name: Poll(partial(find_shipped, self.reader.caller, log, instance), is_enough)
            for log in self.logs
            for instance in self.instances
            if _ships_to(instance, log)
        }

    def _complaints(self) -> dict[str, tuple[str, ...]]:
        forwarders = [one.log_forwarder for one in self.instances if one.log_forwarder is not None]
        logs = self.reader.call_all([partial(lines_now, self.reader.caller, one) for one in forwarders])
        return {one.instance: complaints(lines) for one, lines in zip(forwarders, logs, strict=True)}

    def _targets(self) -> dict[str, Poll[Targets]]:
        return {
            instance.name: Poll(
                partial(ask_prometheus, instance, self.reach, self.open_ports),
                lambda seen, _: seen.are_up or not seen.witness,
            )
            for instance in self.instances
        }

    def _samples(self) -> dict[tuple[str, str], Poll[tuple[MetricRow, ...]]]:
        senders: dict[str, list[Instance]] = {}
        for instance in self.instances:
            if instance.metric_agent is not None:
                senders.setdefault(instance.metric_agent.telemetry_role.metric_namespace, []).append(instance)

        def is_enough(rows: tuple[MetricRow, ...], _: float, *, namespace: str) -> bool:
            return all(samples_of(rows, one) for one in senders[namespace])

        return {
            (namespace, metric): Poll(
                partial(find_samples, self.reader, namespace, metric), partial(is_enough, namespace=namespace)
            )
            for namespace in senders
            for metric in SAMPLES
        }

    def _usage(self) -> Poll[tuple[MetricRow, ...]]:
        def is_enough(rows: tuple[MetricRow, ...], _: float) -> bool:
            return all(usage_of(rows, one) for one in self.instances)

        return Poll(partial(find_usage, self.reader, self.instances), is_enough)


def _request(instance: Instance, marked: Sequence[Arrival]) -> Arrival | None:
    """Return the line that the instance's app wrote about the marked request."""
    lines = (one for one in marked if one.entry.source == instance.id and one.entry.is_line)
    return next(lines, None)


def _ships_to(instance: Instance, log: ShippedLog) -> bool:
    container = instance.log_forwarder
    return container is not None and container.telemetry_role.log_id == log.id


def _of(instance: Instance, sampled: PollResult[tuple[MetricRow, ...]]) -> PollResult[tuple[MetricRow, ...]]:
    return evolve(sampled, value=samples_of(sampled.value or (), instance))
