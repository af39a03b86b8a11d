"""The outcome of a run, and its last event."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ocisidecar.events import ApplyFinished, ApplyStopped, Event
from ocisidecar.plan.plan import Plan
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key


@frozen
class Outcome:
    """The outcome of one plan.

    Attributes:
        resources: what exists now, by key.
        causes: failed key → exception; empty when all went well.
        is_cancelled: whether it was cut short from outside.
    """

    plan: Plan
    resources: Mapping[Key, Live]
    causes: Mapping[str, Exception]
    is_cancelled: bool


def final_event(outcome: Outcome, reason: str | None) -> Event:
    """Return the last event of a run; `reason` says why it was cancelled, if it was."""
    name, count = outcome.plan.name, len(outcome.resources)
    if outcome.causes:
        return ApplyStopped(deployment=name, reason=f"{', '.join(outcome.causes)} failed", resources=count)
    if outcome.is_cancelled:
        return ApplyStopped(deployment=name, reason=f"cancelled: {reason}", resources=count)
    return ApplyFinished(deployment=name, resources=count, is_destroy=outcome.plan.is_destroy)
