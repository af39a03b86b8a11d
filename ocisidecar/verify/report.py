"""The report of `verify()`: one result for each check."""

from __future__ import annotations

import json
from enum import StrEnum

from attrs import frozen

from ocisidecar.errors import ChecksFailed

_MAX_NAMED_FAILURES = 3
_MAX_DETAIL_LENGTH = 200


class Status(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen(kw_only=True)
class Check:
    """One check with its result.

    Attributes:
        name: of the check, e.g. `running`.
        key: of the resource (`vcn/main`) or container (`container-instance/web-0/prometheus`) that was checked, or
            the deployment's name.
        status: `warned` works but should be reviewed; `skipped` proves nothing.
        detail: the evidence.
        reason: why it was skipped; empty otherwise.
        remedy: what to do about it, where that is known; a policy statement where a right may be missing.
    """

    name: str
    key: str
    status: Status
    detail: str = ""
    reason: str = ""
    remedy: str = ""

    @property
    def has_statement(self) -> bool:
        """Whether the remedy is a policy statement."""
        return self.remedy.startswith("Allow ")

    def to_dict(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {
            "name": self.name,
            "key": self.key,
            "status": self.status.value,
            "detail": self.detail,
            "reason": self.reason,
            "remedy": self.remedy,
        }


@frozen
class Report:
    """The results of `verify()` for the deployment of this name."""

    deployment: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed; skipped checks prove nothing."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status is Status.FAILED)

    @property
    def counts(self) -> dict[str, int]:
        """The number of checks of each status, in the order passed, warned, failed, skipped."""
        statuses = [check.status for check in self.checks]
        return {status.value: statuses.count(status) for status in Status if status in statuses}

    @property
    def _topic(self) -> str:
        return f"checks of {self.deployment}"

    @property
    def _advice(self) -> str:
        return "deployment.diagnose() finds causes"

    def raise_for_failures(self) -> None:
        """Raise if a check failed, like `raise_for_status` of HTTP clients.

        Raises:
            ChecksFailed: a check failed; its `report` is this one.
        """
        if self.ok:
            return
        failures = self.failures
        named = [f"{one.name} of {one.key}: {_shorten(one.detail)}" for one in failures[:_MAX_NAMED_FAILURES]]
        if len(failures) > _MAX_NAMED_FAILURES:
            named.append(f"and {len(failures) - _MAX_NAMED_FAILURES} more")
        lines = "".join(f"\n  - {one}" for one in named)
        raise ChecksFailed(
            f"{len(failures)} of {len(self.checks)} {self._topic} failed; {self._advice}:{lines}",
            report=self,
        )

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {
            "deployment": self.deployment,
            "ok": self.ok,
            "counts": self.counts,
            "checks": [check.to_dict() for check in self.checks],
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import report_text

        return report_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import report_html

        return report_html(self)


@frozen
class Preflight(Report):
    """The results of `Provisioner.preflight()`; the deployment's name is empty where no spec was given.

    Attributes:
        statements: policy statements that suffice to plan, apply, verify and destroy, for the caller's group.
    """

    statements: tuple[str, ...] = ()

    @property
    def missing_statements(self) -> tuple[str, ...]:
        """The statements that checks name which failed."""
        return self._statements_of(Status.FAILED)

    @property
    def optional_statements(self) -> tuple[str, ...]:
        """The statements with which checks would find out more that were skipped, or that warn."""
        others = self._statements_of(Status.SKIPPED, Status.WARNED)
        return tuple(one for one in others if one not in self.missing_statements)

    def _statements_of(self, *statuses: Status) -> tuple[str, ...]:
        found = [check.remedy for check in self.checks if check.status in statuses and check.has_statement]
        return tuple(dict.fromkeys(found))

    @property
    def _topic(self) -> str:
        return f"checks before an apply{' of ' if self.deployment else ''}{self.deployment}"

    @property
    def _advice(self) -> str:
        return "the report has the remedies"

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {**super().to_dict(), "statements": list(self.statements)}

    def __str__(self) -> str:
        from ocisidecar.views import preflight_text

        return preflight_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import preflight_html

        return preflight_html(self)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_DETAIL_LENGTH else text[: _MAX_DETAIL_LENGTH - 1] + "…"
