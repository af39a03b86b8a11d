"""The steps from live to desired resources.  Pure: no SDK, no clock, no randomness.

Content that only a replacement can change is compared by digest (no GET returns config files or secrets), and
fields that can be changed in place by their live values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ocisidecar.errors import AmbiguousResource
from ocisidecar.plan.plan import Action, Change, Step
from ocisidecar.plan.roll_back import no_way_back
from ocisidecar.state.compare import difference, is_satisfied_by
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import TAG_DIGEST, Identity, changed_sections, was_set
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.state.tags import TAG_FIELDS, with_removals
from ocisidecar.wire import Key, Ref, references, resolve


def diff(
    identity: Identity, desired: Mapping[Key, Desired], snapshot: Snapshot, *, retained: frozenset[Key]
) -> tuple[Step, ...]:
    """Return the steps that lead from `snapshot` to `desired`, in an order that respects their needs.

    Live keys that are not in `desired` are deleted, except those in `retained`.

    Raises:
        AmbiguousResource: several live resources of a kind that cannot exist twice match equally.
    """
    live = snapshot.of(identity.name)
    current: dict[Key, Live] = {}
    steps: dict[Key, Step] = {}
    for key in _in_order(desired):
        replaced = frozenset(
            need for need in desired[key].needs if need in steps and steps[need].action is Action.REPLACE
        )
        step = _step(identity, desired[key], live.get(key, ()), _lookup(current, snapshot), replaced)
        steps[key] = step
        if step.live is not None and step.action is not Action.REPLACE:
            current[key] = step.live
    for key, lives in sorted(live.items()):
        if key not in desired:
            steps[key] = _removal(key, lives, is_retained=key in retained)
    return tuple(steps.values())


def removal(identity: Identity, snapshot: Snapshot, *, retained: Mapping[Key, str]) -> tuple[Step, ...]:
    """Return the steps that remove a deployment; `retained` maps kept keys to the reason for keeping them."""
    return tuple(
        _removal(key, lives, is_retained=key in retained, reason=retained.get(key, ""))
        for key, lives in sorted(snapshot.of(identity.name).items())
    )


def _removal(key: Key, lives: Sequence[Live], *, is_retained: bool, reason: str = "") -> Step:
    if is_retained:
        return Step(action=Action.NOOP, key=key, live=lives[0], changes=(Change("kept", reason or "holds data"),))
    word = reason or "is no longer in the spec"
    return Step(action=Action.DELETE, key=key, old=tuple(lives), changes=(Change(key.kind, word),))


def _step(
    identity: Identity,
    want: Desired,
    lives: Sequence[Live],
    lookup: Callable[[Ref], str],
    replaced: frozenset[Key],
) -> Step:
    """Return the step for a wanted key; `replaced` are those of its needs that are replaced."""
    standing = [live for live in lives if live.phase is not Phase.GOING]
    matching = [
        live for live in standing if live.tags.get(TAG_DIGEST) == want.digest and live.phase is not Phase.FAILED
    ]
    forced = [need for need in sorted(replaced) if need in _immutable_needs(want)]
    if not standing:
        return _creation(want, lives)
    if forced or not matching:
        return _replacement(identity, want, standing, forced, lookup, replaced=replaced)
    if len(matching) > 1 and want.rollout is None:
        ids = ", ".join(live.id for live in matching)
        raise AmbiguousResource(
            f"{want.key} exists {len(matching)} times ({ids}): delete all but one, then run again"
        )
    return _keeping(identity, want, standing, matching[0], lookup)


def _creation(want: Desired, going: Sequence[Live]) -> Step:
    """Return the step, which waits for what is being deleted: that holds names, addresses and limits."""
    reason = "is being deleted; apply waits for that, and creates it again" if going else "does not exist yet"
    return Step(
        action=Action.CREATE,
        key=want.key,
        needs=want.needs,
        changes=(Change(want.key.kind, reason),),
        old=tuple(going),
        has_downtime=bool(going),
    )


def _keeping(
    identity: Identity, want: Desired, standing: Sequence[Live], kept: Live, lookup: Callable[[Ref], str]
) -> Step:
    """Return the step for a key of which one resource, `kept`, has the wanted content."""
    old = tuple(live for live in standing if live is not kept)
    rollout = want.rollout
    former = [live for live in old if live.tags.get(TAG_DIGEST) != want.digest and live.phase is not Phase.FAILED]
    is_newest = all((live.time_created, live.id) < (kept.time_created, kept.id) for live in former)
    changed = _changed_fields(identity, want, kept, lookup)
    reasons = tuple(Change(name, "differs", before, after) for name, before, after in changed)
    fields = frozenset(name for name, _, _ in changed)
    if old:
        reasons += (Change(want.key.kind, f"exists {len(standing)} times; the extra ones are deleted"),)
    if kept.phase is Phase.STOPPED or (rollout is not None and kept.is_changing):
        action, reasons = Action.START, (Change("lifecycleState", f"is {kept.state}"), *reasons)
    elif fields:
        action = Action.UPDATE
    elif old:
        action = Action.PRUNE
    elif kept.phase is Phase.PENDING:
        action = Action.WAIT
        reasons = (Change("lifecycleState", f"is {kept.state}; apply waits, and creates it again if it fails"),)
    else:
        action = Action.NOOP
        reasons = (Change("everything", "matches the spec"),)
    return Step(
        action=action,
        key=want.key,
        needs=want.needs,
        changes=reasons,
        live=kept,
        old=old,
        changed_fields=fields,
        is_created_again=kept.phase is Phase.PENDING,
        has_downtime=bool(old) and rollout is not None and not rollout.overlap and action is Action.START,
        keeps_old=bool(former) and is_newest and rollout is not None and rollout.is_rolled_back,
    )


def _replacement(
    identity: Identity,
    want: Desired,
    standing: Sequence[Live],
    forced: Sequence[Key],
    lookup: Callable[[Ref], str],
    *,
    replaced: frozenset[Key],
) -> Step:
    """Return the step; without overlap if both instances need a resource that is `replaced` too."""
    if forced:
        changes = tuple(Change(str(need), "is replaced") for need in forced)
    elif all(live.phase is Phase.FAILED for live in standing):
        changes = (Change("lifecycleState", f"is {standing[-1].state}"),)
    else:
        names = changed_sections(standing[-1].tags, want.tags(identity))
        changes = tuple(
            change for name in names for change in _section_changes(name, want, standing[-1], lookup)
        ) or (Change("content", "changed"),)
    rollout, obstacle = want.rollout, no_way_back(want.rollout, replaced)
    overlap = rollout is not None and rollout.overlap and not replaced
    is_rolled_back = rollout is not None and rollout.is_rolled_back and not obstacle
    return Step(
        action=Action.REPLACE,
        key=want.key,
        needs=want.needs,
        changes=changes,
        old=tuple(standing),
        has_downtime=not overlap,
        keeps_old=is_rolled_back and any(live.phase is not Phase.FAILED for live in standing),
        no_way_back=obstacle,
    )


def _section_changes(name: str, want: Desired, live: Live, lookup: Callable[[Ref], str]) -> tuple[Change, ...]:
    """Return the changes in a section, as far as its former content is known."""
    known = (live.body if live.known is None else live.known).get(name)
    wanted = resolve(want.sections.get(name), lookup)
    pairs = {}
    if isinstance(known, Mapping) and isinstance(wanted, Mapping):
        pairs = {part: (known.get(part), wanted.get(part)) for part in sorted({*known, *wanted})}
    elif known is not None and not isinstance(wanted, Mapping):
        pairs = {name: (known, wanted)}
    changes = (
        Change(part, "changed", *difference(before, after))
        for part, (before, after) in pairs.items()
        if not is_satisfied_by(after, before)
    )
    return tuple(changes) or (Change(name, "changed"),)


def _immutable_needs(want: Desired) -> frozenset[Key]:
    fixed = {name: value for name, value in want.body.items() if name not in want.mutable}
    return frozenset(ref.key for ref in references(fixed) if not ref.deployment)


def _changed_fields(
    identity: Identity, want: Desired, live: Live, lookup: Callable[[Ref], str]
) -> list[tuple[str, str, str]]:
    changed = []
    for name in sorted(want.mutable):
        shown, wanted = live.body.get(name), resolve(want.body.get(name), lookup)
        if name in TAG_FIELDS:
            shown, wanted = shown or {}, with_removals(shown, wanted, partial(was_set, live.tags))
        elif name not in want.body:
            shown = shown or None
        if not is_satisfied_by(wanted, shown):
            changed.append((name, *difference(shown, wanted)))
    ours = want.tags(identity)
    changed += [(name, "", "") for name in changed_sections(live.tags, ours) if name in want.hidden]
    if not changed and not is_satisfied_by(ours, dict(live.tags)):
        changed.append(("freeformTags", "", "our tags"))
    return changed


def _lookup(current: Mapping[Key, Live], snapshot: Snapshot) -> Callable[[Ref], str]:
    def lookup(ref: Ref) -> str:
        if ref.deployment:
            lives = snapshot.of(ref.deployment).get(ref.key, ())
            live = lives[0] if lives else None
        else:
            live = current.get(ref.key)
        return str(ref) if live is None else value_of(live, ref)

    return lookup


def _in_order(desired: Mapping[Key, Desired]) -> Iterable[Key]:
    from graphlib import TopologicalSorter

    graph = {key: sorted(need for need in desired[key].needs if need in desired) for key in sorted(desired)}
    return TopologicalSorter(graph).static_order()
