"""A diagnosis as a page: each cause with its evidence and remedy."""

from __future__ import annotations

from ocisidecar.verify.findings import Diagnosis, Finding
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, short


def findings_page(diagnosis: Diagnosis) -> Page:
    """Return a diagnosis as a page."""
    if not diagnosis.findings:
        summary = f"{diagnosis.deployment}: no problems found; verify checks whether metrics and log lines arrive."
        return Page(summary=summary, tone=Tone.GOOD)
    return Page(
        sections=(
            Section(
                f"Problems of {diagnosis.deployment}, the most likely cause first",
                tuple(map(_row, diagnosis.findings)),
            ),
        ),
        summary=f"{diagnosis.deployment}: {count_of(len(diagnosis.findings), 'finding')}.",
        tone=Tone.BAD,
    )


def _row(finding: Finding) -> Row:
    return Row(
        sign="✗",
        subject=short(finding.key),
        text=finding.title,
        tone=Tone.BAD,
        details=(
            *(Detail("evidence", evidence) for evidence in finding.evidence),
            Detail("remedy", finding.remedy),
        ),
    )
