"""Law: whatever is desired and whatever exists, the operations of a plan can be carried out in its order.

A model service carries the operations out in any order that their needs allow.  It refuses what OCI refuses: to
create something before what it refers to exists, and to delete something that others still refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar.plan.diff import diff, removal
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Action, Operation, OperationId, Plan
from ocisidecar.resources.kinds import KINDS, NEEDS
from ocisidecar.state.desired import Desired, Rollout
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key
from tests.plan_values import IDENTITY, live, live_id, want

WEB = Rollout("web", overlap=True, max_unavailable=0)
API = Rollout("api", overlap=False, max_unavailable=1)
JOB = Rollout("job", overlap=True, max_unavailable=2)
SHOP = Rollout("shop", overlap=True, max_unavailable=2, is_rolled_back=True)
MAIL = Rollout("mail", overlap=False, max_unavailable=1, is_rolled_back=True)
GATEWAYS = ["internet-gateway/main", "nat-gateway/main", "service-gateway/main"]
VCN, GROUP, SUBNET, NSG = "vcn/main", "log-group/main", "subnet/main", "network-security-group/main"
INSTALL_KEY = "management-agent-install-key/agents"
BEFORE_INSTANCES = ["policy/main", "container-repository/acme/web", INSTALL_KEY]


def _instances(rollout: Rollout, *logs: str) -> list[Desired]:
    names = [f"container-instance/{rollout.group}-{number}" for number in range(3)]
    return [want(name, refers=[SUBNET, NSG, *logs], after=BEFORE_INSTANCES, rollout=rollout) for name in names]


def _agents(rollout: Rollout) -> list[Desired]:
    names = [f"{rollout.group}-{number}" for number in range(3)]
    made = [want(f"management-agent/{name}", refers=[f"container-instance/{name}"]) for name in names]
    return [evolve(one, comes_by_itself=True, may_coexist=True) for one in made]


EVERYTHING: Mapping[Key, Desired] = {
    made.key: made
    for made in (
        want(VCN),
        *(want(gateway, refers=[VCN]) for gateway in GATEWAYS),
        want("route-table/main", refers=[VCN], refers_mutably=GATEWAYS),
        want("security-list/main", refers=[VCN]),
        want(SUBNET, refers=[VCN], refers_mutably=["route-table/main", "security-list/main"]),
        want(NSG, refers=[VCN]),
        want("dynamic-group/main"),
        want("dynamic-group/agents"),
        want("policy/main", refers_mutably=["dynamic-group/main", "dynamic-group/agents", GROUP]),
        want(GROUP),
        want("log/app", refers=[GROUP]),
        want("log/audit", refers=[GROUP]),
        want("container-repository/acme/web"),
        evolve(want(INSTALL_KEY), may_coexist=True),
        want("topic/ops"),
        want("subscription/ops/mailto:me@example.com", refers=["topic/ops"]),
        want("alarm/cpu", refers_mutably=["topic/ops"]),
        *_instances(WEB, "log/app"),
        *_instances(API),
        *_instances(JOB, "log/app", "log/audit"),
        *_instances(SHOP, "log/app"),
        *_instances(MAIL),
        *_agents(WEB),
        *_agents(MAIL),
    )
}
"""A deployment with something of every kind; a drawn one has a part of it."""

OPTIONAL = sorted(
    made.key
    for made in EVERYTHING.values()
    if made.key.kind not in {"vcn", "route-table", "security-list", "subnet"}
)
FOLLOW_THE_VCN = {"route-table", "security-list", *(gateway.partition("/")[0] for gateway in GATEWAYS)}
"""Kinds that are replaced with their VCN and never alone: all else that they hold can be changed in place."""
NEVER_FAIL = {"vcn", "subnet", "network-security-group", *FOLLOW_THE_VCN}
UNGUARDED = {"policy", "alarm"}
"""What these refer to may be deleted under them."""


HOLD_NOTHING = {"management-agent"}
"""They outlive what they refer to."""


@define
class Universe:
    """Desired resources and existing ones."""

    desired: Mapping[Key, Desired]
    snapshot: Snapshot

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        """Show keys and phases to Hypothesis, which refuses examples of more than 30 kB."""
        existing = [(str(one.key), one.phase.name) for one in self.snapshot.resources]
        printer.text(f"Universe({sorted(map(str, self.desired))}, {existing})")

    def plan(self) -> Plan:
        """Return the plan from the existing to the desired resources."""
        steps = diff(IDENTITY, self.desired, self.snapshot, retained=frozenset())
        operations = operations_of(IDENTITY.name, steps, self.desired, NEEDS)
        return Plan(
            identity=IDENTITY, steps=steps, operations=operations, desired=self.desired, snapshot=self.snapshot
        )


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    """Draw a part of EVERYTHING as desired, and another part in any state as existing."""
    desired = _without(draw(st.sets(st.sampled_from(OPTIONAL), max_size=6)))
    made_before = _without(draw(st.sets(st.sampled_from(OPTIONAL), max_size=6)))
    reached = draw(st.integers(0, len(made_before)))
    changed = draw(st.sets(st.sampled_from(sorted(EVERYTHING)), max_size=4))
    renamed = draw(st.sets(st.sampled_from(sorted(EVERYTHING)), max_size=4))
    troubled = draw(st.dictionaries(st.sampled_from(sorted(EVERYTHING)), st.sampled_from(Phase), max_size=4))
    doubled = draw(st.sets(st.sampled_from(sorted(EVERYTHING)), max_size=2))
    lives = []
    for made in list(made_before.values())[:reached]:
        was = made
        if made.key in changed and made.key.kind not in FOLLOW_THE_VCN:
            was = evolve(was, sections={**was.sections, "size": 2})
        if made.key in renamed:
            was = evolve(was, body={**was.body, "title": "old"})
        lives.append(live(was, phase=_possible(made.key.kind, troubled.get(made.key, Phase.READY))))
        if made.key in doubled and made.rollout is not None:
            lives.append(live(made, number=2))
    return Universe(desired, Snapshot(tuple(lives)))


def _possible(kind: str, phase: Phase) -> Phase:
    if phase in {Phase.GOING, Phase.GONE} or (phase is Phase.FAILED and kind in NEVER_FAIL):
        return Phase.READY
    return Phase.READY if phase is Phase.STOPPED and kind != "container-instance" else phase


def _without(removed: Collection[Key]) -> dict[Key, Desired]:
    """Return EVERYTHING but `removed` and what depends on it; what remains refers to what remains only."""
    left: dict[Key, Desired] = {}
    for key, made in EVERYTHING.items():
        if key in removed or any(ref.key not in left for ref in made.body["refers"]):
            continue
        body = {**made.body, "uses": [ref for ref in made.body["uses"] if ref.key in left]}
        left[key] = evolve(made, body=body, after=made.after & left.keys())
    return left


@define
class Service:
    """A model of OCI: existing OCIDs with the OCIDs that they refer to."""

    refers: dict[str, list[str]]
    current: dict[Key, str]

    def carry_out(self, operation: Operation, plan: Plan) -> None:
        """Carry out an operation, or fail where OCI would refuse it."""
        if operation.id.action is Action.DELETE:
            users = [user for user, targets in self.refers.items() if operation.id.resource_id in targets]
            assert not users, f"{operation.id.resource_id} cannot be deleted: {users} refer to it"
            del self.refers[operation.id.resource_id]
            return
        if operation.id.action is Action.STOP:
            assert operation.id.resource_id in self.refers, f"{operation.id.resource_id} is gone"
            return
        made = plan.desired[operation.id.key]
        absent = [need for need in made.needs if self.current.get(need) not in self.refers]
        assert not absent, f"{operation.id.action} of {operation.id.key} needs {absent}, which is not there"
        if operation.id.action is Action.CREATE:
            self.current[operation.id.key] = live_id(operation.id.key, 3)
        fields = ["refers"] if made.key.kind in UNGUARDED else ["refers", "uses"]
        fields = [] if made.key.kind in HOLD_NOTHING else fields
        self.refers[self.current[operation.id.key]] = [
            self.current[ref.key] for name in fields for ref in made.body[name]
        ]


def play(plan: Plan, choose: Callable[[list[OperationId]], OperationId]) -> Service:
    """Carry out all operations in an order that their needs allow, and return the service afterwards."""
    operations = {one.id: one for one in plan.operations}
    service = Service(
        {one.id: _refers(one) for one in plan.snapshot.resources},
        {step.key: step.live.id for step in plan.steps if step.live is not None},
    )
    done: set[OperationId] = set()
    while len(done) < len(operations):
        ready = sorted(name for name, one in operations.items() if name not in done and one.needs <= done)
        chosen = choose(ready)
        service.carry_out(operations[chosen], plan)
        done.add(chosen)
    return service


def _refers(one: Live) -> list[str]:
    if one.key.kind in HOLD_NOTHING:
        return []
    return [*one.body["refers"], *([] if one.key.kind in UNGUARDED else one.body["uses"])]


@pytest.mark.parametrize("last", [False, True], ids=["first ready first", "last ready first"])
@settings(max_examples=200)
@given(universe=universes())
def test_every_apply_can_be_carried_out(universe, last):
    """In whichever order ready operations run, none is refused and the desired resources exist at the end."""
    service = play(universe.plan(), lambda ready: ready[-1 if last else 0])
    assert sorted(service.refers) == sorted(service.current[key] for key in universe.desired)


@given(universe=universes(), random=st.randoms())
def test_every_destroy_can_be_carried_out_in_any_order(universe, random):
    """In any allowed order of a destroy no delete is refused, and nothing is left."""
    steps = removal(IDENTITY, universe.snapshot, retained={})
    operations = operations_of(IDENTITY.name, steps, {}, NEEDS)
    plan = Plan(identity=IDENTITY, steps=steps, operations=operations, snapshot=universe.snapshot, is_destroy=True)
    assert play(plan, random.choice).refers == {}


@given(universe=universes())
def test_needs_are_deeper_than_their_dependents(universe):
    """The depth of an operation is greater than that of every operation that waits for it."""
    operations = {one.id: one for one in universe.plan().operations}
    for one in operations.values():
        assert all(operations[need].depth > one.depth for need in one.needs)


@given(universe=universes())
def test_with_overlap_a_delete_waits_for_the_successor(universe):
    """The delete of a replica that is replaced without a downtime waits for its successor, unless it is FAILED."""
    plan = universe.plan()
    without_downtime = {step.key for step in plan.steps if not step.has_downtime}
    successors = {one.id.key: one.id for one in plan.operations if one.id.action is Action.CREATE}
    for one in plan.operations:
        is_replica = one.id.key in universe.desired and universe.desired[one.id.key].rollout is not None
        is_replaced = one.id.action is Action.DELETE and one.id.key in successors.keys() & without_downtime
        if is_replica and is_replaced and one.live is not None and one.live.phase is not Phase.FAILED:
            assert successors[one.id.key] in one.needs


@given(universe=universes())
def test_what_can_be_rolled_back_is_deleted_when_all_replicas_work(universe):
    """What a replica could go back to exists until all operations that bring up replicas of its instance end."""
    plan = universe.plan()
    kept = {live.id: step.key for step in plan.steps for live in step.kept}
    for one in plan.operations:
        if one.id.action is Action.DELETE and one.id.resource_id in kept:
            kind, name = kept[one.id.resource_id].kind, kept[one.id.resource_id].name
            group = {key for key in universe.desired if (key.kind, key.name[:-2]) == (kind, name[:-2])}
            proofs = {other.id for other in plan.operations if other.is_proof and other.id.key in group}
            assert proofs
            assert proofs <= one.needs


@given(universe=universes())
def test_the_order_of_a_plan_can_be_carried_out_by_one_worker(universe):
    """Each operation of a plan stands after everything that it needs."""
    done: set[OperationId] = set()
    for one in universe.plan().operations:
        assert one.needs <= done
        done.add(one.id)


@given(universe=universes())
def test_a_plan_without_changes_has_no_operations(universe):
    """The keys of a plan's operations are exactly the keys of its changes."""
    plan = universe.plan()
    assert {one.id.key for one in plan.operations} == {step.key for step in plan.changes}


def test_the_model_has_something_of_every_kind():
    """The model covers every kind of the library with exactly the kinds that it refers to."""
    referred: dict[str, set[str]] = {kind: set() for kind in NEEDS}
    for made in EVERYTHING.values():
        referred[made.key.kind] |= {need.kind for need in made.needs}
    assert referred == {name: {*kind.needs, kind.follows} - {""} for name, kind in KINDS.items()}
