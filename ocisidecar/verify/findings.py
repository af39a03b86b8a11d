"""Findings of `diagnose()`: causes with their evidence and remedy, the most likely first."""

from __future__ import annotations

import json
from collections.abc import Iterable

from attrs import frozen

from ocisidecar.verify.causes import CAUSES

_RANKS = {code: rank for rank, code in enumerate(CAUSES, 1)}


@frozen(kw_only=True)
class Finding:
    """One problem.

    Attributes:
        cause: a key of `CAUSES`, for programs.
        key: of the resource (`vcn/main`) or container (`container-instance/web-0/prometheus`).
        evidence: states, errors of work requests, exit codes, last log lines.
    """

    cause: str
    key: str
    evidence: tuple[str, ...]

    @property
    def title(self) -> str:
        """The cause as a sentence."""
        return CAUSES[self.cause].title

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CAUSES[self.cause].remedy

    @property
    def rank(self) -> int:
        """The cause's position in the order of findings, from 1."""
        return _RANKS[self.cause]

    def to_dict(self) -> dict[str, object]:
        """Return the finding as plain data."""
        return {
            "cause": self.cause,
            "key": self.key,
            "rank": self.rank,
            "title": self.title,
            "evidence": list(self.evidence),
            "remedy": self.remedy,
        }


@frozen
class Diagnosis:
    """The problems of the deployment of this name, the most likely cause first; empty if there are none."""

    deployment: str
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, deployment: str, findings: Iterable[Finding]) -> Diagnosis:
        """Return the findings in the order of their rank and key."""
        return cls(deployment, tuple(sorted(findings, key=lambda one: (one.rank, one.key))))

    def to_dict(self) -> dict[str, object]:
        """Return the diagnosis as plain data."""
        return {"deployment": self.deployment, "findings": [finding.to_dict() for finding in self.findings]}

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import findings_text

        return findings_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import findings_html

        return findings_html(self)
