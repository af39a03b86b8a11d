"""From the steps of a plan to its operations, and what must end before each of them begins."""

from __future__ import annotations

from attrs import evolve

from ocisidecar.plan.diff import removal
from ocisidecar.plan.operations import operations_of
from ocisidecar.plan.plan import Action, Change, Goal, OperationId, Plan, Step
from ocisidecar.state.desired import Rollout
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


def planned(wanted, existing=()):
    """Return the plan from `existing` to `wanted` where kinds need each other as above."""
    return plan(wanted, existing, kind_needs=NEEDS)


def graph(made: Plan):
    """Return what each operation waits for, in words."""
    return {word(one.id): {word(need) for need in one.needs} for one in made.operations}


def word(operation: OperationId):
    """Return an operation as `create vcn/main`, deletions with the number of what goes."""
    number = f" {operation.resource_id.rpartition('.')[2]}" if operation.resource_id else ""
    return f"{operation.action} {operation.key}{number}"


def with_steps(*steps, **options):
    """Return a plan of these steps."""
    return Plan(identity=IDENTITY, steps=steps, operations=operations_of("web", steps, {}, NEEDS), **options)


class TestOperations:
    """Which operations there are."""

    def test_what_is_as_wanted_has_none(self):
        """A plan that changes nothing makes no request."""
        assert graph(planned(NETWORK, lives(*NETWORK))) == {}

    def test_what_is_in_the_making_is_awaited(self):
        """What comes after it waits for it as for a create."""
        waits = graph(planned([VCN, GATEWAY], lives(VCN, phase=Phase.PENDING)))
        assert waits == {"wait vcn/main": set(), "create nat-gateway/main": {"wait vcn/main"}}

    def test_what_changes_in_place_has_one(self):
        """Updates, starts and adoptions keep the resource."""
        stopped, renamed = want("container-instance/web-0"), want("vcn/main", title="new")
        existing = [*lives(stopped, phase=Phase.STOPPED), *lives(VCN)]
        assert set(graph(planned([stopped, renamed], existing))) == {
            "start container-instance/web-0",
            "update vcn/main",
        }
        adopting = planned([VCN], lives(VCN))
        adopting = with_steps(*(evolve(step, action=Action.ADOPT) for step in adopting.steps))
        assert set(graph(adopting)) == {"adopt vcn/main"}

    def test_stopping_and_restarting_have_operations(self):
        """A deployment's `stop` and `restart` are small plans."""
        instance = live(want("container-instance/web-0"))
        for action, goal in ((Action.STOP, Goal.STOPPED), (Action.RESTART, Goal.RESTARTED)):
            step = Step(action=action, key=instance.key, live=instance, changes=(Change("state", "is asked for"),))
            (operation,) = with_steps(step).operations
            assert (operation.id.action, operation.goal, operation.live) == (action, goal, instance)

    def test_a_replacement_is_two_operations(self):
        """One makes, one removes; each knows its step and what it is about."""
        made = {one.id.action: one for one in planned([want("vcn/main", size=2)], lives(VCN)).operations}
        assert made[Action.CREATE].live is None
        assert made[Action.DELETE].live == live(VCN)
        assert made[Action.DELETE].id.resource_id == live_id(VCN.key)
        assert made[Action.CREATE].superseded == {live_id(VCN.key)}
        assert [made[action].goal for action in (Action.CREATE, Action.DELETE)] == [Goal.READY, Goal.GONE]

    def test_a_replica_that_is_replaced_ends_when_it_is_healthy(self):
        """The old one is its predecessor and serves until then; a new replica only has to become ready."""
        made = planned([*NETWORK, *replicas(2, size=2)], lives(*NETWORK, *replicas(1)))
        first, second = (one for one in made.operations if one.id.action is Action.CREATE)
        (old,) = lives(*replicas(1))
        assert (first.goal, first.predecessor) == (Goal.HEALTHY, old)
        assert (second.goal, second.predecessor) == (Goal.READY, None)

    def test_their_order_is_that_of_a_single_worker(self):
        """Each comes after what it needs, and of several that are ready the one with the longest chain first."""
        made = planned([want("topic/ops"), *NETWORK]).operations
        assert [word(one.id) for one in made] == [
            "create vcn/main",
            "create nat-gateway/main",
            "create route-table/main",
            "create subnet/main",
            "create topic/ops",
        ]

    def test_each_reads_as_a_line(self):
        """An operation names its action, key, goal and needs."""
        create, delete = planned([want("vcn/main", size=2)], lives(VCN)).operations[::-1]
        assert str(delete) == "delete vcn/main ocid1.vcn.main.1, until gone"
        assert str(create) == "create vcn/main, until ready after delete vcn/main ocid1.vcn.main.1"

    def test_operations_of_two_deployments_differ(self):
        """Several plans run side by side."""
        steps = planned([VCN]).steps
        names = {one.id for name in ("web", "api") for one in operations_of(name, steps, {}, NEEDS)}
        assert {name.deployment for name in names} == {"web", "api"}


class TestNeeds:
    """What must be done before."""

    def test_things_are_made_after_what_they_refer_to(self):
        """Existing ones need not be waited for."""
        assert graph(planned(NETWORK, lives(VCN))) == {
            "create nat-gateway/main": set(),
            "create route-table/main": {"create nat-gateway/main"},
            "create subnet/main": {"create route-table/main"},
        }

    def test_things_are_removed_before_what_they_refer_to(self):
        """Destroying is making in reverse."""
        steps = removal(IDENTITY, Snapshot(tuple(lives(*NETWORK))), retained={key("vcn/main"): "is shared"})
        assert graph(with_steps(*steps, is_destroy=True)) == {
            "delete subnet/main 1": set(),
            "delete route-table/main 1": {"delete subnet/main 1"},
            "delete nat-gateway/main 1": {"delete route-table/main 1"},
        }

    def test_what_goes_waits_until_nothing_refers_to_it(self):
        """The gateway goes when the table's rules point elsewhere."""
        table = want("route-table/main", refers=["vcn/main"])
        waits = graph(planned([VCN, table], lives(VCN, GATEWAY, TABLE)))
        assert waits == {
            "update route-table/main": set(),
            "delete nat-gateway/main 1": {"update route-table/main"},
        }

    def test_what_goes_does_not_wait_for_what_never_referred_to_it(self):
        """A public network on another address range becomes a private one without a deadlock."""
        table = want("route-table/main", refers=["vcn/main"])
        waits = graph(planned([want("vcn/main", size=2), table], lives(VCN, GATEWAY)))
        assert waits["delete nat-gateway/main 1"] == set()
        assert waits["delete vcn/main 1"] == {"delete nat-gateway/main 1"}

    def test_without_overlap_the_old_one_goes_first(self):
        """A VCN's address range is taken until it is gone."""
        waits = graph(planned([want("vcn/main", size=2), GATEWAY], lives(VCN, GATEWAY)))
        assert waits == {
            "delete nat-gateway/main 1": set(),
            "delete vcn/main 1": {"delete nat-gateway/main 1"},
            "create vcn/main": {"delete vcn/main 1"},
            "create nat-gateway/main": {"create vcn/main", "delete nat-gateway/main 1"},
        }

    def test_with_overlap_the_new_one_comes_first(self):
        """Nobody is without the instance for a moment."""
        waits = graph(planned([*NETWORK, *replicas(1, size=2)], lives(*NETWORK, *replicas(1))))
        assert waits == {
            "create container-instance/web-0": set(),
            "delete container-instance/web-0 1": {"create container-instance/web-0"},
        }

    def test_a_failed_need_does_not_wait_for_an_instance_that_waits_for_it(self):
        """The old instance stays until the new one is there, which needs the log first."""
        log = want("log/app")
        rollout = Rollout("web", overlap=True)
        instance = want("container-instance/web-0", size=2, rollout=rollout)
        existing = [live(log, phase=Phase.FAILED), live(evolve(instance, sections={"size": 1}))]
        waits = graph(planned([log, instance], existing))
        assert waits["delete log/app 1"] == set()


class TestRollout:
    """How many replicas are away at a time."""

    def order(self, count, **options):
        made = planned(
            [*NETWORK, *replicas(count, size=2, **options)], lives(*NETWORK, *replicas(count, **options))
        )
        return graph(made)

    def test_replicas_overlap_one_by_one(self):
        """The next new one is made when the one before has taken over."""
        waits = self.order(3)
        assert waits["create container-instance/web-0"] == set()
        for number in (1, 2):
            assert waits[f"create container-instance/web-{number}"] == {
                f"create container-instance/web-{number - 1}",
                f"delete container-instance/web-{number - 1} 1",
            }

    def test_as_many_at_a_time_as_may_be_unavailable(self):
        """Two lanes for two."""
        waits = self.order(4, max_unavailable=2)
        assert waits["create container-instance/web-1"] == set()
        assert "delete container-instance/web-0 1" in waits["create container-instance/web-2"]
        assert "delete container-instance/web-1 1" in waits["create container-instance/web-3"]

    def test_stop_first_waits_for_the_one_before_to_be_back(self):
        """At least one is always away, and never more than allowed."""
        waits = self.order(2, overlap=False)
        assert waits["delete container-instance/web-0 1"] == set()
        assert waits["delete container-instance/web-1 1"] == {
            "create container-instance/web-0",
            "delete container-instance/web-0 1",
        }

    def test_replicas_on_a_replaced_network_go_together(self):
        """None can come back before all have left the old subnet."""
        wanted = [want("vcn/main", size=2), GATEWAY, TABLE, SUBNET, *replicas(2)]
        waits = graph(planned(wanted, lives(*NETWORK, *replicas(2))))
        assert waits["delete container-instance/web-0 1"] == waits["delete container-instance/web-1 1"] == set()
        assert "delete container-instance/web-1 1" in waits["delete subnet/main 1"]


class TestDepth:
    """What is started first."""

    def test_the_longest_chain_begins_first(self):
        """Depth counts how many wait in a row."""
        depths = {word(one.id): one.depth for one in planned([*NETWORK, want("topic/ops")]).operations}
        assert depths == {
            "create vcn/main": 3,
            "create nat-gateway/main": 2,
            "create route-table/main": 1,
            "create subnet/main": 0,
            "create topic/ops": 0,
        }
