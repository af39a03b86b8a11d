"""The outcome of a run: its last event, and the exception where it failed or was cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from ocisidecar.deployment import Deployment
from ocisidecar.errors import ApplyFailed, Cancelled, DestroyFailed
from ocisidecar.events import ApplyFinished, ApplyStopped, Event
from ocisidecar.plan.plan import Plan
from ocisidecar.state.observed import Live
from ocisidecar.wire import Key


@frozen
class Outcome:
    """The outcome of one plan.

    Attributes:
        resources: what exists now, by key.
        causes: failed key → exception; empty when all went well.
        is_cancelled: whether it was cut short from outside.
    """

    plan: Plan
    resources: Mapping[Key, Live]
    causes: Mapping[str, Exception]
    is_cancelled: bool


def final_event(outcome: Outcome, reason: str | None) -> Event:
    """Return the last event of a run; `reason` says why it was cancelled, if it was."""
    name, count = outcome.plan.name, len(outcome.resources)
    if outcome.causes:
        return ApplyStopped(deployment=name, reason=f"{', '.join(outcome.causes)} failed", resources=count)
    if outcome.is_cancelled:
        return ApplyStopped(deployment=name, reason=f"cancelled: {reason}", resources=count)
    return ApplyFinished(deployment=name, resources=count, is_destroy=outcome.plan.is_destroy)


def raise_failures(outcomes: Sequence[Outcome], deployments: Sequence[Deployment], reason: str | None) -> None:
    """Raise for the first plan that failed, else for the first that was cancelled; `deployments` go along."""
    for outcome, deployment in zip(outcomes, deployments, strict=True):
        if not outcome.causes:
            continue
        name, count = outcome.plan.name, len(deployment.resources)
        said = _summary(outcome.causes)
        first = next(iter(outcome.causes.values()))
        if outcome.plan.is_destroy:
            message = f"{name} is not gone: {said} {count} resources remain; destroy again to continue."
            raise DestroyFailed(message, remaining=deployment.resources, causes=outcome.causes) from first
        message = f"{name} is not complete: {said} {count} resources exist, all tagged; run it again to continue."
        raise ApplyFailed(
            message, deployment=deployment, causes=outcome.causes, deployments=tuple(deployments)
        ) from first
    for outcome, deployment in zip(outcomes, deployments, strict=True):
        if outcome.is_cancelled:
            count = len(deployment.resources)
            raise Cancelled(
                f"{outcome.plan.name} was cancelled: {reason}. {count} resources exist and are tagged; "
                "run it again to continue.",
                deployment=deployment,
            )


def _summary(causes: Mapping[str, Exception], limit: int = 3) -> str:
    shown = [f"{key}: {error}" for key, error in list(causes.items())[:limit]]
    more = len(causes) - len(shown)
    return "; ".join(text.removesuffix(".") for text in shown) + (
        f"; and {more} more, see .causes." if more else "."
    )
