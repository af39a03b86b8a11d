"""What `verify()` found: one entry for each check."""

from __future__ import annotations

import json
from enum import StrEnum

from attrs import frozen

from ocisidecar.errors import ChecksFailed

_NAMED_FAILURES = 3
_LONGEST_DETAIL = 200


class Status(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen(kw_only=True)
class Check:
    """One check.

    Attributes:
        name: what was checked, e.g. `running`.
        key: of what: a resource (`vcn/main`), a container (`container-instance/web-0/prometheus`), or the
            deployment by its name.
        status: `warned` works but deserves a look; `skipped` says nothing either way.
        detail: the evidence: what was seen.
        reason: why it was skipped; empty otherwise.
    """

    name: str
    key: str
    status: Status
    detail: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {
            "name": self.name,
            "key": self.key,
            "status": self.status.value,
            "detail": self.detail,
            "reason": self.reason,
        }


@frozen
class Report:
    """What `verify()` found in the deployment of this name."""

    deployment: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed; what was skipped is not proven."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status is Status.FAILED)

    @property
    def counts(self) -> dict[str, int]:
        """How many checks there are of each status, in the order passed, warned, failed, skipped."""
        statuses = [check.status for check in self.checks]
        return {status.value: statuses.count(status) for status in Status if status in statuses}

    def raise_for_failures(self) -> None:
        """Do nothing when no check failed.

        Raises:
            ChecksFailed: some did; its `report` is this one.
        """
        if self.ok:
            return
        failures = self.failures
        said = [f"{one.name} of {one.key}: {_shorten(one.detail)}" for one in failures[:_NAMED_FAILURES]]
        if len(failures) > _NAMED_FAILURES:
            said.append(f"and {len(failures) - _NAMED_FAILURES} more")
        named = "".join(f"\n  - {one}" for one in said)
        raise ChecksFailed(
            f"{len(failures)} of {len(self.checks)} checks of {self.deployment} failed; deployment.diagnose() "
            f"looks for the causes:{named}",
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


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
