"""From a spec and a snapshot to a plan.  Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from ocisidecar.errors import (
    DeploymentInUse,
    NotAuthorizedOrNotFound,
    PlanError,
    SpecError,
    SpecProblem,
)
from ocisidecar.plan.closed_ports import closed_ports
from ocisidecar.plan.diff import diff, removal
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.resources.access import elsewhere_statement, is_granted, place_of, right_of, statements_of
from ocisidecar.resources.capabilities import KeepsData
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS, NEEDS
from ocisidecar.resources.management_agent import REMAINING, ManagementAgent
from ocisidecar.resources.subscription import PENDING, confirmation
from ocisidecar.spec import DeploymentSpec
from ocisidecar.state.compare import is_satisfied_by
from ocisidecar.state.desired import INSTALL_KEY, Desired
from ocisidecar.state.identity import Identity, used_deployments, was_set
from ocisidecar.state.observed import Live, Phase, Snapshot, value_of
from ocisidecar.wire import Body, Key, Ref, resolve, text


def desire(spec: DeploymentSpec, site: Site) -> dict[Key, Desired]:
    """Return everything that `spec` asks for at `site`, with the deployment's tags on all of it."""
    wanted = {one.key: one for kind in KINDS.values() for one in kind.desire(spec, site)}
    return {
        key: evolve(
            one,
            body=_tagged(one.body, spec) if one.is_tagged else one.body,
            after=frozenset(one.after & wanted.keys()),
        )
        for key, one in wanted.items()
    }


def plan_apply(spec: DeploymentSpec, site: Site, snapshot: Snapshot, *, warnings: tuple[str, ...] = ()) -> Plan:
    """Return the plan that creates or updates what `spec` describes.

    Raises:
        SpecError: a shared deployment that the spec names does not exist, or lacks a resource that is used.
        AmbiguousResource: see `diff`.
        DeploymentInUse: a resource that other deployments use would be deleted or replaced.
    """
    desired = desire(spec, site)
    _check_recorded(desired, site.identity)
    _check_visible(desired, site.identity, snapshot)
    _check_shared(spec.name, desired, snapshot)
    retained = frozenset(key for key in snapshot.of(spec.name) if isinstance(KINDS[key.kind], KeepsData))
    steps = diff(site.identity, desired, snapshot, retained=retained)
    if INSTALL_KEY in desired:
        desired = _with_installs(desired, steps)
        steps = diff(site.identity, desired, snapshot, retained=retained)
    _check_users(spec.name, steps, snapshot)
    return Plan(
        identity=site.identity,
        steps=steps,
        operations=operations_of(spec.name, steps, desired, NEEDS),
        desired=desired,
        snapshot=snapshot,
        warnings=(
            *warnings,
            *_untagged_places(steps, desired),
            *closed_ports(spec, desired, snapshot),
            *_lacking_rights(spec, site, snapshot),
            *_invisible_groups(spec, site, snapshot),
            *_repositories_elsewhere(spec, site),
            *_unconfirmed(spec, desired, snapshot),
        ),
    )


def _with_installs(desired: Mapping[Key, Desired], steps: Iterable[Step]) -> dict[Key, Desired]:
    """Return what is desired, with an install key that serves all agents that are to register, and one more."""
    new = {Action.CREATE, Action.REPLACE}
    coming = [step for step in steps if step.key.kind == ManagementAgent.name and step.action in new]
    key = evolve(desired[INSTALL_KEY], minimums={REMAINING: len(coming) + 1})
    return {**desired, INSTALL_KEY: key}


def _untagged_places(steps: Sequence[Step], desired: Mapping[Key, Desired]) -> Iterator[str]:
    """Yield a warning for each resource that is created although what stays lies in another one."""
    made = {step.key for step in steps if step.action is Action.CREATE and not step.going}
    lies: dict[Key, tuple[Key, str]] = {}
    for step in steps:
        for name, value in desired[step.key].body.items() if step.live is not None and step.key in desired else ():
            place = text(step.live.body, name) if step.live is not None else ""
            is_made = isinstance(value, Ref) and not value.deployment and value.key in made
            if isinstance(value, Ref) and is_made and place and name not in step.changed_fields:
                lies.setdefault(value.key, (step.key, place))
    for key, (inside, place) in lies.items():
        yield (
            f"{key} is created, but {inside} lies in {place}, which has lost this deployment's tags or is not "
            f'listed yet: to go on using that one, first take it over with adopt(spec, {{"{key}": "{place}"}})'
        )


def plan_adopt(
    spec: DeploymentSpec,
    site: Site,
    snapshot: Snapshot,
    adopted: Mapping[Key, Live],
    *,
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Return the plan that adopts the resources in `adopted` and creates or updates the rest of `spec`.

    Raises:
        PlanError: a resource differs from the spec in what cannot be changed in place, its key is not in the spec,
            or the deployment already has another resource of that key.
    """
    desired = desire(spec, site)
    ids = {key: live.id for key, live in adopted.items()}
    standing = snapshot.of(spec.name)
    disguised = []
    for key, live in adopted.items():
        if key not in desired:
            near = difflib.get_close_matches(str(key), map(str, desired), n=1, cutoff=0.0)
            raise PlanError(f"{key} is not in the spec; did you mean {near[0]}?")
        if any(one.id != live.id for one in standing.get(key, ())):
            raise PlanError(
                f"{key} cannot be adopted: {spec.name} already has {standing[key][0].id} as {key}, and {live.id} "
                "would be a second one."
            )
        want = desired[key]
        _check_adoptable(want, live, ids, snapshot)
        tags = {**live.tags, **want.tags(site.identity)}
        disguised.append(evolve(live, body={**live.body, "freeformTags": tags}))
    others = (live for live in snapshot.resources if live.id not in ids.values())
    together = Snapshot((*others, *disguised))
    plan = plan_apply(spec, site, together, warnings=warnings)
    steps = tuple(_adopting(step, desired[step.key]) if step.key in adopted else step for step in plan.steps)
    operations = operations_of(spec.name, steps, desired, NEEDS)
    return evolve(plan, steps=steps, operations=operations, snapshot=snapshot)


def _adopting(step: Step, want: Desired) -> Step:
    """Return the step that also takes over its resource: it writes our tags, and what no list shows."""
    return evolve(
        step,
        action=Action.ADOPT,
        changed_fields=step.changed_fields | {"freeformTags", *want.hidden},
        changes=(Change(step.key.kind, "is adopted"), *step.changes),
    )


def plan_removal(
    identity: Identity, snapshot: Snapshot, *, retain: Collection[str], with_data: Mapping[Key, str]
) -> Plan:
    """Return the plan that removes a deployment.

    Args:
        identity: the deployment's.
        snapshot: what is live.
        retain: keys (`subnet/main`) or kinds (`log-group`) to keep; what they need is kept with them.
        with_data: keys that are kept because they hold data → what they hold.

    Raises:
        DeploymentInUse: other deployments use this one.
        PlanError: `retain` names what the deployment does not have.
    """
    users = _users_of(identity.name, snapshot)
    if users:
        raise DeploymentInUse(
            f"{identity.name} cannot be destroyed: it is used by {', '.join(users)}. Destroy those first.",
            users=users,
        )
    live = snapshot.of(identity.name)
    reasons = dict(with_data)
    for word in retain:
        matching = [key for key in live if word in {str(key), key.kind}]
        if not matching and live:
            near = difflib.get_close_matches(word, [*map(str, live), *(key.kind for key in live)], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise PlanError(f"retain names {word!r}, which {identity.name} does not have{hint}")
        reasons.update(dict.fromkeys(matching, "as requested"))
    steps = removal(identity, snapshot, retained=_with_needs(reasons, live))
    operations = operations_of(identity.name, steps, {}, NEEDS)
    return Plan(
        identity=identity,
        steps=steps,
        operations=operations,
        snapshot=snapshot,
        warnings=tuple(_invisible_leftovers(identity, snapshot)),
        is_destroy=True,
    )


def _with_needs(reasons: Mapping[Key, str], live: Collection[Key]) -> dict[Key, str]:
    """Add what kept resources need: a subnet cannot exist without its VCN."""
    kept = dict(reasons)
    queue = list(reasons)
    while queue:
        key = queue.pop()
        for need in live:
            if need.kind in NEEDS[key.kind] and need not in kept:
                kept[need] = f"because {key} needs it"
                queue.append(need)
    return kept


def _check_recorded(desired: Mapping[Key, Desired], identity: Identity) -> None:
    """Refuse more tags than our own tags can record: without a record they could not be removed later."""
    faults = []
    for want in desired.values():
        recorded = want.tags(identity) if want.tag_names else {}
        if not all(was_set(recorded, name) for name in want.tag_names):
            message = (
                f"has {len(want.tag_names)} tags, those of VNIC and containers among them: too many to record in a "
                "tag of 256 characters. Set fewer tags, or give shared deployments shorter names"
            )
            faults.append(SpecProblem(str(want.key), message))
    if faults:
        raise SpecError(faults)


def _check_visible(desired: Mapping[Key, Desired], identity: Identity, snapshot: Snapshot) -> None:
    """Refuse to plan for kinds of which nothing is known, because the caller may not list them."""
    needed = {key.kind for key in desired} | {ref.key.kind for want in desired.values() for ref in want.shared}
    needed |= {KINDS[name].parent for name in needed if KINDS[name].parent}
    lacking = [kind for kind in KINDS.values() if kind.name in needed & snapshot.invisible.keys()]
    if lacking:
        raise NotAuthorizedOrNotFound(
            operation=f"list_{lacking[0].plural}",
            status=404,
            code="NotAuthorizedOrNotFound",
            service_message=f"Not visible to the caller: {', '.join(kind.name for kind in lacking)}",
            opc_request_id=snapshot.invisible[lacking[0].name],
            statements=tuple(dict.fromkeys(right for kind in lacking for right in kind.rights(identity))),
        )


def _invisible_groups(spec: DeploymentSpec, site: Site, snapshot: Snapshot) -> Iterator[str]:
    """Yield a warning where the deployment's policy names a dynamic group of its own that the caller cannot see."""
    policies = [live for key, lives in snapshot.of(spec.name).items() if key.kind == "policy" for live in lives]
    named = " ".join(str(live.body.get("statements")) for live in policies)
    given = spec.effective_access.dynamic_group
    is_own = "dynamic-group id " in named and not (given and given in named)
    if is_own and "dynamic-group" in snapshot.invisible:
        yield (
            f"a dynamic group of {spec.name} may remain, because none is visible to the caller: "
            f"{'; '.join(KINDS['dynamic-group'].rights(site.identity))}"
        )


def _invisible_leftovers(identity: Identity, snapshot: Snapshot) -> Iterator[str]:
    """Yield a warning about kinds of which resources may remain, because the caller cannot see them."""
    hidden = [KINDS[name] for name in snapshot.invisible]
    if hidden and snapshot.of(identity.name):
        rights = dict.fromkeys(right for kind in hidden for right in kind.rights(identity))
        yield (
            f"not visible to the caller, so that what {identity.name} has of it remains: "
            f"{', '.join(kind.name for kind in hidden)}; to see it: {'; '.join(rights)}"
        )


def _check_shared(name: str, desired: Mapping[Key, Desired], snapshot: Snapshot) -> None:
    faults = {}
    for want in desired.values():
        for ref in sorted(want.shared, key=str):
            if ref.key not in snapshot.of(ref.deployment):
                known = ", ".join(one for one in snapshot.deployments() if one != name) or "none"
                message = (
                    f"is missing from the shared deployment {ref.deployment!r}; deployments in this compartment: "
                    f"{known}"
                )
                faults[ref.deployment, ref.key] = SpecProblem(str(ref.key), message)
    if faults:
        raise SpecError(tuple(faults.values()))


def _users_of(name: str, snapshot: Snapshot) -> tuple[str, ...]:
    users = {live.deployment for live in snapshot.resources if name in used_deployments(live.tags)}
    return tuple(sorted(users - {name}))


def _check_users(name: str, steps: Iterable[Step], snapshot: Snapshot) -> None:
    """Refuse to delete what others may use; their tags name the deployment, not the resources."""
    users = _users_of(name, snapshot)
    going = [
        str(step.key)
        for step in steps
        if KINDS[step.key.kind].is_shared and step.action in {Action.REPLACE, Action.DELETE}
    ]
    if users and going:
        raise DeploymentInUse(
            f"{name} cannot be changed: {', '.join(going)} would be deleted or replaced, and {name} is used by "
            f"{', '.join(users)}. Move those to another deployment first.",
            users=users,
        )


def _lacking_rights(spec: DeploymentSpec, site: Site, snapshot: Snapshot) -> Iterator[str]:
    """Yield a warning for each right of the containers that no statement of a shared policy grants verbatim."""
    shared = spec.effective_access.name
    for policy in snapshot.of(shared).get(Key("policy", "main"), ()) if shared else ():
        granted = policy.body.get("statements")
        said = [str(one) for one in granted] if isinstance(granted, Sequence) else []
        for statement in statements_of(spec, site.image_prefix):
            right = right_of(statement, site)
            if not is_granted(right, said):
                yield (
                    f"the policy of {shared} does not grant the right to {right} ({statement.reason}): add the "
                    "statement there with AccessSpec.deployment(statements=[...])"
                )


def _repositories_elsewhere(spec: DeploymentSpec, site: Site) -> Iterator[str]:
    """Yield a warning for each image whose repository the deployment's policy cannot give a right to."""
    own = {repository.name for repository in spec.repositories}
    for statement in statements_of(spec, site.image_prefix):
        place = place_of(statement, site)
        ready = elsewhere_statement(statement, spec, site)
        if place.is_elsewhere:
            yield (
                f"the repository ({statement.where}) is in the compartment {place.compartment_id}, where this "
                f"deployment writes no policy; somebody who may must add there: {ready}"
            )
        elif not place.is_visible:
            yield (
                f"the repository ({statement.where}) is not in this compartment, and others are not visible to the "
                f"caller; where it is, this must be allowed in that compartment: {ready}"
            )
        elif place.is_missing and not any(f"'{name}'" in (statement.where or "") for name in own):
            yield (
                f"the tenancy has no repository ({statement.where}) in this region: push the image before the apply"
            )


def _unconfirmed(spec: DeploymentSpec, desired: Collection[Key], snapshot: Snapshot) -> Iterator[str]:
    """Yield a warning for each subscription that stays and that nobody has confirmed."""
    for key, lives in sorted(snapshot.of(spec.name).items()):
        if key in desired and key.kind == "subscription" and lives[0].state == PENDING:
            yield f"{key} is not confirmed and gets no messages: {confirmation(lives[0].body)}"


def _check_adoptable(want: Desired, live: Live, ids: Mapping[Key, str], snapshot: Snapshot) -> None:
    """Refuse a resource that would be replaced, as far as it shows its replace-only fields."""
    if live.phase not in {Phase.READY, Phase.STOPPED}:
        raise PlanError(f"{want.key} cannot be adopted: {live.id} is {live.state}.")

    def lookup(ref: Ref) -> str:
        if not ref.deployment and ref.key in ids:
            return ids[ref.key]
        lives = snapshot.of(ref.deployment or live.deployment).get(ref.key, ())
        return value_of(lives[0], ref) if lives else str(ref)

    shown = [name for name in want.sections if name in want.body and name in live.body]
    differing = [name for name in shown if not is_satisfied_by(resolve(want.body[name], lookup), live.body[name])]
    if differing:
        raise PlanError(
            f"{want.key} cannot be adopted: {live.id} differs in {', '.join(sorted(differing))}, which cannot be "
            "changed in place. Change the spec to match it, or create a new resource instead."
        )


def _tagged(body: Mapping[str, Body], spec: DeploymentSpec) -> dict[str, Body]:
    """Return `body` with the deployment's tags under its own."""
    tagged = dict(body)
    given: dict[str, Mapping[str, Body]] = {"freeformTags": spec.freeform_tags, "definedTags": spec.defined_tags}
    for name, tags in given.items():
        own = body.get(name)
        merged = {**tags, **(own if isinstance(own, Mapping) else {})}
        if merged:
            tagged[name] = merged
    return tagged
