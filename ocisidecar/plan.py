"""What is wanted, what is live, and what is to be done about it, as values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from enum import StrEnum

from attrs import field, frozen

from ocisidecar.identity import Identity, digest, tags_for
from ocisidecar.keys import Body, Json, Key, Ref, references
from ocisidecar.spec.health import HealthCheck
from ocisidecar.tagging import TAG_FIELDS, tag_names

VAULT_SECRET = "secret"  # noqa: S105 a kind, not a password
"""Kind of the references that stand for a vault secret's content: `secret/<OCID>`, its version as field."""


class Action(StrEnum):
    """What a step does.

    `wait` waits for a resource that is still being made; `prune` keeps the resource and removes others of its key.
    """

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ADOPT = "adopt"
    WAIT = "wait"
    PRUNE = "prune"
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
        hidden: what else can be changed in place, by field; no list shows it, so it is compared by hash.  None is
            what is not wanted.
        sections: everything else, by section; a difference there means replacement.
        relies_on: resources of shared deployments that it needs although `body` does not refer to them.
        after: keys that must be ready first although `body` does not refer to them.
        placements: where to try, in order; only container instances have any.
        fields_on: for each shape of the placements but the first, the fields of `body` that depend on the shape.
        rollout: None for kinds that cannot exist twice at a time.
    """

    key: Key
    body: Mapping[str, Body] = field(repr=False)
    mutable: frozenset[str]
    sections: Mapping[str, Body] = field(repr=False)
    hidden: Mapping[str, Body] = field(factory=dict, repr=False)
    relies_on: frozenset[Ref] = frozenset()
    after: frozenset[Key] = frozenset()
    placements: tuple[Placement, ...] = ()
    fields_on: Mapping[str, Mapping[str, Body]] = field(factory=dict, repr=False)
    rollout: Rollout | None = None

    def body_on(self, shape: str) -> Mapping[str, Body]:
        """Return the create request for one of the shapes in `placements`."""
        return {**self.body, **self.fields_on.get(shape, {})}

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

    @property
    def tag_names(self) -> frozenset[str]:
        """Names of the tags that it sets beside our own, as `tagging.tag_names` gives them."""
        return tag_names(self.body)

    def tags(self, identity: Identity) -> dict[str, str]:
        """Our tags for it."""
        return tags_for(identity, self.key, self.sections, hidden=self.hidden, uses=self.uses, names=self.tag_names)

    def change(self, fields: Collection[str]) -> dict[str, Body]:
        """Return what an update of `fields` sends; None takes a field away, and tags are always all there."""
        untagged: dict[str, Body] = {name: {} for name in TAG_FIELDS}
        values = {**untagged, **self.body, **self.hidden}
        return {name: values.get(name) for name in (*fields, *TAG_FIELDS)}


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
        is_created_again: a resource that is waited for and fails is created again.
    """

    action: Action
    key: Key
    needs: frozenset[Key] = frozenset()
    changes: tuple[Change, ...] = ()
    live: Live | None = None
    old: tuple[Live, ...] = ()
    changed_fields: frozenset[str] = frozenset()
    has_downtime: bool = False
    is_created_again: bool = False

    @property
    def is_write(self) -> bool:
        """Whether carrying it out may change anything."""
        return self.is_created_again if self.action is Action.WAIT else self.action is not Action.NOOP

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


def value_of(live: Live, ref: Ref) -> str:
    """Return what `ref` stands for, given the resource that it names."""
    return live.id if ref.field == "id" else str(live.body.get(ref.field, ""))


def _content(want: Desired | None) -> str:
    """Return a hash of everything that is sent, except secrets: those are in the body alone."""
    if want is None:
        return ""
    in_place = {name: want.body[name] for name in want.mutable & want.body.keys()}
    return digest({"in place": {**in_place, **want.hidden}, "replace": want.sections})
