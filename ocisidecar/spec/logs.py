"""Log group and logs of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.converters import texts
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import RESOURCE_NAME, Problem, count, ocid, validated

_LOG_NAMES = ("app",)


_RETENTION_DAYS = (30, 60, 90, 120, 150, 180)


def _retention(days: int) -> str | None:
    if days in _RETENTION_DAYS:
        return None
    return f"must be one of {', '.join(map(str, _RETENTION_DAYS))} days, got {days}"


@frozen(kw_only=True, repr=False)
class LoggingSpec(ShortRepr):
    """Log group and logs of a deployment: use `deployment`, `existing`, `of` or `none`.

    Attributes:
        log_names: names that containers may refer to.
        retention_duration_in_days: how long the service keeps lines: 30 to 180 days in steps of 30.
        log_id: of an existing log.
        log_group_id: of an existing log group of the deployment's compartment.
        name: the deployment whose logs are shared.

    Source: oci.logging.models.CreateLogDetails.
    """

    kind: Literal["deployment", "existing", "of", "none"]
    log_names: tuple[str, ...] = field(
        default=_LOG_NAMES,
        converter=texts,
        metadata=validated(count(1, 100, unit="logs"), each=(RESOURCE_NAME,)),
    )
    retention_duration_in_days: int = field(default=30, metadata=validated(_retention))
    log_id: str | None = field(default=None, metadata=validated(ocid("log")))
    log_group_id: str | None = field(default=None, metadata=validated(ocid("loggroup")))
    name: str | None = field(default=None, metadata=validated(RESOURCE_NAME))

    @classmethod
    def deployment(
        cls, *, log_names: Sequence[str] = _LOG_NAMES, retention_duration_in_days: int = 30
    ) -> LoggingSpec:
        """Make a log group with a custom log for each name."""
        return cls(
            kind="deployment",
            log_names=tuple(log_names),
            retention_duration_in_days=retention_duration_in_days,
        )

    @classmethod
    def existing(
        cls,
        *,
        log_id: str | None = None,
        log_group_id: str | None = None,
        log_names: Sequence[str] = _LOG_NAMES,
        retention_duration_in_days: int = 30,
    ) -> LoggingSpec:
        """Use one existing log for everything, or make logs in an existing group; give one of the two OCIDs.

        The log may be anywhere; the group must be in the deployment's compartment, so that its logs are found.
        """
        return cls(
            kind="existing",
            log_id=log_id,
            log_group_id=log_group_id,
            log_names=tuple(log_names),
            retention_duration_in_days=retention_duration_in_days,
        )

    @classmethod
    def of(cls, name: str, *, log_names: Sequence[str] = _LOG_NAMES) -> LoggingSpec:
        """Use the logs, named as there, that another deployment of the same compartment and region made."""
        return cls(kind="of", name=name, log_names=tuple(log_names))

    @classmethod
    def none(cls) -> LoggingSpec:
        """Make no logs; no container may then refer to one."""
        return cls(kind="none")

    def contradictions(self) -> list[Problem]:
        """Return what is wrong between fields, as pairs of field and message."""
        if self.kind == "existing" and bool(self.log_id) == bool(self.log_group_id):
            return [("log_id", "give either log_id or log_group_id")]
        return []
