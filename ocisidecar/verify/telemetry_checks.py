"""What `verify()` checks of metrics and log lines, one function for each kind of check.  Pure: all was read before.

A check passes only on evidence that would be as good in the cloud: what OCI has, or what an instance answered.
Where there is none the check is skipped and says why, and what to do for having some.
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
from ocisidecar.verify.context import Case, bad, check, skip
from ocisidecar.verify.evidence import Evidence, InstanceEvidence, Target, Targets
from ocisidecar.verify.metric_samples import (
    CONTAINER_MEMORY_BYTES,
    CPU_PERCENT,
    MEMORY_PERCENT,
    STORAGE_BYTES,
    targets_in,
    usage_of,
)
from ocisidecar.verify.report import Check, Status

_SLOWEST_SCRAPE_SECONDS = 5.0
_SLOWEST_ANSWER_SECONDS = 0.2
_NEARLY_FULL = 0.9
_BYTES_PER_GB = 1024**3
_IN_WORDS = {CPU_PERCENT: "CPU", MEMORY_PERCENT: "memory"}
_NO_FORWARDER = "no container ships log files: with_sidecar(SidecarSpec.log_forwarder()) adds one that does"
_NOT_MEASURED = "OCI shows no measurements yet: they come a minute or two after the start"
_NO_LOG = "the deployment has no log"
_NOT_SENT = "nothing was sent: is_nonce_sent=False"


def telemetry_checks(case: Case) -> Iterator[Check]:
    """Yield an entry for each check of metrics and log lines; none for a deployment without instances."""
    if not case.inspection.instances:
        return
    if case.evidence is None:
        for name in _CHECKS:
            yield skip(name, _name(case), case.why_no_evidence)
        return
    for name, about in _CHECKS.items():
        yield from about(case, case.evidence, name)


def _shared_volumes(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """A line that the app wrote to a shared volume came out of the log forwarder."""
    for instance, found in _running(case, evidence):
        container = instance.log_forwarder
        if container is None or found.entries is None:
            yield skip(name, instance.key, _NO_FORWARDER)
            continue
        volume = container.telemetry_role.log_volume
        line = next((one for one in found.entries.value or () if one.is_line), None)
        if found.request is not None:
            seen = (
                f"the app wrote the line of a request to {found.request.entry.subject!r} on the volume {volume!r}"
            )
            arrived = (
                f"{container.name} sent it on, and it was found {_span(found.request.seconds)} after the request"
            )
            yield check(name, instance.key, Status.PASSED, f"{seen}, {arrived}")
        elif line is not None:
            seen = f"{container.name} sent a line of {line.subject!r}, written to the volume {volume!r}"
            yield check(name, instance.key, Status.PASSED, f"{seen} at {line.time:%H:%M:%S} UTC")
        elif found.entries.error:
            yield skip(name, instance.key, f"the log cannot be searched: {found.entries.error}")
        else:
            reason = f"no file on the volume {volume!r} had a line that arrived; does the app write any?"
            yield skip(name, instance.key, reason)


def _targets_up(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """Prometheus finds every target up."""
    for instance, found in _running(case, evidence):
        targets = _targets(found)
        if targets.found:
            down = [one for one in targets.found if one.state != "up"]
            said = ", ".join(f"{one.job} {one.state}{one.error and f' ({one.error})'}" for one in down)
            jobs = ", ".join(sorted({one.job for one in targets.found}))
            detail = f"{len(targets.found)} of {len(targets.found)} up: {jobs}, says {targets.witness}"
            status = _worst(case, instance, down) if down else Status.PASSED
            yield check(name, instance.key, status, f"{said}, says {targets.witness}" if down else detail)
        elif targets.witness:
            reason = targets.reason or "it has no targets"
            yield check(name, instance.key, Status.FAILED, f"{targets.witness}: {reason}")
        else:
            yield skip(name, instance.key, targets.reason)


def _scrape_latency(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """Every scrape takes less than 5 s."""
    for instance, found in _running(case, evidence):
        targets = _targets(found)
        timed = [(one.seconds, one) for one in targets.found if one.seconds is not None]
        if not timed:
            yield skip(name, instance.key, targets.reason or "nothing tells how long scrapes take")
            continue
        seconds, slowest = max(timed, key=lambda pair: pair[0])
        detail = f"slowest of {len(timed)} is {slowest.job} with {seconds * 1000:.1f} ms, says {targets.witness}"
        slow = [one for taken, one in timed if taken >= _SLOWEST_SCRAPE_SECONDS]
        yield check(name, instance.key, _worst(case, instance, slow) if slow else Status.PASSED, detail)


def _app_answers(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """The app answers well at the path of its health check, and within 200 ms.

    A slow answer only warns: the way to the instance is part of the time.
    """
    for instance, found in _running(case, evidence):
        key, front = instance.containers[0].key if instance.containers else instance.key, found.front
        if not front.replies:
            yield skip(name, key, front.reason)
            continue
        if front.fault:
            yield check(name, key, Status.FAILED, f"GET {front.url}: {front.fault}")
            continue
        seconds = median_seconds(front.replies)
        detail = (
            f"GET {front.url}: {front.replies[0].status}, median {seconds * 1000:.1f} ms of {len(front.replies)}"
        )
        if front.doubt and found.request is None:
            detail += f"; {front.doubt}"
        is_quick = seconds < _SLOWEST_ANSWER_SECONDS
        yield check(name, key, Status.PASSED if is_quick else Status.WARNED, detail)


def _usage(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """No instance and no container is about to use up what it may use; measured by OCI."""
    for instance, _ in _running(case, evidence):
        shares = list(_shares(instance, usage_of(evidence.usage.value or (), instance)))
        if shares:
            fullest = max(share for share, _ in shares)
            status = Status.FAILED if fullest > 1 else Status.WARNED if fullest >= _NEARLY_FULL else Status.PASSED
            yield check(name, instance.key, status, ", ".join(words for _, words in shares))
        elif evidence.usage.error:
            yield skip(name, instance.key, f"metrics cannot be read: {evidence.usage.error}")
        else:
            yield skip(name, instance.key, _NOT_MEASURED)


def _shares(instance: Instance, rows: Sequence[MetricRow]) -> Iterator[tuple[float, str]]:
    """Yield how much of each limit is used, from 0 to 1, and that in words."""
    limits = {one.name: one.memory_limit_in_gbs for one in instance.containers}
    for row in rows:
        if row.name in _IN_WORDS:
            yield row.value / 100, f"{_IN_WORDS[row.name]} {row.value:.1f} %"
        elif row.name == STORAGE_BYTES:
            yield _share("disk", row.value, EPHEMERAL_STORAGE_GBS)
        elif row.name == CONTAINER_MEMORY_BYTES:
            container = row.dimensions.get("containerDisplayName", "")
            yield _share(f"memory of {container}", row.value, limits.get(container) or instance.memory_in_gbs)


def _share(what: str, used_bytes: float, limit_in_gbs: float) -> tuple[float, str]:
    used = used_bytes / _BYTES_PER_GB
    return (used / limit_in_gbs if limit_in_gbs else 0.0), f"{what} {used:.3f} of {limit_in_gbs:g} GB"


def _log_lines(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """An entry that is sent to a log is found in it, and every log forwarder has sent some."""
    for key, result in evidence.lines.items():
        if result.error:
            yield skip(name, key, f"this user may not send or search entries: {result.error}")
        elif own := [one for one in result.value or () if one.entry.source == evidence.source]:
            yield check(
                name, key, Status.PASSED, f"an entry sent from here was found after {_span(own[0].seconds)}"
            )
        else:
            detail = f"an entry sent from here was not found within {result.elapsed_seconds:.0f} s"
            yield check(name, key, Status.FAILED, detail)
    if not evidence.lines:
        yield skip(name, _name(case), _NO_LOG if evidence.source else _NOT_SENT)
    for instance, found in _running(case, evidence):
        container = instance.log_forwarder
        if container is not None and found.entries is not None:
            yield _forwarded(case, evidence, name, container, found)


def _forwarded(case: Case, evidence: Evidence, name: str, container: Container, found: InstanceEvidence) -> Check:
    entries = found.entries or PollResult()
    newest = next(iter(entries.value or ()), None)
    said = f"; its log says: {'; '.join(found.complaints)}" if found.complaints else ""
    if entries.error:
        return skip(name, container.key, f"the log cannot be searched: {entries.error}{said}")
    if newest is not None:
        is_late = evidence.source and found.front.is_reached and found.request is None
        status = Status.PASSED if not said else bad(case, container) if is_late else Status.WARNED
        detail = f"newest entry: {newest.subject}, {newest.time:%Y-%m-%d %H:%M:%S} UTC"
        return check(name, container.key, status, f"{detail}{said}")
    created = next(one.time_created for one in case.inspection.instances if one.name == container.instance)
    if evidence.time - datetime.fromisoformat(created) < SEARCH_SPAN:
        detail = f"it has sent nothing, not even that it was started{said or ': see its log'}"
        return check(name, container.key, bad(case, container), detail)
    return skip(name, container.key, f"it has sent nothing in the last {SEARCH_SPAN.days} days; there may be older")


def _metrics(case: Case, evidence: Evidence, name: str) -> Iterator[Check]:
    """A datapoint that is sent is found, and every management agent has sent some lately."""
    for namespace, result in evidence.datapoints.items():
        key = f"{_name(case)}/{namespace}"
        if result.error:
            yield skip(name, key, f"this user may not post or read metrics: {result.error}")
        elif result.value:
            yield check(
                name,
                key,
                Status.PASSED,
                f"a datapoint sent from here was found after {_span(result.elapsed_seconds)}",
            )
        else:
            detail = f"a datapoint sent from here was not found within {result.elapsed_seconds:.0f} s"
            yield check(name, key, Status.FAILED, detail)
    if not evidence.datapoints:
        yield skip(name, _name(case), _NOT_SENT)
    for instance, found in _running(case, evidence):
        container = instance.metric_agent
        if container is not None and found.samples is not None:
            yield _sampled(case, name, container, found.samples)


def _sampled(case: Case, name: str, container: Container, result: PollResult[tuple[MetricRow, ...]]) -> Check:
    newest = max((row.time for row in result.value or ()), default=None)
    if newest is not None:
        metrics = ", ".join(sorted({row.name for row in result.value or ()}))
        detail = f"{metrics} in {container.telemetry_role.metric_namespace}, newest of {newest:%H:%M} UTC"
        return check(name, container.key, Status.PASSED, detail)
    if result.error:
        return skip(name, container.key, f"metrics cannot be read: {result.error}")
    detail = f"nothing of it is in {container.telemetry_role.metric_namespace}: see its log"
    return check(name, container.key, bad(case, container), detail)


_CHECKS: Mapping[str, Callable[[Case, Evidence, str], Iterator[Check]]] = {
    "volumes-shared": _shared_volumes,
    "targets-up": _targets_up,
    "scrape-latency": _scrape_latency,
    "app-answers": _app_answers,
    "usage-within-limits": _usage,
    "log-lines-arrive": _log_lines,
    "metrics-arrive": _metrics,
}


def _running(case: Case, evidence: Evidence) -> Iterator[tuple[Instance, InstanceEvidence]]:
    """Yield what is known of each instance that runs; that others do not run is told by another check."""
    for instance in case.inspection.instances:
        if instance.name in evidence.instances:
            yield instance, evidence.instances[instance.name]


def _targets(found: InstanceEvidence) -> Targets:
    """Return what Prometheus says, or else what arrived of it in OCI Monitoring."""
    samples = found.samples.value or () if found.samples is not None else ()
    return found.targets if found.targets.witness or not samples else targets_in(samples)


def _worst(case: Case, instance: Instance, targets: Sequence[Target]) -> Status:
    """Return how bad it is that these targets fail: as bad as for the container that matters most."""
    names = {target.container for target in targets}
    known = [one for one in instance.containers if one.name in names]
    is_failed = len(known) < len(names) or any(case.is_essential(one) for one in known)
    return Status.FAILED if is_failed else Status.WARNED


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _name(case: Case) -> str:
    return case.inspection.site.identity.name
