"""Law: whatever is wanted and whatever exists, the nodes of a plan can be carried out, and nothing breaks.

A model service plays the nodes in any order that their needs allow.  It refuses what OCI refuses: to make something
before what it refers to is there, and to delete something that others still refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar.plan.diff import diff, removal
from ocisidecar.plan.operations import Node, NodeId, Verb, nodes_of
from ocisidecar.plan.plan import Plan
from ocisidecar.resources.kinds import NEEDS
from ocisidecar.state.desired import Desired, Rollout
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.wire import Key
from tests.plan_values import IDENTITY, live, live_id, want

WEB = Rollout("web", overlap=True, max_unavailable=0)
API = Rollout("api", overlap=False, max_unavailable=1)
JOB = Rollout("job", overlap=True, max_unavailable=2)
GATEWAYS = ["internet-gateway/main", "nat-gateway/main", "service-gateway/main"]
VCN, GROUP, SUBNET, NSG = "vcn/main", "log-group/main", "subnet/main", "network-security-group/main"
BEFORE_INSTANCES = ["policy/main", "container-repository/acme/web"]


def _instances(rollout: Rollout, *logs: str) -> list[Desired]:
    names = [f"container-instance/{rollout.group}-{number}" for number in range(3)]
    return [want(name, refers=[SUBNET, NSG, *logs], after=BEFORE_INSTANCES, rollout=rollout) for name in names]


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
        want("policy/main", refers_mutably=["dynamic-group/main", "dynamic-group/agents"]),
        want(GROUP),
        want("log/app", refers=[GROUP]),
        want("log/audit", refers=[GROUP]),
        want("container-repository/acme/web"),
        want("topic/ops"),
        want("alarm/cpu", refers_mutably=["topic/ops"]),
        *_instances(WEB, "log/app"),
        *_instances(API),
        *_instances(JOB, "log/app", "log/audit"),
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


@define
class Universe:
    """What is wanted and what exists."""

    desired: Mapping[Key, Desired]
    snapshot: Snapshot

    def plan(self) -> Plan:
        """Return the plan from one to the other."""
        steps = diff(IDENTITY, self.desired, self.snapshot, retained=frozenset())
        return Plan(identity=IDENTITY, steps=steps, desired=self.desired, snapshot=self.snapshot)


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    """Draw a part of everything as wanted, and another part in whatever state as existing."""
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
    """Return everything but `removed` and what cannot be without it; what can be refers to the rest only."""
    left: dict[Key, Desired] = {}
    for key, made in EVERYTHING.items():
        if key in removed or any(ref.key not in left for ref in made.body["refers"]):
            continue
        body = {**made.body, "uses": [ref for ref in made.body["uses"] if ref.key in left]}
        left[key] = evolve(made, body=body, after=made.after & left.keys())
    return left


@define
class Service:
    """What exists: OCIDs with the OCIDs that they refer to."""

    refers: dict[str, list[str]]
    current: dict[Key, str]

    def carry_out(self, node: Node, plan: Plan) -> None:
        """Do what a node asks for, or fail where OCI would refuse."""
        if node.id.verb is Verb.DELETE:
            users = [user for user, targets in self.refers.items() if node.id.live_id in targets]
            assert not users, f"{node.id.live_id} cannot be deleted: {users} refer to it"
            del self.refers[node.id.live_id]
            return
        made = plan.desired[node.id.key]
        absent = [need for need in made.needs if self.current.get(need) not in self.refers]
        assert not absent, f"{node.id.verb} of {node.id.key} needs {absent}, which is not there"
        if node.id.verb is Verb.CREATE:
            self.current[node.id.key] = live_id(node.id.key, 3)
        fields = ["refers"] if made.key.kind in UNGUARDED else ["refers", "uses"]
        self.refers[self.current[node.id.key]] = [
            self.current[ref.key] for name in fields for ref in made.body[name]
        ]


def play(plan: Plan, choose: Callable[[list[NodeId]], NodeId]) -> Service:
    """Carry out all nodes in an order that their needs allow, and return what exists then."""
    nodes = {node.id: node for node in nodes_of(plan, NEEDS)}
    service = Service(
        {one.id: _refers(one) for one in plan.snapshot.resources},
        {step.key: step.live.id for step in plan.steps if step.live is not None},
    )
    done: set[NodeId] = set()
    while len(done) < len(nodes):
        ready = sorted(name for name, node in nodes.items() if name not in done and node.needs <= done)
        chosen = choose(ready)
        service.carry_out(nodes[chosen], plan)
        done.add(chosen)
    return service


def _refers(one: Live) -> list[str]:
    return [*one.body["refers"], *([] if one.key.kind in UNGUARDED else one.body["uses"])]


@pytest.mark.parametrize("last", [False, True], ids=["first ready first", "last ready first"])
@settings(max_examples=200)
@given(universe=universes())
def test_every_apply_can_be_carried_out(universe, last):
    """No cycle, no refusal, and at the end exactly what is wanted exists, whichever ready node runs first."""
    service = play(universe.plan(), lambda ready: ready[-1 if last else 0])
    assert sorted(service.refers) == sorted(service.current[key] for key in universe.desired)


@given(universe=universes(), random=st.randoms())
def test_every_destroy_can_be_carried_out_in_any_order(universe, random):
    """Nothing is deleted while others refer to it, and nothing is left."""
    steps = removal(IDENTITY, universe.snapshot, retained={})
    plan = Plan(identity=IDENTITY, steps=steps, snapshot=universe.snapshot, is_destroy=True)
    assert play(plan, random.choice).refers == {}


@given(universe=universes())
def test_what_others_wait_for_is_started_first(universe):
    """A node is deeper than every node that waits for it: the critical path begins at once."""
    nodes = {node.id: node for node in nodes_of(universe.plan(), NEEDS)}
    for node in nodes.values():
        assert all(nodes[need].depth > node.depth for need in node.needs)


@given(universe=universes())
def test_a_rollout_with_overlap_takes_nothing_away_before_its_successor_is_there(universe):
    """A replica without a downtime is never missing."""
    nodes = nodes_of(universe.plan(), NEEDS)
    successors = {node.id.key: node.id for node in nodes if node.id.verb is Verb.CREATE}
    for node in nodes:
        if node.id.verb is Verb.DELETE and node.id.key in successors and not node.step.has_downtime:
            assert successors[node.id.key] in node.needs


def test_the_model_has_something_of_every_kind():
    """A kind that is added to the library is added to this law, with what it refers to."""
    referred: dict[str, set[str]] = {kind: set() for kind in NEEDS}
    for made in EVERYTHING.values():
        referred[made.key.kind] |= {need.kind for need in made.needs}
    assert referred == {kind: set(needs) for kind, needs in NEEDS.items()}
