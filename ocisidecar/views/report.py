"""What a report looks like: a line for each kind of check, and one more for everything that did not pass.

Checks of metrics and log lines show their evidence when they pass, too: what arrived where, and how fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ocisidecar.report import Check, Report, Status
from ocisidecar.views.page import Detail, Page, Row, Section, Tone

_SIGNS: Final[Mapping[Status, tuple[str, Tone]]] = {
    Status.FAILED: ("✗", Tone.BAD),
    Status.WARNED: ("!", Tone.CHANGE),
    Status.PASSED: ("✓", Tone.GOOD),
    Status.SKIPPED: ("○", Tone.CALM),
}
"""Worst first: a kind of check has the sign of its worst."""

_SHOWN_EVIDENCE: Final = 5
TELEMETRY_MEANINGS: Final[Mapping[str, str]] = {
    "volumes-shared": "what the app writes is read by the container beside it",
    "targets-up": "Prometheus reaches everything that it scrapes",
    "scrape-latency": "no scrape takes 5 s",
    "app-answers": "the app answers from outside within 200 ms",
    "usage-within-limits": "memory, CPU and disk are not about to run out",
    "log-lines-arrive": "log lines arrive in OCI Logging",
    "metrics-arrive": "metrics arrive in OCI Monitoring",
}
MEANINGS: Final[Mapping[str, str]] = {
    "ready": "every resource is there and in its ready state",
    "as-declared": "applying the spec again would change nothing",
    "running": "every container runs",
    "restarts": "no container had to be started again",
    "health": "every health check finds its container healthy",
    "logs": "every container's output can be read",
    "limits": "the containers' limits fit the instance",
    "volumes": "every volume that is mounted is there",
    "network": "nobody gets in but through declared ports",
    "rights": "the policy speaks of this deployment's containers",
    "log-enabled": "every log takes lines",
    "alarms": "every alarm is evaluated and notifies somebody",
    **TELEMETRY_MEANINGS,
}
"""What it means that a kind of check passed."""


def report_page(report: Report) -> Page:
    """Return what there is to see of a report."""
    by_name: dict[str, list[Check]] = {}
    for check in report.checks:
        by_name.setdefault(check.name, []).append(check)
    counts = ", ".join(f"{number} {word}" for word, number in report.counts.items()) or "nothing to check"
    return Page(
        sections=(
            Section(
                f"Checks of {report.deployment}", tuple(_row(name, checks) for name, checks in by_name.items())
            ),
        ),
        summary=f"{report.deployment} {'is fine' if report.ok else 'is not fine'}: {counts}.",
        tone=Tone.GOOD if report.ok else Tone.BAD,
    )


def _details(name: str, checks: Sequence[Check]) -> tuple[Detail, ...]:
    """Return what did not pass and, of metrics and lines, the first of what did: a fleet is not shown in full."""
    others = [one for one in checks if one.status is not Status.PASSED]
    passed = [one for one in checks if one.status is Status.PASSED and name in TELEMETRY_MEANINGS]
    more = len(passed) - _SHOWN_EVIDENCE
    return (
        *(Detail(one.key, one.reason or f"{one.status.value}: {one.detail}") for one in others),
        *(Detail(one.key, one.detail) for one in passed[:_SHOWN_EVIDENCE]),
        *([Detail("…", f"and {more} more that passed")] if more > 0 else []),
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
