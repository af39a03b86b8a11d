"""The exception that ends a run: ApplyFailed, DestroyFailed or Cancelled, made of its outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ocisidecar.apply.outcome import Outcome
from ocisidecar.deployment import Deployment
from ocisidecar.errors import ApplyFailed, Cancelled, DestroyFailed
from ocisidecar.verify.findings import Diagnosis

Diagnose = Callable[[Deployment, Mapping[str, Exception]], Diagnosis | None]
"""Takes what exists of a deployment, and the key of each failed step → its error."""


def raise_failures(
    outcomes: Sequence[Outcome],
    deployments: Sequence[Deployment],
    reason: str | None,
    *,
    diagnose: Diagnose,
    diagnoses: Mapping[str, Diagnosis | None],
) -> None:
    """Raise for the first plan that failed, else for the first that was cancelled; `deployments` go along.

    `diagnoses` are those of deployments that were diagnosed before what failed was deleted, by name.
    """
    for outcome, deployment in zip(outcomes, deployments, strict=True):
        if not outcome.causes:
            continue
        name, count = outcome.plan.name, len(deployment.resources)
        said = _summary(outcome.causes)
        first = next(iter(outcome.causes.values()))
        if outcome.plan.is_destroy:
            message = f"{name} is not gone: {said} {count} resources remain; destroy again to continue."
            raise DestroyFailed(message, remaining=deployment.resources, causes=outcome.causes) from first
        message = (
            f"{name} is not complete: {said}{_way_back(outcome)} {count} resources exist, all tagged; run it again "
            "to continue."
        )
        raise ApplyFailed(
            message,
            deployment=deployment,
            causes=outcome.causes,
            deployments=tuple(deployments),
            diagnosis=diagnoses[name] if name in diagnoses else diagnose(deployment, outcome.causes),
            rolled_back=outcome.rolled_back,
        ) from first
    for outcome, deployment in zip(outcomes, deployments, strict=True):
        if outcome.is_cancelled:
            count = len(deployment.resources)
            raise Cancelled(
                f"{outcome.plan.name} was cancelled: {reason}. {count} resources exist and are tagged; "
                "run it again to continue.",
                deployment=deployment,
            )


def _way_back(outcome: Outcome) -> str:
    """Return what was rolled back, and why not more, in a sentence; empty where nothing had to be."""
    if outcome.rolled_back:
        return f" Rolled back to what ran before: {', '.join(outcome.rolled_back)}."
    if outcome.is_roll_back_cut:
        said = f": {_summary(outcome.back_causes)}" if outcome.back_causes else "."
        return f" The roll-back is not complete{said}"
    return ""


def _summary(causes: Mapping[str, Exception], limit: int = 3) -> str:
    first = [(key, str(error)) for key, error in list(causes.items())[:limit]]
    shown = [text if key in text.partition(": ")[0] else f"{key}: {text}" for key, text in first]
    more = len(causes) - len(shown)
    return "; ".join(text.removesuffix(".") for text in shown) + (
        f"; and {more} more, see .causes." if more else "."
    )
