"""The steps from live to desired resources.  Pure: no SDK, no clock, no randomness.

Content that only a replacement can change is compared by digest (no GET returns config files or secrets), and
fields that can be changed in place by their live values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from attrs import evolve

from ocisidecar.plan.doubles import check_no_data_at_stake, lies_in
from ocisidecar.plan.plan import Action, Change, Step
from ocisidecar.plan.roll_back import no_way_back
from ocisidecar.state.compare import difference, is_satisfied_by
from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import (
    TAG_DIGEST,
    TAG_PARTS,
    Identity,
    changed_sections,
    unlike_record,
    unrecorded,
    was_set,
)
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.state.tags import TAG_FIELDS, with_removals
from ocisidecar.wire import Key, Ref, objects, references, resolve

_BY_EARLIER_VERSION = (
    "is a hash of files with what looks like a secret, by an earlier version of ocisidecar; the content matches "
    "the spec: the tag is written again, without it"
)
_MISPLACED = Change("place", "is in a resource that exists twice and is removed")


def diff(
    identity: Identity, desired: Mapping[Key, Desired], snapshot: Snapshot, *, retained: frozenset[Key]
) -> tuple[Step, ...]:
    """Return the steps that lead from `snapshot` to `desired`, in an order that respects their needs.

    Live keys that are not in `desired` are deleted, except those in `retained`.

    Raises:
        AmbiguousResource: several live resources match equally, and those that would be removed may hold data.
    """
    live = snapshot.of(identity.name)
    current: dict[Key, Live] = {}
    steps: dict[Key, Step] = {}
    removed: set[str] = set()
    for key in _in_order(desired):
        replaced = frozenset(
            need
            for need in desired[key].needs
            if need in steps and steps[need].action is Action.REPLACE and not desired[need].may_coexist
        )
        lives, lookup = live.get(key, ()), _lookup(current, snapshot)
        check_no_data_at_stake(key, _matching(desired[key], lives, lookup), retained)
        step = _step(identity, desired[key], lives, lookup, replaced, removed=removed)
        steps[key] = step
        removed.update(old.id for old in step.old)
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
    *,
    removed: Collection[str],
) -> Step:
    """Return the step for a wanted key; `replaced` are those of its needs that are, `removed` what is deleted."""
    standing = [live for live in lives if live.phase is not Phase.GOING]
    matching = _matching(want, lives, lookup)
    fitting = [live for live in matching if not lies_in(want, live, removed)]
    forced = [need for need in sorted(replaced) if need in _immutable_needs(want)]
    going = () if want.can_overlap else tuple(live for live in lives if live.phase is Phase.GOING)
    if not standing:
        changes = _going(going) or (Change(want.key.kind, "does not exist yet"),)
        return Step(action=Action.CREATE, key=want.key, needs=want.needs, changes=changes, going=going)
    if forced or not fitting:
        step = _replacement(identity, want, standing, forced, lookup, replaced=replaced)
        reasons = (_MISPLACED,) if matching and not forced else step.changes
        return evolve(step, changes=(*reasons, *_going(going)), going=going)
    return _keeping(identity, want, standing, fitting[0], lookup)


def _matching(want: Desired, lives: Sequence[Live], lookup: Callable[[Ref], str]) -> list[Live]:
    """Return the resources that have the wanted content, oldest first."""
    dead = {Phase.GOING, Phase.FAILED}
    return [live for live in lives if live.phase not in dead and _has_content(want, live, lookup)]


def _has_content(want: Desired, live: Live, lookup: Callable[[Ref], str]) -> bool:
    """Return whether a resource has the wanted replace-only content, and of what is counted at least as much.

    The digest decides.  Where it was lost or overwritten, so that it proves nothing, the hashes of the sections do,
    and what they do not record is compared with what the service shows.
    """
    tags = live.tags
    if not all(_number(live, name) >= least for name, least in want.minimums.items()):
        return False
    if tags.get(TAG_DIGEST) in want.digests:
        return True
    if unlike_record(tags, want.sections, want.hidden):
        return False
    missing = unrecorded(tags, want.sections)
    if TAG_DIGEST in tags and TAG_PARTS in tags:
        return not missing
    judged = [_is_shown(name, want, live, lookup) for name in missing]
    return False not in judged and (TAG_PARTS in tags or None not in judged)


def _number(live: Live, name: str) -> float:
    value = live.body.get(name)
    return value if isinstance(value, int | float) else 0


def _is_shown(name: str, want: Desired, live: Live, lookup: Callable[[Ref], str]) -> bool | None:
    """Return whether the service shows a section as wanted; None where it does not show it."""
    shown = (live.body if live.known is None else live.known).get(name)
    wanted = resolve(want.sections[name], lookup)
    if isinstance(wanted, Mapping) and isinstance(shown, Mapping):
        both = wanted.keys() & shown.keys()
        return all(is_satisfied_by(wanted[part], shown[part]) for part in both) if both else None
    if shown is None or isinstance(wanted, Mapping):
        return None
    return is_satisfied_by(wanted, shown) or is_satisfied_by(resolve(want.body.get(name), lookup), shown)


def _readopted(want: Desired, kept: Live) -> Change:
    """Return the reason for writing our tags again on a resource whose digest was lost."""
    if kept.tags.get(TAG_DIGEST) in want.digests:
        return Change(TAG_DIGEST, _BY_EARLIER_VERSION)
    word = "was overwritten" if TAG_DIGEST in kept.tags else "is lost"
    unseen = unrecorded(kept.tags, want.sections) if TAG_PARTS in kept.tags else ()
    taken = f" as far as it is known ({', '.join(unseen)} is not)" if unseen else ""
    return Change(TAG_DIGEST, f"{word}; the content matches the spec{taken}: the tag is written again")


def _going(lives: Sequence[Live]) -> tuple[Change, ...]:
    """Return the reasons why a create waits for resources that are being deleted."""
    return tuple(
        Change("lifecycleState", f"of the earlier one ({live.id}) is {live.state}; apply waits until it is gone")
        for live in lives
    )


def _keeping(
    identity: Identity, want: Desired, standing: Sequence[Live], kept: Live, lookup: Callable[[Ref], str]
) -> Step:
    """Return the step for a key of which one resource, `kept`, has the wanted content."""
    old = tuple(live for live in standing if live is not kept)
    rollout = want.rollout
    unlike = [live for live in old if live.tags.get(TAG_DIGEST) not in want.digests]
    former = [live for live in unlike if live.phase is not Phase.FAILED]
    is_newest = all((live.time_created, live.id) < (kept.time_created, kept.id) for live in former)
    changed = changed_fields(identity, want, kept, lookup)
    reasons = tuple(Change(name, "differs", before, after) for name, before, after in changed)
    fields = frozenset(name for name, _, _ in changed)
    if kept.tags.get(TAG_DIGEST) != want.digest:
        fields |= {"freeformTags"}
        reasons = (_readopted(want, kept), *(one for one in reasons if one.field != "freeformTags"))
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
    elif short := [name for name, least in want.minimums.items() if _number(standing[-1], name) < least]:
        changes = tuple(
            Change(name, "is too small", f"{_number(standing[-1], name)}", f"{want.minimums[name]}")
            for name in short
        )
    else:
        names = changed_sections(standing[-1].tags, want.tags(identity))
        changes = tuple(
            change for name in names for change in _section_changes(name, want, standing[-1], lookup)
        ) or (Change("content", "changed"),)
    rollout, obstacle = want.rollout, no_way_back(want.rollout, replaced)
    overlap = want.may_coexist or (want.can_overlap and not replaced)
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


def changed_fields(
    identity: Identity, want: Desired, live: Live, lookup: Callable[[Ref], str]
) -> list[tuple[str, str, str]]:
    """Return (name, value, wanted value) of the fields that an update must change; empty values are not shown."""
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
    changed += [
        one for one in _seen_differences(want, live, lookup) if one[0] not in {name for name, *_ in changed}
    ]
    if not changed and not is_satisfied_by(ours, dict(live.tags)):
        changed.append(("freeformTags", "", "our tags"))
    return changed


def _seen_differences(want: Desired, live: Live, lookup: Callable[[Ref], str]) -> Iterable[tuple[str, str, str]]:
    """Yield the differences in parts that no list shows, such as VNICs, where they were read nevertheless.

    Only lists, as of security groups, are compared; how services write texts such as host names is not known.
    """
    for name in sorted(want.hidden):
        wanted = resolve(want.hidden[name], lookup)
        fields = {} if not isinstance(wanted, Mapping) else {k: v for k, v in wanted.items() if isinstance(v, list)}
        for part in objects(live.body.get(name)):
            if fields.keys() <= part.keys() and not is_satisfied_by(fields, part):
                yield (name, *difference(part, fields))


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
