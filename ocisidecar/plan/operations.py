"""From the steps of a plan to the nodes that are carried out, each with what must be done before.  Pure.

A replacement is two nodes: with overlap the new instance comes up before the old one goes, without it the other
way round.  Removals follow the kinds' needs backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import frozen

from ocisidecar.plan.plan import Action, Plan, Step
from ocisidecar.state.observed import Live, Phase
from ocisidecar.wire import Key


class Verb(StrEnum):
    """What a node does."""

    CREATE = "create"
    UPDATE = "update"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ADOPT = "adopt"
    AWAIT = "await"
    DELETE = "delete"


_UP_VERBS: Mapping[Action, Verb] = {
    Action.CREATE: Verb.CREATE,
    Action.REPLACE: Verb.CREATE,
    Action.UPDATE: Verb.UPDATE,
    Action.START: Verb.START,
    Action.STOP: Verb.STOP,
    Action.RESTART: Verb.RESTART,
    Action.ADOPT: Verb.ADOPT,
    Action.WAIT: Verb.AWAIT,
}


@frozen(order=True)
class NodeId:
    """Names a node: deployment, key, verb and, for removals, the OCID that goes."""

    deployment: str
    key: Key
    verb: Verb
    live_id: str = ""


@frozen(kw_only=True)
class Node:
    """One thing to do, and what must be done before it."""

    id: NodeId
    step: Step
    live: Live | None
    needs: frozenset[NodeId]
    depth: int = 0


def nodes_of(plan: Plan, kind_needs: Mapping[str, tuple[str, ...]]) -> tuple[Node, ...]:
    """Return the nodes of `plan`; `kind_needs` says which kinds a kind refers to.

    `depth` counts how long a chain of nodes waits for a node: the deepest are started first.
    """
    ups = {step.key: up for step in plan.steps if (up := _up_id(plan.name, step)) is not None}
    downs = {step.key: _down_ids(plan.name, step) for step in plan.steps}
    users: dict[str, list[Step]] = {}
    for step in plan.steps:
        for kind in kind_needs.get(step.key.kind, ()):
            users.setdefault(kind, []).append(step)
    needs: dict[NodeId, set[NodeId]] = {}
    steps: dict[NodeId, tuple[Step, Live | None]] = {}
    for step in plan.steps:
        if step.key in ups:
            up = ups[step.key]
            steps[up] = (step, step.live)
            needs[up] = {ups[need] for need in step.needs if need in ups}
            if step.has_downtime:
                needs[up].update(downs[step.key])
        for down, live in zip(downs[step.key], step.old, strict=True):
            steps[down] = (step, live)
            needs[down] = _removal_needs(step, users.get(step.key.kind, ()), ups, downs)
            if step.predecessor is not None and live.phase is not Phase.FAILED:
                needs[down].add(ups[step.key])
    for earlier, later in _rollout_order(plan, ups, downs):
        needs[later].update(earlier)
    depths = _depths(needs)
    return tuple(
        Node(id=node, step=step, live=live, needs=frozenset(needs[node]), depth=depths[node])
        for node, (step, live) in steps.items()
    )


def _up_id(deployment: str, step: Step) -> NodeId | None:
    verb = _UP_VERBS.get(step.action)
    if step.action is Action.PRUNE and step.live is not None:
        is_awaited = step.live.phase is Phase.PENDING or step.predecessor is not None
        verb = Verb.AWAIT if is_awaited else None
    return None if verb is None else NodeId(deployment, step.key, verb)


def _down_ids(deployment: str, step: Step) -> tuple[NodeId, ...]:
    return tuple(NodeId(deployment, step.key, Verb.DELETE, live.id) for live in step.old)


def _removal_needs(
    step: Step,
    users: Iterable[Step],
    ups: Mapping[Key, NodeId],
    downs: Mapping[Key, tuple[NodeId, ...]],
) -> set[NodeId]:
    """Return what other steps must do before the removals of `step`; `users` are of kinds that refer to its kind.

    Users go before, or are changed so that they no longer refer to it.  Only a resource that is to be replaced does
    not wait for the removal of an overlapping user: that waits for its own successor, which waits for the
    replacement.
    """
    needs: set[NodeId] = set()
    for user in users:
        if not (step.has_downtime and user.predecessor is not None):
            needs.update(downs[user.key])
        if step.action is Action.DELETE and user.live is not None and user.key in ups:
            needs.add(ups[user.key])
    return needs


def _rollout_order(
    plan: Plan, ups: Mapping[Key, NodeId], downs: Mapping[Key, tuple[NodeId, ...]]
) -> Iterable[tuple[frozenset[NodeId], NodeId]]:
    """Yield (ends of one replica's change, beginning of a later one's) so that few are away at a time.

    Replicas that are away already come first.  Where something that they need is replaced too, all have to go
    before it does, so there is no order.
    """
    replaced = {step.key for step in plan.steps if step.action is Action.REPLACE}
    groups: dict[str, list[Step]] = {}
    for step in plan.steps:
        want = plan.desired.get(step.key)
        if step.key in ups and not step.needs & replaced and want is not None and want.rollout is not None:
            groups.setdefault(want.rollout.group, []).append(step)
    for members in groups.values():
        steps = [step for step in members if step.key in replaced]
        away = frozenset(ups[step.key] for step in members if step.key not in replaced)
        rollout = plan.desired[members[0].key].rollout
        width = max(1, rollout.max_unavailable if rollout is not None else 1)
        yield from ((away, down) for step in steps if step.has_downtime for down in downs[step.key])
        for before, after in zip(steps, steps[width:], strict=False):
            ends = frozenset({ups[before.key], *downs[before.key]})
            begins = downs[after.key] if after.has_downtime else (ups[after.key],)
            yield from ((ends, begin) for begin in begins)


def _depths(needs: Mapping[NodeId, Iterable[NodeId]]) -> dict[NodeId, int]:
    from graphlib import TopologicalSorter

    depths = dict.fromkeys(needs, 0)
    for node in reversed(tuple(TopologicalSorter(needs).static_order())):
        for need in needs[node]:
            depths[need] = max(depths[need], depths[node] + 1)
    return depths
