"""Checks of what a caller hands over: plans made before, digests, names, deployments.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ocisidecar.errors import PlanError, SpecError, SpecProblem, StalePlan
from ocisidecar.plan.plan import Plan
from ocisidecar.state.identity import OWN_TAGS, Identity
from ocisidecar.state.observed import Phase, Snapshot


def check_digest(plans: Sequence[Plan], digest: str | None) -> None:
    """Raise StalePlan unless there is one plan and it has `digest`; None accepts everything."""
    digests = [plan.digest for plan in plans]
    if digest is not None and digests != [digest]:
        raise StalePlan(
            f"The plan has the digest {', '.join(digests)}, but {digest} was expected: review the new plan and "
            "apply it with its own digest. Nothing was changed."
        )


def check_names(names: Sequence[str]) -> None:
    """Raise SpecError when two deployments of a sequence have one name."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SpecError([SpecProblem(name, "names more than one deployment of the sequence") for name in doubled])


def check_purpose(plan: Plan, *, is_destroy: bool) -> None:
    """Raise when a plan to apply is given to destroy(), or the reverse.

    Raises:
        PlanError: it is the other kind of plan.
    """
    if plan.is_destroy != is_destroy:
        purpose, verb = ("destroy", "destroy") if plan.is_destroy else ("create or update", "apply")
        raise PlanError(f"This is a plan to {purpose} {plan.name}: pass it to {verb}(). Nothing was changed.")


def check_place(given: Identity, here: Identity) -> None:
    """Raise PlanError when a deployment is not the one of its name here, which must not be touched for it."""
    if given != here:
        raise PlanError(
            f"The deployment {given.name} is in compartment {given.compartment_id} in {given.region}, but this "
            f"provisioner works in {here.compartment_id} in {here.region}. Nothing was changed."
        )


def check_fresh(plan: Plan, snapshot: Snapshot, identity: Identity) -> None:
    """Raise StalePlan unless `plan` is for this identity and its resources are unchanged since it was made."""
    if plan.identity != identity:
        raise StalePlan(
            f"The plan of {plan.name} is for compartment {plan.identity.compartment_id} in "
            f"{plan.identity.region}, but this provisioner works in {identity.compartment_id} in "
            f"{identity.region}. Nothing was changed."
        )
    before, now = (_standing(one, plan) for one in (plan.snapshot, snapshot))
    moved = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if moved:
        raise StalePlan(
            f"{', '.join(moved)} of {plan.name} changed after the plan was made: plan again. Nothing was changed."
        )


def _standing(snapshot: Snapshot, plan: Plan) -> dict[str, list[tuple[str, Phase, tuple[str, ...]]]]:
    """Return what must not change between plan and apply: key → OCID, phase and our tags.

    What was going when it was planned may be gone when it is applied.
    """
    found: dict[str, list[tuple[str, Phase, tuple[str, ...]]]] = {
        str(key): [
            (live.id, live.phase, tuple(live.tags.get(tag, "") for tag in OWN_TAGS))
            for live in lives
            if live.phase is not Phase.GOING
        ]
        for key, lives in snapshot.of(plan.name).items()
    }
    return {key: standing for key, standing in found.items() if standing}
