"""Bringing replicas back to what ran before, when an apply has failed before all of them work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from attrs import evolve

from ocisidecar.apply.outcome import Outcome
from ocisidecar.apply.reporter import Reporter
from ocisidecar.errors import (
    ConnectionLost,
    NotAuthenticated,
    ServiceCallError,
    ServiceUnavailable,
    Throttled,
    WaitError,
)
from ocisidecar.events import ReplacementUndone, RollbackStarted
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.plan.plan import Action, Plan, Step
from ocisidecar.plan.roll_back import plan_roll_back, steps_to_undo
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key

_SAY_NOTHING = (ConnectionLost, NotAuthenticated, ServiceUnavailable, Throttled)
"""Errors that say nothing about the change, and with which going back would fail too: applying again continues."""


def read_roll_back(outcome: Outcome, reader: DeploymentReader) -> Plan | None:
    """Return the plan that undoes what an apply that failed has changed of its replicas; None where there is none.

    Takes one list, which also shows what was created although its answer was lost, and a GET for each instance that
    was kept, because lists lag.
    """
    causes = outcome.causes.values()
    if outcome.plan.is_destroy or not any(_is_about_the_change(cause) for cause in causes):
        return None
    steps = steps_to_undo(outcome.plan, outcome.done)
    return plan_roll_back(outcome.plan, steps, _lives(outcome, steps, reader)) if steps else None


def roll_back(
    outcomes: Sequence[Outcome],
    plans: Mapping[str, Plan],
    run: Callable[[Sequence[Plan]], Sequence[Outcome]],
    reporter: Reporter,
) -> tuple[Outcome, ...]:
    """Carry out the plans back, by the name of their deployment, and return all outcomes as they are then."""
    for outcome in outcomes:
        if outcome.plan.name in plans:
            _report(plans[outcome.plan.name], outcome, reporter)
    back = {one.plan.name: one for one in (run(tuple(plans.values())) if plans else ())}
    return tuple(_after(one, back[one.plan.name]) if one.plan.name in back else one for one in outcomes)


def _is_about_the_change(cause: Exception) -> bool:
    return isinstance(cause, WaitError | ServiceCallError) and not isinstance(cause, _SAY_NOTHING)


def _lives(outcome: Outcome, steps: Iterable[Step], reader: DeploymentReader) -> dict[Key, list[Live]]:
    """Return what exists of the steps' keys now, the oldest first."""
    caller, site, steps = reader.caller, reader.site, tuple(steps)
    keys = {step.key for step in steps}
    listed = [live for name in {key.kind for key in keys} for live in KINDS[name].list_live(caller, site)]
    made = [outcome.resources[key] for key in keys if key in outcome.resources]
    found = {live.id: live for live in (*made, *listed) if live.deployment == outcome.plan.name}
    kept = [live for step in steps for live in step.kept]
    reads = [partial(KINDS[live.key.kind].get, caller, site, live.id) for live in kept]
    for before, now in zip(kept, reader.call_all(reads), strict=True):
        found.pop(before.id, None)
        if now is not None:
            found[before.id] = now
    lives: dict[Key, list[Live]] = {key: [] for key in keys}
    for live in sorted(found.values(), key=lambda live: (live.time_created, live.id)):
        if live.key in keys:
            lives[live.key].append(live)
    return lives


def _report(plan: Plan, outcome: Outcome, reporter: Reporter) -> None:
    reason = f"{', '.join(outcome.causes)} failed"
    reporter.emit(RollbackStarted(deployment=plan.name, reason=reason, operations=len(plan.operations)))
    for step in plan.steps:
        if step.live is not None:
            for new in step.old:
                reporter.emit(
                    ReplacementUndone(
                        deployment=plan.name,
                        key=str(step.key),
                        action=Action.DELETE.value,
                        old_resource_id=step.live.id,
                        new_resource_id=new.id,
                    )
                )


def _after(outcome: Outcome, back: Outcome) -> Outcome:
    """Return the outcome of an apply after it was rolled back."""
    keys = {step.key for step in back.plan.steps}
    resources = {key: live for key, live in outcome.resources.items() if key not in keys}
    is_undone = back.is_complete
    return evolve(
        outcome,
        resources={**resources, **back.resources},
        rolled_back=tuple(str(key) for key in sorted(keys)) if is_undone else (),
        back_causes=back.causes,
        is_roll_back_cut=not is_undone,
    )
