"""The checks of `verify()` for what carries metrics: a forwarder's queue, remote writes, files.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from ocisidecar.observe.container_roles import TelemetryRole
from ocisidecar.observe.instances import Container, Instance
from ocisidecar.verify.context import (
    CheckContext,
    checked,
    failure_status,
    instances_with_evidence,
    skipped,
)
from ocisidecar.verify.evidence import Evidence, InstanceEvidence
from ocisidecar.verify.metric_samples import WRITTEN
from ocisidecar.verify.readings import FORWARDER, PROMETHEUS, REMOTE_WRITE, TEXT_FILE, Facts, Readings
from ocisidecar.verify.report import Check, Status

_MAX_AGE_SECONDS: Final = 7200
"""OCI Monitoring takes no older datapoints.  Source: Oracle documentation, "PostMetricData"."""
_NEARLY: Final = 0.9
_LATE_SECONDS: Final = 300
"""Datapoints that wait so much longer than an interval: the forwarder's own health check fails then too."""
_BEHIND_SECONDS: Final = 120
_STALE_SECONDS: Final = 300
_PUSH_FAILED: Final = "push failed"
"""The event whose end a forwarder tells; others stay in its log when they are long over."""
_NOT_SCRAPED: Final = "its Prometheus does not scrape {}, so nothing is known of {}"
_NO_TIME: Final = (
    "nothing says when files on the volume {!r} were written: {} of what the app serves would, or a node exporter "
    "with --collector.textfile.directory"
)


@frozen
class _Fault:
    """What is wrong, and whether something is lost by it or soon will be."""

    text: str
    is_loss: bool = False


def metrics_queue(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """What waits in a metrics forwarder is sent in time, within its budget, and OCI refuses none of it."""
    for instance, found in instances_with_evidence(context, evidence):
        for container in instance.metric_senders:
            if container.telemetry_role.takes_writes:
                yield _queue(context, name, instance, container, found)


def _queue(
    context: CheckContext, name: str, instance: Instance, container: Container, found: InstanceEvidence
) -> Check:
    facts = found.readings.of(FORWARDER)
    if not facts:
        reason = found.readings.reason or _NOT_SCRAPED.format(container.name, "what waits in it")
        if instance.prometheus is None:
            reason += f"; its own metrics are at port {container.telemetry_role.status_port}"
        if errors := found.log_says(container):
            return checked(name, container.key, Status.WARNED, f"what waits is not known: {reason}{errors}")
        return skipped(name, container.key, reason)
    faults = list(_faults_of_queue(facts, container.telemetry_role, found.readings))
    errors = found.log_says(container, "" if faults else _PUSH_FAILED)
    if not faults and not errors:
        return checked(name, container.key, Status.PASSED, _standing(facts, container.telemetry_role))
    texts = "; ".join(one.text for one in faults) or _standing(facts, container.telemetry_role)
    is_loss = any(one.is_loss for one in faults) and found.readings.is_history
    status = failure_status(context, container) if is_loss else Status.WARNED
    return checked(name, container.key, status, f"{texts}{errors}")


def _standing(facts: Facts, role: TelemetryRole) -> str:
    waiting, sent = facts.newest("queued_points"), facts.newest("sent_points_total")
    streams = f"{facts.newest('streams'):.0f} of {role.max_streams} streams"
    return f"{waiting:.0f} datapoints wait, {sent:.0f} sent since its start; {streams}"


def _faults_of_queue(facts: Facts, role: TelemetryRole, readings: Readings) -> Iterator[_Fault]:
    """Yield what is wrong, the worst first."""
    for counter, words in (
        ("dropped_points_total", "datapoints were lost because too many waited"),
        ("expired_points_total", "datapoints were lost because OCI takes none that are two hours old"),
        ("refused_points_total", "datapoints were refused by OCI, and are in refused.jsonl on its volume"),
    ):
        if number := facts.growth(counter):
            yield _Fault(f"{number:.0f} {words} {readings.period}", is_loss=True)
    yield from _faults_of_waiting(facts, role)
    streams = facts.newest("streams")
    for counter, words in (
        ("over_budget_samples_total", f"samples were beyond the budget of {role.max_streams} streams"),
        ("refused_requests_total", "requests of senders were refused"),
        ("save_failures_total", "writes to its volume failed"),
    ):
        if number := facts.growth(counter):
            yield _Fault(f"{number:.0f} {words} {readings.period}")
    if role.max_streams and streams >= _NEARLY * role.max_streams and not facts.growth("over_budget_samples_total"):
        yield _Fault(f"{streams:.0f} of {role.max_streams} streams of its budget are in use")


def _faults_of_waiting(facts: Facts, role: TelemetryRole) -> Iterator[_Fault]:
    """Yield that too much waits, or for too long, by the limits of the forwarder."""
    waiting, since = facts.newest("queued_points"), facts.newest("oldest_queued_point_timestamp_seconds")
    age = facts.time - since if since else 0.0
    most = role.max_streams * (_MAX_AGE_SECONDS / (role.interval_seconds or 1) + 1)
    is_late = age > _LATE_SECONDS + role.interval_seconds
    if is_late or waiting >= _NEARLY * most:
        is_loss = age >= _NEARLY * _MAX_AGE_SECONDS or waiting >= _NEARLY * most
        of_most = f"{waiting:.0f} of at most {most:.0f} datapoints wait"
        yield _Fault(f"{of_most}, the oldest for {age / 60:.0f} of 120 minutes", is_loss=is_loss)


def remote_write(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """Every system that a Prometheus writes to takes the samples, without falling behind."""
    for instance, found in instances_with_evidence(context, evidence):
        container = instance.prometheus
        if container is None:
            continue
        if found.readings.reason or not found.readings.is_history:
            reason = found.readings.reason or "its Prometheus could not be asked"
            yield skipped(name, container.key, reason)
        elif not found.readings.of(PROMETHEUS):
            yield skipped(name, container.key, _NOT_SCRAPED.format("itself", "what others take of what it writes"))
        else:
            yield from _remote_writes(context, name, container, found.readings)


def _remote_writes(context: CheckContext, name: str, container: Container, readings: Readings) -> Iterator[Check]:
    facts = readings.of(REMOTE_WRITE)
    urls = facts.values("url")
    results = [(_verdict(url, readings), url) for url in urls]
    if not results:
        return
    worst = max((verdict[0] for verdict, _ in results), key=_ORDER.index)
    detail = "; ".join(f"{url}: {words}" for (_, words), url in results)
    if worst is Status.SKIPPED:
        yield skipped(name, container.key, detail)
    else:
        status = failure_status(context, container) if worst is Status.FAILED else worst
        yield checked(name, container.key, status, detail)


_ORDER: Final = (Status.PASSED, Status.SKIPPED, Status.WARNED, Status.FAILED)


def _verdict(url: str, readings: Readings) -> tuple[Status, str]:
    """Return what became of the samples for one URL lately.

    A request that fails with a 4xx status is given up, and its samples have failed; another one is repeated until
    it goes well.  The highest timestamp that was sent goes on in the first case and stands still in the second.
    """
    facts = readings.of(REMOTE_WRITE, url=url)
    tried, failed = facts.growth("samples_total"), facts.growth("samples_failed_total")
    repeated, lost = facts.growth("samples_retried_total"), failed + _dropped(url, readings)
    behind = _seconds_behind(facts, readings)
    if failed and failed >= tried - repeated:
        refusal = f"refuses every sample, {failed:.0f} {readings.period}"
        return Status.FAILED, f"{refusal}: the request is wrong, or its credentials are"
    if repeated and (behind is None or behind > _BEHIND_SECONDS):
        since = "takes nothing" if behind is None else f"has taken nothing for {behind:.0f} s"
        waiting = f"{facts.newest('samples_pending'):.0f} samples wait"
        return Status.FAILED, f"{since}: it fails or does not answer, and {waiting}"
    if behind is None:
        return Status.SKIPPED, "nothing has been sent yet"
    if behind > _BEHIND_SECONDS:
        return Status.WARNED, f"is {behind:.0f} s behind"
    desired, most = facts.newest("shards_desired"), facts.newest("shards_max")
    if lost:
        return Status.WARNED, f"{lost:.0f} samples were lost {readings.period}, and {tried:.0f} sent"
    if desired > most > 0:
        return Status.WARNED, f"would take {desired:.0f} requests at a time, and max_shards is {most:.0f}"
    return Status.PASSED, f"takes them, {behind:.0f} s behind"


def _dropped(url: str, readings: Readings) -> float:
    """Return how many samples were given up lately, without those that relabelling is to drop."""
    counter = "samples_dropped_total"
    meant = readings.of(REMOTE_WRITE, url=url, reason="dropped_series").growth(counter)
    return readings.of(REMOTE_WRITE, url=url).growth(counter) - meant


def _seconds_behind(facts: Facts, readings: Readings) -> float | None:
    """Return how much older the newest sample is that was sent than the newest one; None if none was sent."""
    sent = facts.newest("queue_highest_sent_timestamp_seconds")
    newest = readings.of(REMOTE_WRITE).newest("highest_timestamp_in_seconds") or facts.time
    return max(0.0, newest - sent) if sent else None


def metrics_volume(context: CheckContext, evidence: Evidence, name: str) -> Iterator[Check]:
    """Metrics flow to the volume at /metrics: a file on it was written lately, as what reads it says."""
    for instance, found in instances_with_evidence(context, evidence):
        volume = instance.metrics_volume
        if not volume:
            continue
        where = f"on the volume {volume!r}"
        ages = list(_ages(found))
        if not ages:
            yield skipped(name, instance.key, _NO_TIME.format(volume, WRITTEN))
            continue
        age, what = min(ages)
        status = Status.PASSED if age <= _STALE_SECONDS else Status.FAILED
        yield checked(name, instance.key, status, f"{what} {where} was written {age:.0f} s before it was read")


def _ages(found: InstanceEvidence) -> Iterator[tuple[float, str]]:
    """Yield how old metrics on a volume were when they were read, by everything that tells it."""
    sent = Readings(rows=tuple((found.samples.value if found.samples is not None else None) or ()))
    for readings in (found.readings, sent):
        for row in readings.of(WRITTEN).latest:
            yield max(0.0, row.time.timestamp() - row.value), f"what {row.container or 'the app'} measures"
        for row in readings.of(TEXT_FILE).latest:
            yield max(0.0, row.time.timestamp() - row.value), row.dimensions.get("file", "a file")


def are_conclusive(readings: Readings, instance: Instance) -> bool:
    """Return whether everything in an instance has said something of itself that can be judged."""
    facts = readings.of(REMOTE_WRITE)
    are_written = all(readings.of(REMOTE_WRITE, url=url).growth("samples_total") for url in facts.values("url"))
    has_forwarder = any(one.telemetry_role.takes_writes for one in instance.metric_senders)
    is_written = not instance.metrics_volume or bool(readings.of(WRITTEN) or readings.of(TEXT_FILE))
    has_own = instance.prometheus is None or bool(readings.of(PROMETHEUS))
    return are_written and has_own and is_written and (bool(readings.of(FORWARDER)) or not has_forwarder)
