"""What findings look like: what is wrong, what says so, and what helps."""

from __future__ import annotations

from ocisidecar.verify.findings import Diagnosis, Finding
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, count_of, short


def findings_page(diagnosis: Diagnosis) -> Page:
    """Return what there is to see of a diagnosis."""
    if not diagnosis.findings:
        said = "nothing wrong was found; verify() tells whether metrics and lines arrive"
        return Page(summary=f"{diagnosis.deployment}: {said}.", tone=Tone.GOOD)
    return Page(
        sections=(
            Section(
                f"What is wrong with {diagnosis.deployment}, the likeliest cause first",
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
        details=(*(Detail("seen", evidence) for evidence in finding.evidence), Detail("remedy", finding.remedy)),
    )
