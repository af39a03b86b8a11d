"""The outcome of a run, and its last event."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ocisidecar.events import ApplyFinished, ApplyStopped, Event
from ocisidecar.plan.plan import OperationId, Plan
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key


@frozen
class Outcome:
    """The outcome of one plan.

    Attributes:
        resources: what exists now, by key.
        causes: failed key → exception; empty when all went well.
        is_cancelled: whether it was cut short from outside.
        done: the operations that ended.
        rolled_back: keys that are again as before the run.
        back_causes: failed key → exception of a roll-back that failed.
        is_roll_back_cut: whether a roll-back began and is not complete.
    """

    plan: Plan
    resources: Mapping[Key, Live]
    causes: Mapping[str, Exception]
    is_cancelled: bool
    done: frozenset[OperationId] = frozenset()
    rolled_back: tuple[str, ...] = ()
    back_causes: Mapping[str, Exception] = field(factory=dict)
    is_roll_back_cut: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether everything of the plan was carried out."""
        return not self.causes and not self.is_cancelled


def final_event(outcome: Outcome, reason: str | None) -> Event:
    """Return the last event of a run; `reason` says why it was cancelled, if it was."""
    name, count = outcome.plan.name, len(outcome.resources)
    if outcome.causes:
        back = f"; rolled back: {', '.join(outcome.rolled_back)}" if outcome.rolled_back else ""
        back = "; the roll-back is not complete" if outcome.is_roll_back_cut else back
        return ApplyStopped(deployment=name, reason=f"{', '.join(outcome.causes)} failed{back}", resources=count)
    if outcome.is_cancelled:
        return ApplyStopped(deployment=name, reason=f"cancelled: {reason}", resources=count)
    return ApplyFinished(deployment=name, resources=count, is_destroy=outcome.plan.is_destroy)
