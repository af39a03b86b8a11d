"""A plan: the steps from the observed to the desired state, as values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import Identity, digest
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key


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


def _content(want: Desired | None) -> str:
    """Return a hash of everything that is sent, except secrets: those are in the body alone."""
    if want is None:
        return ""
    in_place = {name: want.body[name] for name in want.mutable & want.body.keys()}
    return digest({"in place": {**in_place, **want.hidden}, "replace": want.sections})
