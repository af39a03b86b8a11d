"""From steps to nodes: what is done with what, and what must be done before."""

from __future__ import annotations

from attrs import evolve

from ocisidecar.plan.diff import removal
from ocisidecar.plan.operations import NodeId, Verb, nodes_of
from ocisidecar.plan.plan import Action, Change, Plan, Step
from ocisidecar.state.desired import Rollout
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Phase, Snapshot
from tests.plan_values import IDENTITY, key, live, live_id, plan, want

NEEDS = {
    "subnet": ("vcn", "route-table"),
    "route-table": ("vcn", "nat-gateway"),
    "nat-gateway": ("vcn",),
    "container-instance": ("subnet", "log"),
}
VCN = want("vcn/main")
GATEWAY = want("nat-gateway/main", refers=["vcn/main"])
TABLE = want("route-table/main", refers=["vcn/main"], refers_mutably=["nat-gateway/main"])
SUBNET = want("subnet/main", refers=["vcn/main"], refers_mutably=["route-table/main"])
NETWORK = [VCN, GATEWAY, TABLE, SUBNET]


def replicas(count, *, overlap=True, max_unavailable=0, size=1):
    """Return wanted replicas of one instance."""
    rollout = Rollout("web", overlap=overlap, max_unavailable=max_unavailable)
    return [
        want(f"container-instance/web-{number}", size=size, refers=["subnet/main"], rollout=rollout)
        for number in range(count)
    ]


def lives(*wanted, **options):
    return [live(one, **options) for one in wanted]


def graph(made: Plan):
    """Return what each node waits for, in words."""
    return {word(node.id): {word(need) for need in node.needs} for node in nodes_of(made, NEEDS)}


def word(node: NodeId):
    """Return a node as `create vcn/main`, removals with the number of what goes."""
    number = f" {node.live_id.rpartition('.')[2]}" if node.live_id else ""
    return f"{node.verb} {node.key}{number}"


class TestNodes:
    """Which nodes there are."""

    def test_what_is_as_wanted_has_none(self):
        """A plan that changes nothing makes no request."""
        assert graph(plan(NETWORK, lives(*NETWORK))) == {}

    def test_what_is_in_the_making_is_awaited(self):
        """What comes after it waits for it as for a create."""
        nodes = graph(plan([VCN, GATEWAY], lives(VCN, phase=Phase.PENDING)))
        assert nodes == {"await vcn/main": set(), "create nat-gateway/main": {"await vcn/main"}}

    def test_what_changes_in_place_has_one(self):
        """Updates, starts and adoptions keep the resource."""
        stopped, renamed = want("container-instance/web-0"), want("vcn/main", title="new")
        existing = [*lives(stopped, phase=Phase.STOPPED), *lives(VCN)]
        assert set(graph(plan([stopped, renamed], existing))) == {
            "start container-instance/web-0",
            "update vcn/main",
        }
        adopting = plan([VCN], lives(VCN))
        adopting = evolve(adopting, steps=tuple(evolve(step, action=Action.ADOPT) for step in adopting.steps))
        assert set(graph(adopting)) == {"adopt vcn/main"}

    def test_stopping_and_restarting_are_nodes_of_their_own(self):
        """A deployment's `stop` and `restart` are small plans."""
        instance = live(want("container-instance/web-0"))
        for action, verb in ((Action.STOP, Verb.STOP), (Action.RESTART, Verb.RESTART)):
            step = Step(action=action, key=instance.key, live=instance, changes=(Change("state", "is asked for"),))
            (node,) = nodes_of(Plan(identity=IDENTITY, steps=(step,)), NEEDS)
            assert (node.id.verb, node.live) == (verb, instance)

    def test_a_replacement_is_two_nodes(self):
        """One makes, one removes; each knows its step and what it is about."""
        nodes = {node.id.verb: node for node in nodes_of(plan([want("vcn/main", size=2)], lives(VCN)), NEEDS)}
        assert nodes[Verb.CREATE].live is None
        assert nodes[Verb.DELETE].live == live(VCN)
        assert nodes[Verb.DELETE].id.live_id == live_id(VCN.key)
        assert nodes[Verb.CREATE].step == nodes[Verb.DELETE].step

    def test_nodes_of_two_deployments_differ(self):
        """Several plans run side by side."""
        other = evolve(plan([VCN]), identity=Identity("t", "r", "c", "api"))
        assert {node.id.deployment for made in (plan([VCN]), other) for node in nodes_of(made, NEEDS)} == {
            "web",
            "api",
        }


class TestNeeds:
    """What must be done before."""

    def test_things_are_made_after_what_they_refer_to(self):
        """Existing ones need not be waited for."""
        assert graph(plan(NETWORK, lives(VCN))) == {
            "create nat-gateway/main": set(),
            "create route-table/main": {"create nat-gateway/main"},
            "create subnet/main": {"create route-table/main"},
        }

    def test_things_are_removed_before_what_they_refer_to(self):
        """Destroying is making in reverse."""
        steps = removal(IDENTITY, Snapshot(tuple(lives(*NETWORK))), retained={key("vcn/main"): "is shared"})
        assert graph(Plan(identity=IDENTITY, steps=steps, is_destroy=True)) == {
            "delete subnet/main 1": set(),
            "delete route-table/main 1": {"delete subnet/main 1"},
            "delete nat-gateway/main 1": {"delete route-table/main 1"},
        }

    def test_what_goes_waits_until_nothing_refers_to_it(self):
        """The gateway goes when the table's rules point elsewhere."""
        table = want("route-table/main", refers=["vcn/main"])
        nodes = graph(plan([VCN, table], lives(VCN, GATEWAY, TABLE)))
        assert nodes == {
            "update route-table/main": set(),
            "delete nat-gateway/main 1": {"update route-table/main"},
        }

    def test_what_goes_does_not_wait_for_what_never_referred_to_it(self):
        """A public network on another address range becomes a private one without a deadlock."""
        table = want("route-table/main", refers=["vcn/main"])
        nodes = graph(plan([want("vcn/main", size=2), table], lives(VCN, GATEWAY)))
        assert nodes["delete nat-gateway/main 1"] == set()
        assert nodes["delete vcn/main 1"] == {"delete nat-gateway/main 1"}

    def test_without_overlap_the_old_one_goes_first(self):
        """A VCN's address range is taken until it is gone."""
        nodes = graph(plan([want("vcn/main", size=2), GATEWAY], lives(VCN, GATEWAY)))
        assert nodes == {
            "delete nat-gateway/main 1": set(),
            "delete vcn/main 1": {"delete nat-gateway/main 1"},
            "create vcn/main": {"delete vcn/main 1"},
            "create nat-gateway/main": {"create vcn/main", "delete nat-gateway/main 1"},
        }

    def test_with_overlap_the_new_one_comes_first(self):
        """Nobody is without the instance for a moment."""
        nodes = graph(plan([*NETWORK, *replicas(1, size=2)], lives(*NETWORK, *replicas(1))))
        assert nodes == {
            "create container-instance/web-0": set(),
            "delete container-instance/web-0 1": {"create container-instance/web-0"},
        }

    def test_a_failed_need_does_not_wait_for_an_instance_that_waits_for_it(self):
        """The old instance stays until the new one is there, which needs the log first."""
        log = want("log/app")
        rollout = Rollout("web", overlap=True)
        instance = want("container-instance/web-0", size=2, rollout=rollout)
        existing = [live(log, phase=Phase.FAILED), live(evolve(instance, sections={"size": 1}))]
        nodes = graph(plan([log, instance], existing))
        assert nodes["delete log/app 1"] == set()


class TestRollout:
    """How many replicas are away at a time."""

    def order(self, count, **options):
        made = plan([*NETWORK, *replicas(count, size=2, **options)], lives(*NETWORK, *replicas(count, **options)))
        return graph(made)

    def test_replicas_overlap_one_by_one(self):
        """The next new one is made when the one before has taken over."""
        nodes = self.order(3)
        assert nodes["create container-instance/web-0"] == set()
        for number in (1, 2):
            assert nodes[f"create container-instance/web-{number}"] == {
                f"create container-instance/web-{number - 1}",
                f"delete container-instance/web-{number - 1} 1",
            }

    def test_as_many_at_a_time_as_may_be_unavailable(self):
        """Two lanes for two."""
        nodes = self.order(4, max_unavailable=2)
        assert nodes["create container-instance/web-1"] == set()
        assert "delete container-instance/web-0 1" in nodes["create container-instance/web-2"]
        assert "delete container-instance/web-1 1" in nodes["create container-instance/web-3"]

    def test_stop_first_waits_for_the_one_before_to_be_back(self):
        """At least one is always away, and never more than allowed."""
        nodes = self.order(2, overlap=False)
        assert nodes["delete container-instance/web-0 1"] == set()
        assert nodes["delete container-instance/web-1 1"] == {
            "create container-instance/web-0",
            "delete container-instance/web-0 1",
        }

    def test_replicas_on_a_replaced_network_go_together(self):
        """None can come back before all have left the old subnet."""
        wanted = [want("vcn/main", size=2), GATEWAY, TABLE, SUBNET, *replicas(2)]
        nodes = graph(plan(wanted, lives(*NETWORK, *replicas(2))))
        assert nodes["delete container-instance/web-0 1"] == nodes["delete container-instance/web-1 1"] == set()
        assert "delete container-instance/web-1 1" in nodes["delete subnet/main 1"]


class TestDepth:
    """What is started first."""

    def test_the_longest_chain_begins_first(self):
        """Depth counts how many wait in a row."""
        depths = {word(node.id): node.depth for node in nodes_of(plan([*NETWORK, want("topic/ops")]), NEEDS)}
        assert depths == {
            "create vcn/main": 3,
            "create nat-gateway/main": 2,
            "create route-table/main": 1,
            "create subnet/main": 0,
            "create topic/ops": 0,
        }
