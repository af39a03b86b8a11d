"""A report as a page: one line for each check, which states the finding, with failed results below it.

Checks of metrics and log lines also show evidence of what passed: what arrived where, and how fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from attrs import evolve, frozen

from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, short

SIGNS: Final[Mapping[Status, tuple[str, Tone]]] = {
    Status.FAILED: ("✗", Tone.BAD),
    Status.WARNED: ("!", Tone.CHANGE),
    Status.PASSED: ("✓", Tone.GOOD),
    Status.SKIPPED: ("○", Tone.CALM),
}
"""Worst first: a line has the sign of its worst result."""

_MAX_EVIDENCE: Final = 5
_MAX_NAMES: Final = 3


@frozen(kw_only=True)
class Wording:
    """Sentences for the results of one check.

    In a sentence `{count}` stands for e.g. `1 of 3 containers` and `{number}` for `1 container`; `{be}`, `{have}`,
    `{do}` and `{s}` agree with that number.

    Attributes:
        topic: what is checked, for a check of which every result was skipped.
        noun: what one result is about, in the singular.
        passed: when no result is worse.
        failed: when one failed.
        warned: when none failed and one warned; empty if it is the same, but for a container that is not essential.
    """

    topic: str
    noun: str
    passed: str
    failed: str
    warned: str = ""


TELEMETRY_WORDINGS: Final[Mapping[str, Wording]] = {
    "volumes-shared": Wording(
        topic="shared log volumes",
        noun="instance",
        passed="the log forwarder reads what the app writes in {count}",
        failed="the log forwarder does not read what the app writes in {count}",
    ),
    "targets-up": Wording(
        topic="Prometheus targets",
        noun="instance",
        passed="every Prometheus target is up in {count}",
        failed="Prometheus targets are not up in {count}",
    ),
    "scrape-latency": Wording(
        topic="scrape latency",
        noun="instance",
        passed="every scrape takes less than 5 s in {count}",
        failed="scrapes take 5 s or more in {count}",
    ),
    "app-answers": Wording(
        topic="app responses",
        noun="app",
        passed="{count} answer{s} within 200 ms",
        failed="{count} {do} not answer with success",
        warned="{count} take{s} 200 ms or more to answer",
    ),
    "usage-within-limits": Wording(
        topic="resource usage",
        noun="instance",
        passed="{count} use{s} less than 90 % of every limit",
        failed="{count} exceed{s} a limit",
        warned="{count} use{s} 90 % or more of a limit",
    ),
    "log-lines-arrive": Wording(
        topic="arrival of log lines",
        noun="test",
        passed="log lines arrived in OCI Logging in {count}",
        failed="log lines did not arrive in OCI Logging in {count}",
        warned="log lines may be missing in OCI Logging in {count}",
    ),
    "metrics-arrive": Wording(
        topic="arrival of metrics",
        noun="test",
        passed="metrics arrived in OCI Monitoring in {count}",
        failed="metrics did not arrive in OCI Monitoring in {count}",
    ),
    "metrics-queue": Wording(
        topic="queues of metrics forwarders",
        noun="metrics forwarder",
        passed="{count} send{s} everything in time",
        failed="{count} lose{s} metrics",
        warned="{count} hold{s} metrics back",
    ),
    "remote-write": Wording(
        topic="remote writes",
        noun="Prometheus server",
        passed="other systems take what {count} write{s} to them",
        failed="other systems do not take what {count} write{s} to them",
        warned="other systems take late, or not all of, what {count} write{s} to them",
    ),
    "metrics-volume": Wording(
        topic="files of metrics on volumes",
        noun="instance",
        passed="the app writes its metrics to the volume in {count}",
        failed="the app has not written its metrics to the volume in {count}",
    ),
    "alarm-data": Wording(
        topic="data of alarms",
        noun="alarm",
        passed="{count} {have} data to judge",
        failed="{count} {have} no data to judge",
    ),
}
WORDINGS: Final[Mapping[str, Wording]] = {
    "ready": Wording(
        topic="resource states",
        noun="resource",
        passed="{count} {be} ready",
        failed="{count} {be} not ready",
        warned="{count} exist{s} more than once",
    ),
    "agents": Wording(
        topic="management agents",
        noun="agent",
        passed="{count} {be} registered and ACTIVE",
        failed="{count} {be} not registered or out of contact",
    ),
    "as-declared": Wording(
        topic="differences from the spec",
        noun="resource",
        passed="applying the spec again would change nothing",
        failed="applying the spec again would change {number}",
    ),
    "running": Wording(
        topic="container states",
        noun="container",
        passed="{count} run{s} as expected",
        failed="{count} {be} not running",
    ),
    "restarts": Wording(
        topic="restarts",
        noun="container",
        passed="{count} stayed within the allowed restarts",
        failed="{count} restarted more often than allowed",
    ),
    "health": Wording(
        topic="container health",
        noun="container",
        passed="{count} {be} healthy",
        failed="{count} {be} not healthy",
    ),
    "logs": Wording(
        topic="container logs",
        noun="container",
        passed="the logs of {count} can be read",
        failed="the logs of {count} cannot be read",
    ),
    "limits": Wording(
        topic="container limits",
        noun="instance",
        passed="the containers' limits fit {count}",
        failed="the containers' limits exceed {count}",
    ),
    "volumes": Wording(
        topic="volumes",
        noun="instance",
        passed="{count} {have} every mounted volume",
        failed="{count} {do} not have every mounted volume",
    ),
    "network": Wording(
        topic="network rules",
        noun="firewall",
        passed="only declared ports are reachable from the internet",
        failed="{count} admit{s} the internet, which the spec does not declare",
        warned="{count} may admit more than declared",
    ),
    "open-ports": Wording(
        topic="open ports",
        noun="instance",
        passed="nothing but declared ports is open on {count}",
        failed="more than the spec declares is open on {count}",
        warned="more than the spec declares is open on {count}, where nothing is known to listen",
    ),
    "rights": Wording(
        topic="rights",
        noun="resource",
        passed="the policy applies to the containers",
        failed="the policy does not apply to the containers",
    ),
    "log-enabled": Wording(
        topic="logs",
        noun="log",
        passed="{count} {be} enabled",
        failed="{count} {be} disabled",
    ),
    "alarms": Wording(
        topic="alarms",
        noun="alarm",
        passed="{count} {be} enabled and {have} a destination",
        failed="{count} {be} disabled or heard by nobody",
    ),
    "subscriptions": Wording(
        topic="subscriptions",
        noun="subscription",
        passed="{count} {be} confirmed",
        failed="{count} {be} not confirmed",
    ),
    **TELEMETRY_WORDINGS,
}


def report_page(report: Report) -> Page:
    """Return a report as a page."""
    by_name: dict[str, list[Check]] = {}
    for check in report.checks:
        by_name.setdefault(check.name, []).append(check)
    rows = _without_repetition([_row(name, checks) for name, checks in by_name.items()])
    return Page(
        sections=(Section(f"Checks of {report.deployment}", rows),),
        summary=_summary(report, list(by_name.values())),
        tone=Tone.GOOD if report.ok else Tone.BAD,
    )


def _summary(report: Report, by_name: Sequence[Sequence[Check]]) -> str:
    if not report.checks:
        return f"Nothing to check in {report.deployment}."
    counts = ", ".join(f"{number} {word}" for word, number in report.counts.items())
    if not report.ok:
        failed, total = len(report.failures), count_of(len(report.checks), "check")
        return f"{failed} of {total} of {report.deployment} failed: {counts}."
    could_run = all(any(one.status is not Status.SKIPPED for one in checks) for checks in by_name)
    which = report.deployment if could_run else f"{report.deployment} that could run"
    return f"All checks of {which} passed{' with warnings' if 'warned' in report.counts else ''}: {counts}."


def _row(name: str, checks: Sequence[Check]) -> Row:
    worst = next(status for status in SIGNS if any(one.status is status for one in checks))
    sign, tone = SIGNS[worst]
    fallback = Wording(topic=name, noun="check", passed="{count} passed", failed="{count} failed")
    text = statement(WORDINGS.get(name, fallback), worst, checks)
    return Row(sign=sign, subject=name, text=text, tone=tone, details=_details(name, checks))


def statement(wording: Wording, worst: Status, checks: Sequence[Check]) -> str:
    """Return a sentence about the results of a check, which agrees with its sign."""
    if worst is Status.SKIPPED:
        return f"{wording.topic} not checked"
    if worst is Status.PASSED:
        skipped = sum(one.status is Status.SKIPPED for one in checks)
        passed = _fill(wording.passed, wording.noun, len(checks) - skipped, len(checks))
        return f"{passed}, {skipped} not checked" if skipped else passed
    is_same = not wording.warned
    stated = {Status.FAILED, Status.WARNED} if is_same else {worst}
    found = [one for one in checks if one.status in stated]
    sentence = wording.failed if is_same or worst is Status.FAILED else wording.warned
    return f"{_fill(sentence, wording.noun, len(found), len(checks))}: {_names(found)}"


def _fill(sentence: str, noun: str, number: int, total: int) -> str:
    is_one = number == 1
    return sentence.format(
        count=f"{number} of {count_of(total, noun)}",
        number=count_of(number, noun),
        be="is" if is_one else "are",
        have="has" if is_one else "have",
        do="does" if is_one else "do",
        s="s" if is_one else "",
    )


def _names(checks: Sequence[Check]) -> str:
    """Return the names of the checked objects: containers without their instance, if their names are unique."""
    keys = [short(one.key) for one in checks]
    containers = [key.rpartition("/")[2] if one.key != key else key for one, key in zip(checks, keys, strict=True)]
    names = containers if len(set(containers)) == len(containers) else keys
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _details(name: str, checks: Sequence[Check]) -> tuple[Detail, ...]:
    """Return every result that did not pass and, for telemetry, the first of those that passed."""
    others = [one for one in checks if one.status is not Status.PASSED]
    passed = [one for one in checks if one.status is Status.PASSED and name in TELEMETRY_WORDINGS]
    more = len(passed) - _MAX_EVIDENCE
    return (
        *_grouped([(one.key, one.reason or _finding(one)) for one in others]),
        *(Detail(short(one.key), one.detail) for one in passed[:_MAX_EVIDENCE]),
        *([Detail("…", f"and {more} more that passed")] if more > 0 else []),
    )


def _finding(check: Check) -> str:
    return f"{check.status.value}: {check.detail}{'; ' if check.remedy else ''}{check.remedy}"


def _grouped(entries: Sequence[tuple[str, str]]) -> Iterator[Detail]:
    """Yield one detail for each text, with the first of its keys and the number of the others."""
    keys: dict[str, list[str]] = {}
    for key, text in entries:
        keys.setdefault(text, []).append(key)
    for text, (first, *others) in keys.items():
        yield Detail(short(first), f"{text} (and {len(others)} more)" if others else text)


def _without_repetition(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows; of neighbours with the same details only the last keeps them."""
    return tuple(
        evolve(row, details=()) if below is not None and row.details == below.details else row
        for row, below in zip_longest(rows, rows[1:])
    )
