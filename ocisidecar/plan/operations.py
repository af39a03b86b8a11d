"""The operations of a plan's steps, each with the operations that must end before it begins.  Pure.

A replacement is two operations: with overlap the old instance is deleted after the new one is healthy, without it
before the new one is created.  Deletions follow the kinds' needs in reverse.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Literal, TypeAlias

from attrs import evolve

from ocisidecar.plan.plan import Action, Goal, Operation, OperationId, Step
from ocisidecar.state.desired import Desired
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Key

Wait: TypeAlias = Literal["healthy", "ready"]
"""What an apply waits for: that new instances work, or that OCI shows them as ACTIVE."""

_ACTIONS: Mapping[Action, Action] = {
    Action.CREATE: Action.CREATE,
    Action.REPLACE: Action.CREATE,
    Action.UPDATE: Action.UPDATE,
    Action.START: Action.START,
    Action.STOP: Action.STOP,
    Action.RESTART: Action.RESTART,
    Action.ADOPT: Action.ADOPT,
    Action.WAIT: Action.WAIT,
}
"""Action of a step → action of the operation that creates or changes its resource."""
_BRING_UP = frozenset({Action.CREATE, Action.WAIT, Action.START})
"""After these a resource has to show that it works."""
_GOALS: Mapping[Action, Goal] = {Action.STOP: Goal.STOPPED, Action.RESTART: Goal.RESTARTED}


def operations_of(
    deployment: str,
    steps: Sequence[Step],
    desired: Mapping[Key, Desired],
    kind_needs: Mapping[str, tuple[str, ...]],
) -> tuple[Operation, ...]:
    """Return the operations of a deployment's steps, in the order in which a single worker carries them out.

    Args:
        deployment: the deployment's name.
        steps: one per key.
        desired: the rollouts of the keys; empty where nothing is created.
        kind_needs: which kinds a kind refers to: they are deleted after it.
    """
    made = {step.key: one for step in steps if (one := _making(deployment, step, desired)) is not None}
    makes = {key: operation.id for key, operation in made.items()}
    deletes = {
        step.key: tuple(OperationId(deployment, step.key, Action.DELETE, live.id) for live in step.old)
        for step in steps
    }
    users: dict[str, list[Step]] = {}
    for step in steps:
        for kind in kind_needs.get(step.key.kind, ()):
            users.setdefault(kind, []).append(step)
    operations: dict[OperationId, Operation] = {}
    needs: dict[OperationId, set[OperationId]] = {}
    for step in steps:
        if step.key in made:
            operation = made[step.key]
            operations[operation.id] = operation
            needs[operation.id] = {makes[need] for need in step.needs if need in makes}
            if step.has_downtime:
                needs[operation.id].update(deletes[step.key])
        for delete, live in zip(deletes[step.key], step.old, strict=True):
            operations[delete] = Operation(id=delete, live=live, goal=Goal.GONE)
            needs[delete] = _deletion_needs(step, users.get(step.key.kind, ()), makes, deletes)
            if _predecessor(step, desired) is not None and live.phase is not Phase.FAILED:
                needs[delete].add(makes[step.key])
    for earlier, later in _rollout_order(steps, desired, makes, deletes):
        needs[later].update(earlier)
    return _in_order(operations, needs)


def until_ready(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Return the operations such that new resources only have to become ready.

    What replaces another one still has to become healthy: its predecessor, or the next replica, waits for that.
    """
    return tuple(
        evolve(one, goal=Goal.READY) if one.goal is Goal.HEALTHY and not one.is_replacement else one
        for one in operations
    )


def _making(deployment: str, step: Step, desired: Mapping[Key, Desired]) -> Operation | None:
    """Return the operation for the resource that stays, or None when it needs none."""
    action, predecessor = _ACTIONS.get(step.action), _predecessor(step, desired)
    if step.action is Action.PRUNE and step.live is not None:
        is_awaited = step.live.phase is Phase.PENDING or predecessor is not None
        action = Action.WAIT if is_awaited else None
    if action is None:
        return None
    want = desired.get(step.key)
    has_health = want is not None and want.health is not None and action in _BRING_UP
    must_be_healthy = has_health or predecessor is not None
    lives: tuple[Live | None, ...] = (*step.old, step.live)
    return Operation(
        id=OperationId(deployment, step.key, action),
        goal=Goal.HEALTHY if must_be_healthy else _GOALS.get(action, Goal.READY),
        live=step.live,
        changed_fields=step.changed_fields,
        predecessor=predecessor,
        superseded=frozenset(live.id for live in lives if live is not None),
        is_created_again=action is Action.WAIT and step.is_created_again,
    )


def _predecessor(step: Step, desired: Mapping[Key, Desired]) -> Live | None:
    """Return what serves until the resource of a step does; a second resource of other kinds serves for nothing."""
    want = desired.get(step.key)
    return step.predecessor if want is None or want.rollout is not None else None


def _deletion_needs(
    step: Step,
    users: Iterable[Step],
    makes: Mapping[Key, OperationId],
    deletes: Mapping[Key, tuple[OperationId, ...]],
) -> set[OperationId]:
    """Return the operations that must end before the deletions of `step`; `users` are steps of referring kinds.

    Users are deleted before, or are updated so that they no longer refer to it.  Only a resource that is replaced
    does not wait for the deletion of an overlapping user: that waits for its successor, which waits for the
    replacement.
    """
    needs: set[OperationId] = set()
    for user in users:
        if not (step.has_downtime and user.predecessor is not None):
            needs.update(deletes[user.key])
        is_left = step.action is Action.DELETE or step.live is not None
        if is_left and user.live is not None and user.key in makes:
            needs.add(makes[user.key])
    return needs


def _rollout_order(
    steps: Sequence[Step],
    desired: Mapping[Key, Desired],
    makes: Mapping[Key, OperationId],
    deletes: Mapping[Key, tuple[OperationId, ...]],
) -> Iterable[tuple[frozenset[OperationId], OperationId]]:
    """Yield (ends of one replica's change, beginning of a later one's) so that few are unavailable at a time.

    Replicas that are already unavailable come first.  If a resource that they need is replaced too, all replicas
    are deleted before it is, so there is no order.
    """
    replaced = {step.key for step in steps if step.action is Action.REPLACE}
    groups: dict[str, list[Step]] = {}
    for step in steps:
        want = desired.get(step.key)
        if step.key in makes and not step.needs & replaced and want is not None and want.rollout is not None:
            groups.setdefault(want.rollout.group, []).append(step)
    for members in groups.values():
        changing = [step for step in members if step.key in replaced]
        unavailable = frozenset(makes[step.key] for step in members if step.key not in replaced)
        rollout = desired[members[0].key].rollout
        width = max(1, rollout.max_unavailable if rollout is not None else 1)
        yield from ((unavailable, delete) for step in changing if step.has_downtime for delete in deletes[step.key])
        for before, after in zip(changing, changing[width:], strict=False):
            ends = frozenset({makes[before.key], *deletes[before.key]})
            begins = deletes[after.key] if after.has_downtime else (makes[after.key],)
            yield from ((ends, begin) for begin in begins)


def _in_order(
    operations: Mapping[OperationId, Operation], needs: Mapping[OperationId, set[OperationId]]
) -> tuple[Operation, ...]:
    """Return the operations with their needs and depths, the deepest of those that are ready first."""
    depths = _depths(needs)
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    ready: list[tuple[int, OperationId]] = []
    ordered = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (-depths[name], name))
        _, name = heapq.heappop(ready)
        sorter.done(name)
        ordered.append(evolve(operations[name], needs=frozenset(needs[name]), depth=depths[name]))
    return tuple(ordered)


def _depths(needs: Mapping[OperationId, Iterable[OperationId]]) -> dict[OperationId, int]:
    depths = dict.fromkeys(needs, 0)
    for name in reversed(tuple(TopologicalSorter(needs).static_order())):
        for need in needs[name]:
            depths[need] = max(depths[need], depths[name] + 1)
    return depths
