"""The checks of `verify()` for metrics and log lines, one function for each name.  Pure.

A check passes only on evidence that is as good in the cloud: what OCI stores, or what an instance answered.
Without evidence it is skipped, with the reason and what would give evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from ocisidecar.observe.http_get import median_seconds
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.observe.metrics import MetricRow
from ocisidecar.observe.polling import PollResult
from ocisidecar.resources.logging import SEARCH_SPAN
from ocisidecar.spec.limits import EPHEMERAL_STORAGE_GBS
from ocisidecar.verify.alarm_checks import alarm_data
from ocisidecar.verify.context import (
    CheckContext,
    checked,
    failure_status,
    instances_with_evidence,
    skipped,
)
from ocisidecar.verify.evidence import Evidence, InstanceEvidence, PrometheusTargets, TargetStatus
from ocisidecar.verify.metric_samples import (
    CONTAINER_MEMORY_BYTES,
    CPU_PERCENT,
    MEMORY_PERCENT,
    STORAGE_BYTES,
    targets_in,
    usage_of,
)
from ocisidecar.verify.report import Check, Status
from ocisidecar.verify.sender_checks import metrics_queue, metrics_volume, remote_write

_MAX_SCRAPE_SECONDS = 5.0
_MAX_RESPONSE_SECONDS = 0.2
_NEARLY_FULL = 0.9
_BYTES_PER_GB = 1024**3
_LABELS = {CPU_PERCENT: "CPU", MEMORY_PERCENT: "memory"}
_NO_FORWARDER = "no container sends log files: the sidecar log_forwarder does"
_NOT_MEASURED = "OCI has no measurements yet: they appear a minute or two after the start"
_NO_LOG = "the deployment has no log"
_PUSH = (
    "let the app push OTLP over HTTP, or add a Prometheus: OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="
    "http://127.0.0.1:9181/v1/metrics, OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf"
)
_NOT_SENT = "nothing was sent: the check is read-only"


def telemetry_checks(context: CheckContext) -> Iterator[Check]:
    """Yield the results of the telemetry checks; none for a deployment without instances."""
    if not context.inspection.instances:
        return
    if context.evidence is None:
        for name in _CHECKS:
            yield skipped(name, _deployment_name(context), context.no_evidence_reason)
        return
    for name, run in _CHECKS.items():
        yield from run(context, context.evidence, name)


def _shared_volumes(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """The log forwarder sent a line that the app wrote to a shared volume."""
    for instance, found in instances_with_evidence(context, evidence):
        container = instance.log_forwarder
        if container is None or found.forwarded is None:
            yield skipped(name, instance.key, _NO_FORWARDER)
            continue
        volume = container.telemetry_role.log_volume
        line = next((one for one in found.forwarded.value or () if one.is_line), None)
        if found.nonce_line is not None:
            file, delay = found.nonce_line.entry.subject, _duration(found.nonce_line.delay_seconds)
            written = f"the app logged a request to {file!r} on the volume {volume!r}"
            arrived = f"{container.name} sent the line, which arrived {delay} after the request"
            yield checked(name, instance.key, Status.PASSED, f"{written}; {arrived}")
        elif line is not None:
            sent = f"{container.name} sent a line of {line.subject!r} on the volume {volume!r}"
            yield checked(name, instance.key, Status.PASSED, f"{sent} at {line.time:%H:%M:%S} UTC")
        elif found.forwarded.error:
            yield skipped(name, instance.key, f"the log cannot be searched: {found.forwarded.error}")
        else:
            reason = f"no line of a file on the volume {volume!r} has arrived; the app may not have written any"
            yield skipped(name, instance.key, reason)


def _targets_up(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """Prometheus reports every target as up."""
    for instance, found in instances_with_evidence(context, evidence):
        targets = _targets(found)
        if targets.targets:
            down = [one for one in targets.targets if one.state != "up"]
            failing = ", ".join(f"{one.job} {one.state}{one.error and f' ({one.error})'}" for one in down)
            jobs = ", ".join(sorted({one.job for one in targets.targets}))
            detail = (
                f"{len(targets.targets)} of {len(targets.targets)} up according to {targets.reported_by}: {jobs}"
            )
            status = _targets_status(context, instance, down) if down else Status.PASSED
            yield checked(
                name, instance.key, status, f"{failing}, according to {targets.reported_by}" if down else detail
            )
        elif targets.reported_by:
            reason = targets.reason or "no targets"
            yield checked(name, instance.key, Status.FAILED, f"{targets.reported_by}: {reason}")
        else:
            yield skipped(name, instance.key, targets.reason)


def _scrape_latency(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """Every scrape takes less than 5 s."""
    for instance, found in instances_with_evidence(context, evidence):
        targets = _targets(found)
        timed = [(one.scrape_seconds, one) for one in targets.targets if one.scrape_seconds is not None]
        if not timed:
            yield skipped(name, instance.key, targets.reason or "the duration of scrapes is not known")
            continue
        seconds, slowest = max(timed, key=lambda pair: pair[0])
        detail = (
            f"slowest of {len(timed)}: {slowest.job}, {seconds * 1000:.1f} ms according to {targets.reported_by}"
        )
        slow = [one for taken, one in timed if taken >= _MAX_SCRAPE_SECONDS]
        yield checked(
            name, instance.key, _targets_status(context, instance, slow) if slow else Status.PASSED, detail
        )


def _app_answers(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """The app answers at the path of its health check with success, and within 200 ms.

    A slow answer only warns, because the time includes the network between here and the instance.
    """
    for instance, found in instances_with_evidence(context, evidence):
        key, app = instance.containers[0].key if instance.containers else instance.key, found.app
        if not app.responses:
            yield skipped(name, key, app.skip_reason)
            continue
        if app.error:
            yield checked(name, key, Status.FAILED, f"GET {app.url}: {app.error}")
            continue
        seconds = median_seconds(app.responses)
        detail = f"GET {app.url}: {app.responses[0].status}, median {seconds * 1000:.1f} ms of {len(app.responses)}"
        if app.caveat and found.nonce_line is None:
            detail += f"; {app.caveat}"
        is_quick = seconds < _MAX_RESPONSE_SECONDS
        yield checked(name, key, Status.PASSED if is_quick else Status.WARNED, detail)


def _usage(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """No instance and no container uses 90 % or more of a limit, as measured by OCI."""
    for instance, _ in instances_with_evidence(context, evidence):
        shares = list(_shares(instance, usage_of(evidence.usage.value or (), instance)))
        if shares:
            fullest = max(share for share, _ in shares)
            status = Status.FAILED if fullest > 1 else Status.WARNED if fullest >= _NEARLY_FULL else Status.PASSED
            yield checked(name, instance.key, status, ", ".join(description for _, description in shares))
        elif evidence.usage.error:
            yield skipped(name, instance.key, f"metrics cannot be read: {evidence.usage.error}")
        else:
            yield skipped(name, instance.key, _NOT_MEASURED)


def _shares(instance: Instance, rows: Sequence[MetricRow]) -> Iterator[tuple[float, str]]:
    """Yield the used share of each limit, from 0 to 1, and a description of it."""
    limits = {one.name: one.memory_limit_in_gbs for one in instance.containers}
    for row in rows:
        if row.name in _LABELS:
            yield row.value / 100, f"{_LABELS[row.name]} {row.value:.1f} %"
        elif row.name == STORAGE_BYTES:
            yield _share("disk", row.value, EPHEMERAL_STORAGE_GBS)
        elif row.name == CONTAINER_MEMORY_BYTES:
            container = row.dimensions.get("containerDisplayName", "")
            yield _share(f"memory of {container}", row.value, limits.get(container) or instance.memory_in_gbs)


def _share(what: str, used_bytes: float, limit_in_gbs: float) -> tuple[float, str]:
    used = used_bytes / _BYTES_PER_GB
    return (used / limit_in_gbs if limit_in_gbs else 0.0), f"{what} {used:.3f} of {limit_in_gbs:g} GB"


def _log_lines(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """An entry sent to each log is found in it, and every log forwarder has sent entries."""
    for key, result in evidence.arrivals.items():
        if result.error:
            yield skipped(name, key, f"the user has no permission to send or search entries: {result.error}")
        elif own := [one for one in result.value or () if one.marker == evidence.marker]:
            yield checked(
                name,
                key,
                Status.PASSED,
                f"a test entry arrived after {_duration(own[0].delay_seconds)}",
            )
        else:
            detail = f"a test entry did not arrive within {result.elapsed_seconds:.0f} s"
            yield checked(name, key, Status.FAILED, detail)
    if not evidence.arrivals:
        yield skipped(name, _deployment_name(context), _NO_LOG if evidence.marker else _NOT_SENT)
    for instance, found in instances_with_evidence(context, evidence):
        container = instance.log_forwarder
        if container is not None and found.forwarded is not None:
            yield _forwarded(context, evidence, name, container, found)


def _forwarded(
    context: CheckContext, evidence: Evidence, name: str, container: Container, found: InstanceEvidence
) -> Check:
    entries = found.forwarded or PollResult()
    newest = next(iter(entries.value or ()), None)
    errors = found.log_says(container)
    if entries.error:
        return skipped(name, container.key, f"the log cannot be searched: {entries.error}{errors}")
    if newest is not None:
        is_late = evidence.marker and found.app.is_reached and found.nonce_line is None
        status = Status.PASSED if not errors else failure_status(context, container) if is_late else Status.WARNED
        detail = f"newest entry: {newest.subject}, {newest.time:%Y-%m-%d %H:%M:%S} UTC"
        return checked(name, container.key, status, f"{detail}{errors}")
    created = next(one.time_created for one in context.inspection.instances if one.name == container.instance)
    if evidence.time - datetime.fromisoformat(created) < SEARCH_SPAN:
        detail = f"no entry arrived, not even the one that it sends at its start{errors or ': see its log'}"
        return checked(name, container.key, failure_status(context, container), detail)
    return skipped(
        name, container.key, f"no entry arrived in the last {SEARCH_SPAN.days} days; older ones cannot be searched"
    )


def _metrics(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """A datapoint sent to each namespace is found, and every agent and forwarder has sent metrics lately."""
    for namespace, result in evidence.datapoints.items():
        key = f"{_deployment_name(context)}/{namespace}"
        if result.error:
            yield skipped(name, key, f"the user has no permission to post or read metrics: {result.error}")
        elif result.value:
            yield checked(
                name,
                key,
                Status.PASSED,
                f"a test datapoint arrived after {_duration(result.elapsed_seconds)}",
            )
        else:
            detail = f"a test datapoint did not arrive within {result.elapsed_seconds:.0f} s"
            yield checked(name, key, Status.FAILED, detail)
    if not evidence.datapoints:
        yield skipped(name, _deployment_name(context), _NOT_SENT)
    for instance, found in instances_with_evidence(context, evidence):
        for container in instance.metric_senders:
            if container.name in found.sent:
                yield _sent(context, name, instance, container, found)


def _sent(
    context: CheckContext, name: str, instance: Instance, container: Container, found: InstanceEvidence
) -> Check:
    result, errors = found.sent[container.name], found.log_says(container)
    newest = max((row.time for row in result.value or ()), default=None)
    if newest is not None:
        metrics = ", ".join(sorted({row.name for row in result.value or ()}))
        detail = f"{metrics} in {container.telemetry_role.metric_namespace}, newest of {newest:%H:%M} UTC"
        return checked(name, container.key, Status.PASSED, detail)
    if result.error:
        return skipped(name, container.key, f"metrics cannot be read: {result.error}{errors}")
    return Check(
        name=name,
        key=container.key,
        status=failure_status(context, container),
        detail=f"no metrics arrived in {container.telemetry_role.metric_namespace}{errors or ': see its log'}",
        remedy=_PUSH if container.telemetry_role.takes_writes and instance.prometheus is None else "",
    )


_CHECKS: Mapping[str, Callable[[CheckContext, Evidence, str], Iterator[Check]]] = {
    "volumes-shared": _shared_volumes,
    "targets-up": _targets_up,
    "scrape-latency": _scrape_latency,
    "app-answers": _app_answers,
    "usage-within-limits": _usage,
    "log-lines-arrive": _log_lines,
    "metrics-arrive": _metrics,
    "metrics-queue": metrics_queue,
    "remote-write": remote_write,
    "metrics-volume": metrics_volume,
    "alarm-data": alarm_data,
}


def _targets(found: InstanceEvidence) -> PrometheusTargets:
    """Return what Prometheus reports or, if it could not be asked, the samples that arrived in OCI Monitoring."""
    samples = found.samples.value or () if found.samples is not None else ()
    return found.targets if found.targets.reported_by or not samples else targets_in(samples)


def _targets_status(context: CheckContext, instance: Instance, targets: Sequence[TargetStatus]) -> Status:
    """Return the status for failing targets: WARNED if all of them are in containers that are not essential."""
    names = {target.container for target in targets}
    known = [one for one in instance.containers if one.name in names]
    is_failed = len(known) < len(names) or any(context.is_essential(one) for one in known)
    return Status.FAILED if is_failed else Status.WARNED


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _deployment_name(context: CheckContext) -> str:
    return context.inspection.site.identity.name
