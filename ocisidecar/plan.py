"""From what is wanted and what is live to a plan.  Pure: no SDK, no clock, no randomness.

`diff` compares digests for what only a replacement can change (no GET returns config files or secrets) and the
live values for what can be changed in place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from ocisidecar.compare import covers, difference
from ocisidecar.errors import AmbiguousResource
from ocisidecar.identity import TAG_DIGEST, Identity, changed_sections, digest, tags_for
from ocisidecar.keys import Body, Json, Key, Ref, references, resolve
from ocisidecar.spec.health import HealthCheck

VAULT_SECRET = "secret"  # noqa: S105 a kind, not a password
"""Kind of the references that stand for a vault secret's content: `secret/<OCID>`, its version as field."""
TAG_FIELDS = ("freeformTags", "definedTags")


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ADOPT = "adopt"
    DELETE = "delete"
    NOOP = "no-op"


class Phase(StrEnum):
    """What a lifecycle state means, whatever word the kind has for it."""

    READY = "ready"
    PENDING = "pending"
    STOPPED = "stopped"
    FAILED = "failed"
    GOING = "going"
    GONE = "gone"


@frozen
class Live:
    """A resource that exists.

    Attributes:
        key: its key within `deployment`; both come from its tags.
        id: its OCID.
        state: the service's word for its lifecycle state; `phase` is what that means.
        body: the answer in wire form.
        time_created: RFC 3339, empty where the kind has none.
        known: what is known of its replace-only content, by section; None means: as `body` shows it.
    """

    key: Key
    deployment: str
    id: str
    state: str
    phase: Phase
    body: Mapping[str, Json] = field(repr=False, eq=False)
    time_created: str = ""
    known: Mapping[str, Json] | None = field(default=None, repr=False, eq=False)

    @property
    def tags(self) -> Mapping[str, str]:
        """Its free-form tags."""
        tags = self.body.get("freeformTags")
        return {name: str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {}


@frozen
class Placement:
    """Where an instance is put: a full availability domain name, a fault domain or any (""), a shape."""

    availability_domain: str
    fault_domain: str
    shape: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.availability_domain, self.fault_domain, self.shape)))


@frozen
class Rollout:
    """How replicas of one instance are replaced; `group` is the instance's name, the rest as in `RolloutSpec`."""

    group: str
    overlap: bool
    max_unavailable: int = 0
    healthy_timeout_in_seconds: int = 600
    probe: HealthCheck | None = None


@frozen(kw_only=True)
class Desired:
    """A resource that should exist.

    Attributes:
        body: the create request in wire form, without our tags; references stand for what does not exist yet.
        mutable: the fields of `body` that are compared live and changed in place.
        hidden: fields of `body` that can be changed in place but that no list shows; compared by hash.
        sections: everything else, by section; a difference there means replacement.
        relies_on: resources of shared deployments that it needs although `body` does not refer to them.
        after: keys that must be ready first although `body` does not refer to them.
        placements: where to try, in order; only container instances have any.
        rollout: None for kinds that cannot exist twice at a time.
    """

    key: Key
    body: Mapping[str, Body] = field(repr=False)
    mutable: frozenset[str]
    sections: Mapping[str, Body] = field(repr=False)
    hidden: frozenset[str] = frozenset()
    relies_on: frozenset[Ref] = frozenset()
    after: frozenset[Key] = frozenset()
    placements: tuple[Placement, ...] = ()
    rollout: Rollout | None = None

    @property
    def shared(self) -> frozenset[Ref]:
        """Resources of shared deployments that it needs."""
        return self.relies_on | {ref for ref in references(self.body) if ref.deployment}

    @property
    def uses(self) -> tuple[str, ...]:
        """Shared deployments that it needs, sorted."""
        return tuple(sorted({ref.deployment for ref in self.shared}))

    @property
    def needs(self) -> frozenset[Key]:
        """Keys of the same deployment that must be ready first."""
        referred = (ref.key for ref in references(self.body) if not ref.deployment and ref.key.kind != VAULT_SECRET)
        return self.after | frozenset(referred)

    @property
    def digest(self) -> str:
        """Hash over `sections`."""
        return digest(self.sections)

    def tags(self, identity: Identity) -> dict[str, str]:
        """Our tags for it."""
        unseen = {name: self.body[name] for name in self.hidden & self.body.keys()}
        return tags_for(identity, self.key, self.sections, hidden=unseen, uses=self.uses)


@frozen
class Snapshot:
    """Everything tagged as ours in one region and compartment, of all deployments, at one moment."""

    resources: tuple[Live, ...] = ()

    def of(self, deployment: str) -> dict[Key, tuple[Live, ...]]:
        """Return the live resources of one deployment by key, oldest first."""
        found: dict[Key, list[Live]] = {}
        for live in sorted(self.resources, key=lambda live: (live.time_created, live.id)):
            if live.deployment == deployment:
                found.setdefault(live.key, []).append(live)
        return {key: tuple(lives) for key, lives in found.items()}

    def deployments(self) -> tuple[str, ...]:
        """Return the names of all deployments, sorted."""
        return tuple(sorted({live.deployment for live in self.resources}))


@frozen
class Change:
    """One reason for a step: a field or section, and its value before and after where that may be shown."""

    field: str
    reason: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        values = f": {self.before or '–'} → {self.after or '–'}" if self.before or self.after else ""
        return f"{self.field} {self.reason}{values}"


@frozen(kw_only=True)
class Step:
    """What is done with one key.

    Attributes:
        needs: keys whose steps must be done before.
        changes: why, one entry per field or section.
        live: the resource that stays (or None), as it was when the plan was made.
        old: resources of the key that go.
        changed_fields: fields of the body to send in an update.
        has_downtime: the old instance stops before the new one starts.
    """

    action: Action
    key: Key
    needs: frozenset[Key] = frozenset()
    changes: tuple[Change, ...] = ()
    live: Live | None = None
    old: tuple[Live, ...] = ()
    changed_fields: frozenset[str] = frozenset()
    has_downtime: bool = False

    @property
    def is_write(self) -> bool:
        """Whether carrying it out changes anything."""
        return self.action is not Action.NOOP or bool(self.old)

    @property
    def predecessor(self) -> Live | None:
        """The newest of `old` that works until the resource that is made, or stays, does; None where there is none.

        So it is in an overlapping replacement, also in one that an earlier run began.
        """
        if self.action is Action.DELETE or self.has_downtime:
            return None
        return next((live for live in reversed(self.old) if live.phase is not Phase.FAILED), None)

    @property
    def reason(self) -> str:
        """All its reasons in one line."""
        return "; ".join(map(str, self.changes))


@frozen(kw_only=True)
class Plan:
    """What an apply or a destroy will do; a value: printable, comparable, and exactly what is carried out.

    Bodies stay in memory only; the printed, notebook and JSON forms hold no environment value, config file
    content or secret.

    Attributes:
        identity: the deployment's identity.
        steps: in an order that respects their needs.
        desired: the bodies by key; empty for a destroy.
        snapshot: what was live when the plan was made.
        warnings: what works but deserves a look.
        is_destroy: whether it removes the deployment.
    """

    identity: Identity
    steps: tuple[Step, ...]
    desired: Mapping[Key, Desired] = field(factory=dict, repr=False)
    snapshot: Snapshot = field(factory=Snapshot, repr=False)
    warnings: tuple[str, ...] = ()
    is_destroy: bool = False

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.identity.name

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.is_write)

    @property
    def counts(self) -> dict[str, int]:
        """How many steps there are of each action."""
        counts: dict[str, int] = {}
        for step in self.steps:
            counts[step.action.value] = counts.get(step.action.value, 0) + 1
        return counts

    @property
    def digest(self) -> str:
        """Hash of what will be done to what; the same for the same spec and the same live resources."""
        rows = [
            [
                step.action.value,
                str(step.key),
                step.live.id if step.live else "",
                [live.id for live in step.old],
                [str(change) for change in step.changes],
                _content(self.desired.get(step.key)),
            ]
            for step in self.steps
        ]
        text = json.dumps([self.identity.tag, self.is_destroy, rows], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the plan as JSON: identity, digest, warnings and steps with their reasons."""
        steps = [
            {
                "action": step.action.value,
                "key": str(step.key),
                "id": step.live.id if step.live else None,
                "removes": [live.id for live in step.old],
                "needs": sorted(map(str, step.needs)),
                "has_downtime": step.has_downtime,
                "changes": [
                    {"field": c.field, "reason": c.reason, "before": c.before, "after": c.after}
                    for c in step.changes
                ],
            }
            for step in self.steps
        ]
        document = {
            "deployment": self.name,
            "region": self.identity.region,
            "compartment_id": self.identity.compartment_id,
            "is_destroy": self.is_destroy,
            "digest": self.digest,
            "counts": self.counts,
            "warnings": list(self.warnings),
            "steps": steps,
        }
        return json.dumps(document, indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import plan_text

        return plan_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import plan_html

        return plan_html(self)


def diff(
    identity: Identity, desired: Mapping[Key, Desired], snapshot: Snapshot, *, retained: frozenset[Key]
) -> tuple[Step, ...]:
    """Return the steps that lead from `snapshot` to `desired`, in an order that respects their needs.

    Live keys that are not wanted are deleted, except those in `retained`.

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
    word = reason or "is no longer wanted"
    return Step(action=Action.DELETE, key=key, old=tuple(lives), changes=(Change(key.kind, word),))


def _step(
    identity: Identity,
    want: Desired,
    lives: Sequence[Live],
    lookup: Callable[[Ref], str],
    replaced: frozenset[Key],
) -> Step:
    standing = [live for live in lives if live.phase is not Phase.GOING]
    matching = [
        live for live in standing if live.tags.get(TAG_DIGEST) == want.digest and live.phase is not Phase.FAILED
    ]
    forced = [need for need in sorted(replaced) if need in _immutable_needs(want)]
    if not standing:
        changes = (Change(want.key.kind, "does not exist yet"),)
        return Step(action=Action.CREATE, key=want.key, needs=want.needs, changes=changes)
    if forced or not matching:
        return _replacement(identity, want, standing, forced, lookup, can_overlap=not replaced)
    if len(matching) > 1 and want.rollout is None:
        ids = ", ".join(live.id for live in matching)
        raise AmbiguousResource(
            f"{want.key} exists {len(matching)} times ({ids}): delete all but one of them, then run again"
        )
    kept, *rest = matching
    old = tuple(live for live in standing if live is not kept)
    changed = _changed_fields(identity, want, kept, lookup)
    reasons = tuple(Change(name, "differs", before, after) for name, before, after in changed)
    fields = frozenset(name for name, _, _ in changed)
    if rest or old:
        reasons += (Change(want.key.kind, f"exists {len(standing)} times, the extra ones go"),)
    if kept.phase is Phase.STOPPED:
        action, reasons = Action.START, (Change("lifecycleState", f"is {kept.state}"), *reasons)
    elif fields:
        action = Action.UPDATE
    else:
        action = Action.NOOP
        reasons = reasons or (Change("everything", "is as wanted"),)
    return Step(
        action=action,
        key=want.key,
        needs=want.needs,
        changes=reasons,
        live=kept,
        old=old,
        changed_fields=fields,
    )


def _replacement(
    identity: Identity,
    want: Desired,
    standing: Sequence[Live],
    forced: Sequence[Key],
    lookup: Callable[[Ref], str],
    *,
    can_overlap: bool,
) -> Step:
    """Return the step; the old one cannot stay until the new one is there where both need what is replaced too."""
    if forced:
        changes = tuple(Change(str(need), "is replaced") for need in forced)
    elif all(live.phase is Phase.FAILED for live in standing):
        changes = (Change("lifecycleState", f"is {standing[-1].state}"),)
    else:
        names = changed_sections(standing[-1].tags, want.tags(identity))
        changes = tuple(
            change for name in names for change in _section_changes(name, want, standing[-1], lookup)
        ) or (Change("content", "changed"),)
    overlap = want.rollout is not None and want.rollout.overlap and can_overlap
    return Step(
        action=Action.REPLACE,
        key=want.key,
        needs=want.needs,
        changes=changes,
        old=tuple(standing),
        has_downtime=not overlap,
    )


def _section_changes(name: str, want: Desired, live: Live, lookup: Callable[[Ref], str]) -> tuple[Change, ...]:
    """Return what changed in a section, as far as it is known what it was."""
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
        if not covers(before, after)
    )
    return tuple(changes) or (Change(name, "changed"),)


def _immutable_needs(want: Desired) -> frozenset[Key]:
    fixed = {name: value for name, value in want.body.items() if name not in want.mutable}
    return frozenset(ref.key for ref in references(fixed) if not ref.deployment)


def _changed_fields(
    identity: Identity, want: Desired, live: Live, lookup: Callable[[Ref], str]
) -> list[tuple[str, str, str]]:
    changed = []
    for name in sorted(want.mutable & want.body.keys()):
        wanted = resolve(want.body[name], lookup)
        if not covers(live.body.get(name), wanted):
            changed.append((name, *difference(live.body.get(name), wanted)))
    ours = want.tags(identity)
    changed += [(name, "", "") for name in changed_sections(live.tags, ours) if name in want.hidden]
    if not changed and not covers(dict(live.tags), ours):
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


def value_of(live: Live, ref: Ref) -> str:
    """Return what `ref` stands for, given the resource that it names."""
    return live.id if ref.field == "id" else str(live.body.get(ref.field, ""))


def _content(want: Desired | None) -> str:
    """Return a hash of everything that is sent, except secrets: those are in the body alone."""
    if want is None:
        return ""
    in_place = {name: want.body[name] for name in (want.mutable | want.hidden) & want.body.keys()}
    return digest({"in place": in_place, "replace": want.sections})


def _in_order(desired: Mapping[Key, Desired]) -> Iterable[Key]:
    from graphlib import TopologicalSorter

    graph = {key: sorted(need for need in desired[key].needs if need in desired) for key in sorted(desired)}
    return TopologicalSorter(graph).static_order()
