"""What a report looks like: a line for each kind of check, and one more for everything that did not pass.

Checks of metrics and log lines show their evidence when they pass, too: what arrived where, and how fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from attrs import evolve

from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, short

_SIGNS: Final[Mapping[Status, tuple[str, Tone]]] = {
    Status.FAILED: ("✗", Tone.BAD),
    Status.WARNED: ("!", Tone.CHANGE),
    Status.PASSED: ("✓", Tone.GOOD),
    Status.SKIPPED: ("○", Tone.CALM),
}
"""Worst first: a kind of check has the sign of its worst."""

_SHOWN_EVIDENCE: Final = 5
TELEMETRY_MEANINGS: Final[Mapping[str, str]] = {
    "volumes-shared": "the log forwarder reads what the app writes",
    "targets-up": "Prometheus reaches all that it scrapes",
    "scrape-latency": "no scrape takes 5 s",
    "app-answers": "the app answers from outside within 200 ms",
    "usage-within-limits": "memory, CPU and disk do not run out",
    "log-lines-arrive": "log lines arrive in OCI Logging",
    "metrics-arrive": "metrics arrive in OCI Monitoring",
}
MEANINGS: Final[Mapping[str, str]] = {
    "ready": "every resource is there and ready",
    "as-declared": "applying it again would change nothing",
    "running": "every container runs",
    "restarts": "no container had to be started again",
    "health": "every health check passes",
    "logs": "every container's output can be read",
    "limits": "the containers' limits fit the instance",
    "volumes": "every volume that is mounted is there",
    "network": "nobody gets in but by declared ports",
    "rights": "the policy is about these containers",
    "log-enabled": "every log takes lines",
    "alarms": "every alarm is on and notifies somebody",
    **TELEMETRY_MEANINGS,
}
"""What it means that a kind of check passed."""


def report_page(report: Report) -> Page:
    """Return what there is to see of a report."""
    by_name: dict[str, list[Check]] = {}
    for check in report.checks:
        by_name.setdefault(check.name, []).append(check)
    rows = _without_repetition([_row(name, checks) for name, checks in by_name.items()])
    counts = ", ".join(f"{number} {word}" for word, number in report.counts.items()) or "nothing to check"
    is_proven = all(any(one.status is not Status.SKIPPED for one in checks) for checks in by_name.values())
    verdict = (
        "is not fine" if not report.ok else "is fine" if is_proven else "is fine, as far as it could be checked"
    )
    return Page(
        sections=(Section(f"Checks of {report.deployment}", rows),),
        summary=f"{report.deployment} {verdict}: {counts}.",
        tone=Tone.GOOD if report.ok else Tone.BAD,
    )


def _row(name: str, checks: Sequence[Check]) -> Row:
    sign, tone = next(sign for status, sign in _SIGNS.items() if any(one.status is status for one in checks))
    passed = sum(one.status is Status.PASSED for one in checks)
    return Row(
        sign=sign,
        subject=name,
        text=f"{MEANINGS.get(name, name)} ({passed} of {len(checks)})",
        tone=tone,
        details=_details(name, checks),
    )


def _details(name: str, checks: Sequence[Check]) -> tuple[Detail, ...]:
    """Return what did not pass and, of metrics and lines, the first of what did: a fleet is not shown in full."""
    others = [one for one in checks if one.status is not Status.PASSED]
    passed = [one for one in checks if one.status is Status.PASSED and name in TELEMETRY_MEANINGS]
    more = len(passed) - _SHOWN_EVIDENCE
    return (
        *_grouped([(one.key, one.reason or f"{one.status.value}: {one.detail}") for one in others]),
        *(Detail(short(one.key), one.detail) for one in passed[:_SHOWN_EVIDENCE]),
        *([Detail("…", f"and {more} more that passed")] if more > 0 else []),
    )


def _grouped(said: Sequence[tuple[str, str]]) -> Iterator[Detail]:
    """Yield one detail for each text; of several that it is said of, the first is named and the others counted."""
    keys: dict[str, list[str]] = {}
    for key, text in said:
        keys.setdefault(text, []).append(key)
    for text, (first, *others) in keys.items():
        yield Detail(short(first), f"{text} (and {len(others)} more)" if others else text)


def _without_repetition(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows; where neighbours have the same details, only the last of them shows these."""
    return tuple(
        evolve(row, details=()) if below is not None and row.details == below.details else row
        for row, below in zip_longest(rows, rows[1:])
    )
