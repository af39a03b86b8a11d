"""Going back when an apply fails before all replicas of an instance work.  Pure.

An instance that was deleted cannot be made again with certainty: no response has its pull secrets, its image's tag
may mean another image by now, and its place may be taken.  So what runs is kept until all replicas work, stopped
where two must not run at once.  Going back is to delete the new instances and to start what was stopped.  There
is no state: wherever a run is cut off, what is kept and what is new differ in their digests, and the next plan
sees both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ocisidecar.plan.plan import Action, Change, Goal, Operation, OperationId, Plan, Step
from ocisidecar.state.desired import Desired, Rollout
from ocisidecar.state.identity import TAG_DIGEST
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Key

_STANDING = frozenset({Phase.READY, Phase.PENDING, Phase.STOPPED})


def no_way_back(rollout: Rollout | None, replaced: Collection[Key]) -> str:
    """Return why an instance that is replaced cannot be kept meanwhile; empty where it can, or need not.

    Args:
        rollout: how it is replaced.
        replaced: what it needs and is replaced too.
    """
    if rollout is None or not rollout.is_rolled_back:
        return ""
    if rollout.has_fixed_address:
        return "the old one is deleted first, because its address is fixed, and even stopped it would hold it"
    needs = ", ".join(sorted(map(str, replaced)))
    return f"the old one is deleted first, because {needs} is replaced too" if needs else ""


def groups_of(steps: Iterable[Step], desired: Mapping[Key, Desired]) -> tuple[tuple[Step, ...], ...]:
    """Return the steps about the replicas of each instance that can go back, also those of surplus replicas."""
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        want = desired.get(step.key)
        if want is None:
            found.setdefault((step.key.kind, step.key.name.rpartition("-")[0]), []).append(step)
        elif want.rollout is not None and want.rollout.is_rolled_back:
            found.setdefault((step.key.kind, want.rollout.group), []).append(step)
    return tuple(tuple(group) for group in found.values() if any(step.keeps_old for step in group))


def steps_to_undo(plan: Plan, done: Collection[OperationId]) -> tuple[Step, ...]:
    """Return the steps of instances of which not all replicas work yet; `done` are the operations that ended."""
    missing = {one.id.key for one in plan.operations if one.is_proof and one.id not in done}
    return tuple(
        step
        for group in groups_of(plan.steps, plan.desired)
        if any(step.key in missing for step in group)
        for step in group
    )


def plan_roll_back(plan: Plan, steps: Iterable[Step], lives: Mapping[Key, Sequence[Live]]) -> Plan | None:
    """Return the plan that brings replicas back to what ran before; None when none of them was changed.

    Args:
        plan: the plan that failed.
        steps: those of its steps to undo, as `steps_to_undo` returns them.
        lives: what exists of their keys now, the oldest first.
    """
    undone = [one for step in steps if (one := _undo(plan, step, lives.get(step.key, ()))) is not None]
    if not undone:
        return None
    operations = tuple(operation for step in undone for operation in _operations(plan.name, step))
    return Plan(identity=plan.identity, steps=tuple(undone), operations=operations, snapshot=plan.snapshot)


def _undo(plan: Plan, step: Step, lives: Sequence[Live]) -> Step | None:
    """Return the step back; None where nothing was changed, or where nothing is left to go back to."""
    want = plan.desired.get(step.key)
    if want is None or not (step.keeps_old or step.action in {Action.CREATE, Action.REPLACE}):
        return None
    kept = {live.id for live in step.kept}
    new = tuple(live for live in lives if live.tags.get(TAG_DIGEST) == want.digest and live.phase is not Phase.GONE)
    standing = [live for live in lives if live.id in kept and live not in new and live.phase in _STANDING]
    back = standing[-1] if standing else None
    if step.keeps_old and back is None:
        return None
    is_exclusive = want.rollout is not None and not want.rollout.overlap
    if back is not None and is_exclusive and back.phase is not Phase.READY:
        reason = Change("rollout", f"is rolled back: {back.id} is started again")
        return Step(action=Action.START, key=step.key, live=back, old=new, changes=(reason,), has_downtime=True)
    reason = Change("rollout", f"is rolled back: {back.id} stays" if back is not None else "is rolled back")
    action = Action.DELETE if back is None else Action.PRUNE
    return Step(action=action, key=step.key, live=back, old=new, changes=(reason,)) if new else None


def _operations(deployment: str, step: Step) -> Iterable[Operation]:
    """Yield the operations of a step back: new instances are deleted, then what was stopped is started.

    What a stop has not reached yet is stopped first, so that the start finds it at rest.
    """
    needs: set[OperationId] = set()
    for live in step.old:
        delete = OperationId(deployment, step.key, Action.DELETE, live.id)
        needs.add(delete)
        yield Operation(id=delete, live=live, goal=Goal.GONE)
    if step.action is not Action.START or step.live is None:
        return
    if step.live.phase is Phase.PENDING:
        halt = OperationId(deployment, step.key, Action.STOP, step.live.id)
        needs.add(halt)
        yield Operation(id=halt, live=step.live, goal=Goal.STOPPED)
    yield Operation(id=OperationId(deployment, step.key, Action.START), needs=frozenset(needs), live=step.live)
