"""A plan as values: the steps that a reader sees, one per key, and the operations that apply carries out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn, Self

from attrs import asdict, field, frozen

from ocisidecar.state.desired import Desired
from ocisidecar.state.identity import Identity, digest
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key

if TYPE_CHECKING:
    from ocisidecar.cost.cost import Cost
    from ocisidecar.cost.parts import Resource
    from ocisidecar.cost.prices import PriceTable

_RUNS = frozenset({Phase.READY, Phase.PENDING})


class Action(StrEnum):
    """What a step or an operation does; `replace`, `prune` and `no-op` are actions of steps only.

    `wait` waits for a resource that is still being created.  `replace` is carried out as `create` and `delete`;
    `prune` keeps one resource and deletes the others of its key.
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


BRING_UP = frozenset({Action.CREATE, Action.WAIT, Action.START})
"""After these operations a resource has to show that it works."""


class Goal(StrEnum):
    """The condition of its resource with which an operation ends."""

    READY = "ready"
    HEALTHY = "healthy"
    STOPPED = "stopped"
    RESTARTED = "restarted"
    GONE = "gone"


@frozen
class Change:
    """One reason for a step: a field or section, with its value before and after if that may be shown."""

    field: str
    reason: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        values = f": {self.before or '–'} → {self.after or '–'}" if self.before or self.after else ""
        return f"{self.field} {self.reason}{values}"


@frozen(kw_only=True)
class Step:
    """The planned action for one key.

    Attributes:
        needs: keys whose steps must end before.
        changes: why, one entry per field or section.
        live: the resource that stays (or None), as it was when the plan was made.
        old: resources of the key that are deleted.
        going: resources of the key that are being deleted already, and must be gone before a new one is created.
        changed_fields: fields of the body to send in an update.
        has_downtime: the old instance stops before the new one starts.
        is_created_again: a resource that is waited for and fails is created again.
        keeps_old: what runs of `old` stays, with a downtime as stopped, until all replicas work; if the apply fails
            before that, it serves again and the new resource is deleted.
        no_way_back: why it cannot be rolled back although the spec asks for it; empty otherwise.
    """

    action: Action
    key: Key
    needs: frozenset[Key] = frozenset()
    changes: tuple[Change, ...] = ()
    live: Live | None = None
    old: tuple[Live, ...] = ()
    going: tuple[Live, ...] = ()
    changed_fields: frozenset[str] = frozenset()
    has_downtime: bool = False
    is_created_again: bool = False
    keeps_old: bool = False
    no_way_back: str = ""

    @property
    def is_write(self) -> bool:
        """Whether carrying it out may change anything."""
        return self.is_created_again if self.action is Action.WAIT else self.action is not Action.NOOP

    @property
    def predecessor(self) -> Live | None:
        """The newest of `old` that serves until the new resource does; None for a delete or with a downtime.

        An overlapping replacement has one, including a replacement that an earlier run began.
        """
        if self.action is Action.DELETE or self.has_downtime:
            return None
        return next((live for live in reversed(self.old) if live.phase is not Phase.FAILED), None)

    @property
    def kept(self) -> tuple[Live, ...]:
        """Those of `old` that are kept until all replicas work, the oldest first."""
        # one that is pending may be about to stop, by a run that was cut off
        return tuple(live for live in self.old if live.phase is not Phase.FAILED) if self.keeps_old else ()

    @property
    def reason(self) -> str:
        """All its reasons in one line."""
        return "; ".join(map(str, self.changes))


@frozen(order=True)
class OperationId:
    """Names an operation: deployment, key, action, and the OCID of what a replacement stops or deletes."""

    deployment: str
    key: Key
    action: Action
    resource_id: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the resource is created by it, or was being created when the plan was made."""
        return self.action in {Action.CREATE, Action.WAIT}

    def __str__(self) -> str:
        return " ".join(filter(None, (self.action.value, str(self.key), self.resource_id)))


@frozen(kw_only=True)
class Operation:
    """The unit in which a plan is carried out: the requests about one resource, and the wait for their effect.

    Attributes:
        needs: operations that must end before this one begins.
        goal: the condition that ends it.
        depth: length of the longest chain of operations that wait for it; the deepest ready one starts first.
        live: the resource that it is about, as the plan found it; None for a `create`.
        changed_fields: fields of the body that it sends in an update.
        predecessor: the resource that serves until this one is healthy and is deleted then, or None.
        superseded: OCIDs that the key had when the plan was made; a create does not take one of them for new.
        is_created_again: a resource that turns out to have failed is created again instead of failing the run.
    """

    id: OperationId
    needs: frozenset[OperationId] = frozenset()
    goal: Goal = Goal.READY
    depth: int = 0
    live: Live | None = None
    changed_fields: frozenset[str] = frozenset()
    predecessor: Live | None = None
    superseded: frozenset[str] = frozenset()
    is_created_again: bool = False

    @property
    def is_replacement(self) -> bool:
        """Whether its resource takes the place of another one."""
        return self.predecessor is not None or (self.id.action is Action.CREATE and bool(self.superseded))

    @property
    def is_proof(self) -> bool:
        """Whether it ends only when its resource has come up or works: what replaces another, or is new."""
        return self.id.action in BRING_UP or self.predecessor is not None

    @property
    def may_create(self) -> bool:
        """Whether it creates its resource, possibly only after the one that it waits for has failed."""
        return self.id.action is Action.CREATE or self.is_created_again

    def __str__(self) -> str:
        after = f" after {', '.join(sorted(map(str, self.needs)))}" if self.needs else ""
        return f"{self.id}, until {self.goal.value}{after}"


@frozen(kw_only=True)
class Plan:
    """The steps and operations of an apply or a destroy: a printable and comparable value, carried out unchanged.

    Bodies stay in memory only: a plan does not pickle, and its printed, notebook and JSON forms hold no environment
    value, config file content or secret.

    Attributes:
        identity: the deployment's identity.
        steps: the action for each key, in an order that respects their needs.
        operations: the requests and waits, in the order of a single worker; empty when there is nothing to do.
        desired: the bodies by key; empty for a destroy.
        snapshot: the live resources when the plan was made.
        warnings: valid settings that should be reviewed.
        is_destroy: whether it removes the deployment.
        is_purge: whether it also removes what holds data.
    """

    identity: Identity
    steps: tuple[Step, ...]
    operations: tuple[Operation, ...] = ()
    desired: Mapping[Key, Desired] = field(factory=dict, repr=False)
    snapshot: Snapshot = field(factory=Snapshot, repr=False)
    warnings: tuple[str, ...] = ()
    is_destroy: bool = False
    is_purge: bool = False

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Plan does not pickle, because it holds secrets in clear text: plan again where it is carried out, "
            "and pass expect=plan.digest to apply()"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

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
        """Hash of the steps; the same for the same spec and the same live resources."""
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

    def cost(self, *, prices: PriceTable | None = None, discount: Decimal | float | str = 0) -> Cost:
        """Return what the deployment costs before and after the plan; makes no request.

        Args:
            prices: by default the list prices in USD that ship with the package.
            discount: the share that is taken off every price, from 0 to less than 1.

        Raises:
            ConfigError: the discount is no such share.
        """
        from ocisidecar.cost.estimate import cost_of

        resources = [_resource(step, self.desired.get(step.key)) for step in self.steps]
        region = self.identity.region
        return cost_of(resources, deployment=self.name, region=region, prices=prices, discount=discount)

    def to_dict(self) -> dict[str, object]:
        """Return the plan as plain data: identity, digest, warnings, cost, steps with reasons, and operations."""
        return {
            "deployment": self.name,
            "region": self.identity.region,
            "compartment_id": self.identity.compartment_id,
            "is_destroy": self.is_destroy,
            "digest": self.digest,
            "counts": self.counts,
            "warnings": list(self.warnings),
            "cost": self.cost().to_dict(),
            "steps": [_step_dict(step) for step in self.steps],
            "operations": [_operation_dict(operation) for operation in self.operations],
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        from ocisidecar.views import plan_text

        return plan_text(self)

    def _repr_html_(self) -> str:
        from ocisidecar.views import plan_html

        return plan_html(self)


def _resource(step: Step, want: Desired | None) -> Resource:
    """Return what a step's resource is before and after it; what is stopped costs nothing and counts as absent."""
    from ocisidecar.cost.parts import Resource

    live = step.live
    runs = live is not None and (live.phase in _RUNS or step.action in {Action.START, Action.RESTART})
    is_kept = step.action not in {Action.DELETE, Action.STOP} and (live is None or runs)
    return Resource(
        key=step.key,
        before=tuple(one.body for one in (*step.old, *([live] if live else [])) if one.phase in _RUNS),
        wanted=want.body if want is not None and is_kept else None,
        stays=live.body if live is not None and is_kept else None,
        elsewhere=tuple(map(want.body_on, want.fields_on)) if want is not None and live is None else (),
    )


def _step_dict(step: Step) -> dict[str, object]:
    return {
        "action": step.action.value,
        "key": str(step.key),
        "id": step.live.id if step.live else None,
        "removes": [live.id for live in step.old],
        "needs": sorted(map(str, step.needs)),
        "has_downtime": step.has_downtime,
        "is_rolled_back": step.keeps_old,
        "no_way_back": step.no_way_back,
        "changes": [asdict(change) for change in step.changes],
    }


def _operation_dict(operation: Operation) -> dict[str, object]:
    return {
        "operation": str(operation.id),
        "action": operation.id.action.value,
        "key": str(operation.id.key),
        "id": operation.live.id if operation.live else None,
        "until": operation.goal.value,
        "needs": sorted(map(str, operation.needs)),
    }


def _content(want: Desired | None) -> str:
    return "" if want is None else digest(want.content)
