"""The operations of a plan's steps, each with the operations that must end before it begins.  Pure.

A replacement is two operations: with overlap the old instance is deleted after the new one is healthy, without it
before the new one is created.  Where replicas can be rolled back, the old ones are deleted when all new ones are
healthy, and without overlap only stopped before.  An instance that is stopped and differs is started, then changed;
what an earlier run left pending and differs is waited for, then changed.
Deletions follow the kinds' needs in reverse.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import chain
from typing import Literal, TypeAlias

from attrs import evolve

from ocisidecar.plan.plan import BRING_UP, Action, Goal, Operation, OperationId, Step
from ocisidecar.plan.roll_back import groups_of
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
_BEFORE_A_CHANGE = frozenset({Action.START, Action.WAIT})
"""Actions of an operation that brings a resource up; if it differs, another operation changes it after that."""
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
    ends = {step.key: _end(deployment, step, makes[step.key]) for step in steps if step.key in makes}
    deletes = {step.key: _deletes(deployment, step.key, step.old) for step in steps}
    halts = {step.key: tuple(_halt(deployment, step)) for step in steps}
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
            for beside, before in _beside(operation, step, halts[step.key], needs[operation.id]):
                operations[beside.id], needs[beside.id] = beside, before
            needs[operation.id].update(_frees(step, halts[step.key], deletes[step.key]))
            needs[operation.id].update(_deletes(deployment, step.key, step.going))
        for delete, live in zip(deletes[step.key], step.old, strict=True):
            operations[delete] = Operation(id=delete, live=live, goal=Goal.GONE)
            needs[delete] = _deletion_needs(step, users.get(step.key.kind, ()), ends, deletes)
            if _predecessor(step, desired) is not None and live.phase is not Phase.FAILED:
                needs[delete].add(makes[step.key])
    orders = _rollout_order(steps, desired, made, deletes, halts), _proof_order(steps, desired, made, deletes)
    for earlier, later in chain(*orders):
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
    if step.live is not None and step.live.phase is Phase.PENDING:
        is_awaited = step.action is Action.PRUNE or (step.action is Action.UPDATE and not step.live.is_changing)
        action = Action.WAIT if is_awaited else action
    elif step.action is Action.PRUNE and step.live is not None and predecessor is not None:
        action = Action.WAIT
    if action is None:
        return None
    want = desired.get(step.key)
    has_health = want is not None and want.health is not None and action in BRING_UP
    must_be_healthy = has_health or predecessor is not None
    lives: tuple[Live | None, ...] = (*step.old, *step.going, step.live)
    return Operation(
        id=OperationId(deployment, step.key, action),
        goal=Goal.HEALTHY if must_be_healthy else _GOALS.get(action, Goal.READY),
        live=step.live,
        changed_fields=step.changed_fields if action not in _BEFORE_A_CHANGE else frozenset(),
        predecessor=predecessor,
        superseded=frozenset(live.id for live in lives if live is not None),
        is_created_again=action is Action.WAIT and step.is_created_again and not step.changed_fields,
    )


def _beside(
    operation: Operation, step: Step, halts: Sequence[Operation], needs: Iterable[OperationId]
) -> Iterator[tuple[Operation, set[OperationId]]]:
    """Yield the operations of a step beside the one that makes its resource, with what must end before each.

    They are the stops of what is kept, the waits for what is going, and the change of what was stopped or pending.
    """
    yield from ((halt, set(needs)) for halt in halts)
    deployment = operation.id.deployment
    for delete, live in zip(_deletes(deployment, step.key, step.going), step.going, strict=True):
        yield Operation(id=delete, live=live, goal=Goal.GONE), set()
    change = _end(deployment, step, operation.id)
    if change != operation.id:
        yield Operation(id=change, live=step.live, changed_fields=step.changed_fields), {operation.id}


def _end(deployment: str, step: Step, makes: OperationId) -> OperationId:
    """Return the operation after which the step's resource is as wanted: what comes up first is changed then."""
    is_changed_later = makes.action in _BEFORE_A_CHANGE and step.changed_fields
    return OperationId(deployment, step.key, Action.UPDATE) if is_changed_later else makes


def _deletes(deployment: str, key: Key, lives: Iterable[Live]) -> tuple[OperationId, ...]:
    return tuple(OperationId(deployment, key, Action.DELETE, live.id) for live in lives)


def _predecessor(step: Step, desired: Mapping[Key, Desired]) -> Live | None:
    """Return what serves until the resource of a step does; a second resource of other kinds serves for nothing."""
    want = desired.get(step.key)
    return step.predecessor if want is None or want.rollout is not None else None


def _halt(deployment: str, step: Step) -> Iterator[Operation]:
    """Yield the stops of what is kept and must not run beside the new resource."""
    for live in step.kept if step.has_downtime else ():
        if live.phase is not Phase.STOPPED:
            yield Operation(
                id=OperationId(deployment, step.key, Action.STOP, live.id), live=live, goal=Goal.STOPPED
            )


def _frees(step: Step, halts: Iterable[Operation], deletes: Iterable[OperationId]) -> Iterator[OperationId]:
    """Yield what must end before the new resource is made where it must not exist, or run, beside the old one."""
    kept = {live.id for live in step.kept}
    if step.has_downtime:
        yield from (halt.id for halt in halts)
        yield from (delete for delete in deletes if delete.resource_id not in kept)


def _proof_order(
    steps: Sequence[Step],
    desired: Mapping[Key, Desired],
    made: Mapping[Key, Operation],
    deletes: Mapping[Key, tuple[OperationId, ...]],
) -> Iterable[tuple[frozenset[OperationId], OperationId]]:
    """Yield (proofs that all replicas of an instance work, what cannot be undone and waits for them).

    Only a replica that stands alone is changed in place, so that waits too and is never to be undone.
    """
    for group in groups_of(steps, desired):
        makes = [made[step.key] for step in group if step.key in made]
        proofs = frozenset(one.id for one in makes if one.is_proof)
        yield from ((proofs, one.id) for one in makes if not one.is_proof)
        for step in group:
            kept = {live.id for live in step.kept}
            is_surplus = step.action is Action.DELETE
            yield from ((proofs, one) for one in deletes[step.key] if is_surplus or one.resource_id in kept)


def _deletion_needs(
    step: Step,
    users: Iterable[Step],
    ends: Mapping[Key, OperationId],
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
        if is_left and user.live is not None and user.key in ends:
            needs.add(ends[user.key])
    return needs


def _rollout_order(
    steps: Sequence[Step],
    desired: Mapping[Key, Desired],
    made: Mapping[Key, Operation],
    deletes: Mapping[Key, tuple[OperationId, ...]],
    halts: Mapping[Key, tuple[Operation, ...]],
) -> Iterable[tuple[frozenset[OperationId], OperationId]]:
    """Yield (ends of one replica's change, beginning of a later one's) so that few are unavailable at a time.

    Replicas that are already unavailable come first.  If a resource that they need is replaced too, all replicas
    are deleted before it is, so there is no order.
    """
    replaced = {step.key for step in steps if step.action is Action.REPLACE}
    groups: dict[str, list[Step]] = {}
    for step in steps:
        want = desired.get(step.key)
        if step.key in made and not step.needs & replaced and want is not None and want.rollout is not None:
            groups.setdefault(want.rollout.group, []).append(step)
    for members in groups.values():
        changing = [step for step in members if step.key in replaced]
        waits_for_all = any(step.keeps_old for step in members)  # a change in place does, see `_proof_order`
        others = [made[step.key] for step in members if step.key not in replaced]
        unavailable = frozenset(one.id for one in others if one.is_proof or not waits_for_all)
        rollout = desired[members[0].key].rollout
        width = max(1, rollout.max_unavailable if rollout is not None else 1)
        begins = {
            step.key: tuple(_frees(step, halts[step.key], deletes[step.key])) or (made[step.key].id,)
            for step in changing
        }
        yield from ((unavailable, begin) for step in changing if step.has_downtime for begin in begins[step.key])
        for before, after in zip(changing, changing[width:], strict=False):
            kept = {live.id for live in before.kept}
            goes = [delete for delete in deletes[before.key] if delete.resource_id not in kept]
            yield from ((frozenset({made[before.key].id, *goes}), begin) for begin in begins[after.key])


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
