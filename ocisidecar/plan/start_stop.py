"""Starting, stopping and restarting container instances, as plans.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.errors import PlanError
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key

_KIND = "container-instance"
_STEPS: Mapping[tuple[Action, Phase], Action] = {
    (Action.START, Phase.STOPPED): Action.START,
    (Action.START, Phase.PENDING): Action.WAIT,
    (Action.STOP, Phase.READY): Action.STOP,
    (Action.STOP, Phase.PENDING): Action.STOP,
    (Action.RESTART, Phase.READY): Action.RESTART,
    (Action.RESTART, Phase.PENDING): Action.RESTART,
    (Action.RESTART, Phase.STOPPED): Action.START,
}
"""Requested action and phase of the instance → action of its step; in any other phase it is a no-op."""


def plan_start_stop(identity: Identity, snapshot: Snapshot, action: Action, *, instance: str | None = None) -> Plan:
    """Return the plan that starts, stops or restarts all instances of a deployment, or one.

    Raises:
        PlanError: the deployment has no such instance.
    """
    live = snapshot.of(identity.name)
    names = [key.name for key in live if key.kind == _KIND]
    if instance is not None and instance not in names:
        there = ", ".join(names) or "none"
        hint = did_you_mean(instance, names)
        raise PlanError(f"{identity.name} has no instance {instance!r}; its instances: {there}{hint}")
    chosen = {Key(_KIND, name) for name in names if instance in {None, name}}
    steps = tuple(_step(key, lives[0], action, is_meant=key in chosen) for key, lives in sorted(live.items()))
    operations = operations_of(identity.name, steps, {}, {})
    return Plan(identity=identity, steps=steps, operations=operations, snapshot=snapshot)


def _step(key: Key, live: Live, action: Action, *, is_meant: bool) -> Step:
    what = _STEPS.get((action, live.phase), Action.NOOP) if is_meant else Action.NOOP
    reason = Change("lifecycleState", f"is {live.state}") if is_meant else Change("everything", "is left unchanged")
    return Step(action=what, key=key, live=live, changes=(reason,))
