"""Events of an apply or a destroy, as values.

Events are frozen, can be pickled, and become plain dicts with `to_dict()`.  They are delivered on the thread that
called `apply` or `destroy`; while a handler runs no operation is started, so keep it short.  An exception from a
handler cancels the run and propagates.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import asdict, field, frozen


@frozen(kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        deployment: name of the deployment.
        elapsed_seconds: since the run began.
        sequence: counts up by one within a run.
    """

    deployment: str
    elapsed_seconds: float = 0.0
    sequence: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return the event as plain data, with its class name under `event`."""
        return {"event": type(self).__name__, **asdict(self)}


@frozen(kw_only=True)
class PlanReady(Event):
    """The plan is made.

    Attributes:
        counts: action → number of its steps.
        operations: number of its operations, each of which is started and finished once.
    """

    counts: dict[str, int] = field(factory=dict)
    operations: int = 0


@frozen(kw_only=True)
class DeploymentFound(Event):
    """`get` or `list` found the deployment; `resources` is the number of its live resources."""

    resources: int


@frozen(kw_only=True)
class StepEvent(Event):
    """Base of the events about one resource."""

    key: str
    action: str


@frozen(kw_only=True)
class StepStarted(StepEvent):
    """The step's first request is about to be sent."""


@frozen(kw_only=True)
class StepWaiting(StepEvent):
    """The service accepted the change; `state` is the lifecycle state seen last."""

    state: str
    resource_id: str = ""


@frozen(kw_only=True)
class StepRetrying(StepEvent):
    """A request failed with a transient error; it is sent again after `wait_seconds`."""

    reason: str
    attempt: int
    wait_seconds: float


@frozen(kw_only=True)
class StepWarning(StepEvent):
    """The operation succeeds although something does not work: a container with `is_essential=False`."""

    message: str


@frozen(kw_only=True)
class StepFinished(StepEvent):
    """The resource has reached its goal: it matches the spec, or is deleted."""

    resource_id: str = ""


@frozen(kw_only=True)
class StepFailed(StepEvent):
    """The step ended with `error`, the text of the exception."""

    error: str


@frozen(kw_only=True)
class ReplacementReady(StepEvent):
    """The new instance is healthy and the old one still runs: switch traffic now.

    The old instance is deleted only after the handler has returned.
    """

    old_resource_id: str
    new_resource_id: str


@frozen(kw_only=True)
class RollbackStarted(Event):
    """The apply failed before all replicas worked; those already changed go back to what ran before.

    Attributes:
        reason: what failed.
        operations: number of operations that this takes.
    """

    reason: str
    operations: int


@frozen(kw_only=True)
class ReplacementUndone(StepEvent):
    """The new instance is about to be deleted, and the old one serves again: switch traffic back now.

    The new instance is deleted only after the handler has returned.  An old one that was stopped is started then.
    """

    old_resource_id: str
    new_resource_id: str


@frozen(kw_only=True)
class ApplyFinished(Event):
    """The run succeeded; `resources` is the number of live resources, after a destroy of those that were kept."""

    resources: int
    is_destroy: bool = False


@frozen(kw_only=True)
class ApplyStopped(Event):
    """The run ended early, failed or cancelled; `resources` exist, are tagged and stay.  The call then raises."""

    reason: str
    resources: int


Handler = Callable[[Event], None]
"""Receives events; blocking in it blocks the run."""
