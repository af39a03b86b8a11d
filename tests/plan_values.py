"""Small values for tests of plans: desired resources, and live ones as if a service had created them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ocisidecar.plan.diff import diff
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Action, Plan, Step
from ocisidecar.resources.kinds import NEEDS
from ocisidecar.state.desired import Desired, Rollout
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.state.tags import TAG_FIELDS
from ocisidecar.wire import Body, Json, Key, Ref, resolve_fields

IDENTITY = Identity("ocid1.tenancy.oc1..t", "eu-frankfurt-1", "ocid1.compartment.oc1..c", "web")
STATES = {
    Phase.READY: "ACTIVE",
    Phase.PENDING: "CREATING",
    Phase.STOPPED: "INACTIVE",
    Phase.FAILED: "FAILED",
    Phase.GOING: "DELETING",
}


def key(text: str) -> Key:
    """Return the key that `text` writes."""
    parsed = Key.parse(text)
    assert parsed is not None, text
    return parsed


def refs(texts: Iterable[str]) -> list[Body]:
    """Return references to keys; `platform:vcn/main` names one of another deployment."""
    pairs = (text.rpartition(":") for text in texts)
    return [Ref(key(name), deployment=deployment) for deployment, _, name in pairs]


def want(
    name: str,
    *,
    size: int = 1,
    title: str = "title",
    secret: str | None = None,
    refers: Sequence[str] = (),
    refers_mutably: Sequence[str] = (),
    after: Iterable[str] = (),
    rollout: Rollout | None = None,
) -> Desired:
    """Return a desired resource: `size` and `refers` need a replacement, `title` and `refers_mutably` do not.

    `secret` can be changed in place and is never shown.
    """
    body: dict[str, Body] = {"title": title, "size": size, "refers": refs(refers), "uses": refs(refers_mutably)}
    if secret is not None:
        body["secret"] = secret
    return Desired(
        key=key(name),
        body=body,
        mutable=frozenset({"title", "uses", *TAG_FIELDS}),
        hidden={"secret": secret},
        sections={"size": body["size"], "refers": body["refers"]},
        after=frozenset(map(key, after)),
        rollout=rollout,
    )


def live(
    made: Desired,
    *,
    number: int = 1,
    phase: Phase = Phase.READY,
    shows: Mapping[str, Json] | None = None,
    tags: Mapping[str, str] | None = None,
    identity: Identity = IDENTITY,
) -> Live:
    """Return the `number`-th resource created from `made`; it shows the desired fields unless `shows` differs."""
    shown = {name: value for name, value in made.body.items() if name not in made.hidden}
    body = resolve_fields(shown, lambda ref: live_id(ref.key))
    given = body.get("freeformTags")
    all_tags = {**(given if isinstance(given, Mapping) else {}), **made.tags(identity), **(tags or {})}
    return Live(
        made.key,
        identity.name,
        live_id(made.key, number),
        STATES[phase],
        phase,
        {**body, **made.minimums, "freeformTags": all_tags, **(shows or {})},
        f"2026-01-01T00:00:0{number}Z",
    )


def live_id(named: Key, number: int = 1) -> str:
    """Return the OCID of the `number`-th resource of a key."""
    return f"ocid1.{named.kind}.{named.name}.{number}"


def steps_of(
    wanted: Iterable[Desired], existing: Iterable[Live] = (), *, retained: Iterable[str] = ()
) -> dict[str, Step]:
    """Return key → step, in order, of the plan from `existing` to `wanted`."""
    desired = {one.key: one for one in wanted}
    steps = diff(IDENTITY, desired, Snapshot(tuple(existing)), retained=frozenset(map(key, retained)))
    return {str(step.key): step for step in steps}


def actions(steps: Mapping[str, Step]) -> dict[str, Action]:
    """Return key → action of each step."""
    return {name: step.action for name, step in steps.items()}


def plan(
    wanted: Iterable[Desired],
    existing: Iterable[Live] = (),
    *,
    kind_needs: Mapping[str, tuple[str, ...]] | None = None,
) -> Plan:
    """Return the plan from `existing` to `wanted`, with `kind_needs` in place of those of the real kinds."""
    desired = {one.key: one for one in wanted}
    snapshot = Snapshot(tuple(existing))
    steps = diff(IDENTITY, desired, snapshot, retained=frozenset())
    operations = operations_of(IDENTITY.name, steps, desired, kind_needs or NEEDS)
    return Plan(identity=IDENTITY, steps=steps, operations=operations, desired=desired, snapshot=snapshot)
