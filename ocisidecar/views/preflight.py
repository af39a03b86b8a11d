"""The checks before an apply as a page: a line for each check, with evidence, and what to copy into a policy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ocisidecar.verify.report import Check, Preflight, Status
from ocisidecar.views.page import Copyable, Detail, Page, Row, Section, Tone, count_of
from ocisidecar.views.report import SIGNS, Wording, statement

_OCID: Final = re.compile(r"(ocid1\.\w+\.[\w-]+\.[\w-]*\.)\w{12,}(\w{6})")
_WITH_EVIDENCE: Final = frozenset({"limits"})
"""Checks of which results that passed are shown too."""

_WORDINGS: Final[Mapping[str, Wording]] = {
    "rights": Wording(
        topic="rights",
        noun="right",
        passed="what an apply needs is visible to the caller ({count})",
        failed="{count} {be} missing",
    ),
    "references": Wording(
        topic="what the spec names",
        noun="resource",
        passed="{count} that the spec names {be} there",
        failed="{count} that the spec names cannot be used",
    ),
    "shapes": Wording(
        topic="shapes",
        noun="instance",
        passed="the region offers what {count} need{s}",
        failed="the region does not offer what the spec asks for",
    ),
    "limits": Wording(
        topic="service limits",
        noun="part",
        passed="service limits leave room for {count} of the spec",
        failed="service limits leave no room for {count} of the spec",
        warned="service limits leave little room for {count} of the spec",
    ),
    "images": Wording(
        topic="images",
        noun="image",
        passed="{count} {be} in the registry",
        failed="{count} cannot be pulled",
        warned="{count} cannot be pulled yet",
    ),
    "secrets": Wording(
        topic="secrets",
        noun="secret",
        passed="{count} can be read",
        failed="{count} cannot be read",
    ),
}


def preflight_page(report: Preflight) -> Page:
    """Return the checks before an apply as a page."""
    groups: dict[str, list[Check]] = {}
    for check in report.checks:
        groups.setdefault(check.name, []).append(check)
    lists = {
        "Missing rights, to be added to a policy by somebody who may": report.missing_statements,
        "Rights with which more could be checked": report.optional_statements,
    }
    return Page(
        sections=(Section(_heading(report), tuple(_rows(groups))),),
        copyable=tuple(Copyable(heading, lines) for heading, lines in lists.items() if lines),
        summary=_summary(report),
        tone=Tone.GOOD if report.ok else Tone.BAD,
    )


def _heading(report: Preflight) -> str:
    return f"Before an apply{' of ' if report.deployment else ''}{report.deployment}"


def _summary(report: Preflight) -> str:
    counts = ", ".join(f"{number} {word}" for word, number in report.counts.items())
    if report.ok:
        return f"Ready to apply, as far as reading can tell: {counts}."
    return f"{count_of(len(report.failures), 'check')} failed: {counts}."


def _rows(groups: Mapping[str, Sequence[Check]]) -> Iterator[Row]:
    """Yield a row for each check; those that could not run for the same reason share one."""
    reasons = [checks[0].reason for checks in groups.values() if len(checks) == 1]
    shared = next((one for one in reasons if one and reasons.count(one) > 1), None)
    for name, checks in groups.items():
        if shared is None or checks[0].reason != shared:
            yield _row(name, checks)
    if shared is not None:
        sign, tone = SIGNS[Status.SKIPPED]
        yield Row(sign=sign, subject=count_of(reasons.count(shared), "other"), text=shared, tone=tone)


def _row(name: str, checks: Sequence[Check]) -> Row:
    worst = next(status for status in SIGNS if any(one.status is status for one in checks))
    sign, tone = SIGNS[worst]
    if name != "rights" and len({(one.status, _evidence(one), one.remedy) for one in checks}) == 1:
        of_spec = f"{_keys(checks)}: " if name in _WORDINGS and checks[0].key != name else ""
        text, details = f"{of_spec}{_evidence(checks[0])}", _remedy(checks[0])
    else:
        text, details = statement(_WORDINGS[name], worst, checks), tuple(_details(checks))
    return Row(sign=sign, subject=name, text=text, tone=tone, details=details)


def _details(checks: Sequence[Check]) -> Iterator[Detail]:
    """Yield what was found, once for all of which it is the same; of rights nothing: their statements say it."""
    keys: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if check.name != "rights" and (check.status is not Status.PASSED or check.name in _WITH_EVIDENCE):
            keys.setdefault((_evidence(check), "" if check.has_statement else check.remedy), []).append(check.key)
    for (evidence, remedy), named in keys.items():
        yield Detail("", f"{_short(', '.join(named))}: {evidence}")
        if remedy:
            yield Detail("remedy", remedy)


def _keys(checks: Sequence[Check]) -> str:
    return _short(", ".join(check.key for check in checks))


def _evidence(check: Check) -> str:
    return _short(check.reason or check.detail)


def _remedy(check: Check) -> tuple[Detail, ...]:
    """Return what to do; statements are listed together below."""
    return (Detail("remedy", check.remedy),) if check.remedy and not check.has_statement else ()


def _short(text: str) -> str:
    """Return a text with only the end of the unique part of OCIDs, as the console shows them."""
    return _OCID.sub(r"\1…\2", text)
