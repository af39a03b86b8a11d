"""The operations of a plan, and which of them must end before each begins."""

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
    """Return `count` desired replicas of one instance."""
    rollout = Rollout("web", overlap=overlap, max_unavailable=max_unavailable)
    return [
        want(f"container-instance/web-{number}", size=size, refers=["subnet/main"], rollout=rollout)
        for number in range(count)
    ]


def lives(*wanted, **options):
    return [live(one, **options) for one in wanted]


def planned(wanted, existing=()):
    """Return the plan from `existing` to `wanted`, with the dependencies between kinds given by NEEDS."""
    return plan(wanted, existing, kind_needs=NEEDS)


def graph(made: Plan):
    """Return each operation → the operations that it waits for, as text."""
    return {word(one.id): {word(need) for need in one.needs} for one in made.operations}


def word(operation: OperationId):
    """Return an operation as `create vcn/main`, a deletion with the number of the deleted resource."""
    number = f" {operation.resource_id.rpartition('.')[2]}" if operation.resource_id else ""
    return f"{operation.action} {operation.key}{number}"


def with_steps(*steps, **options):
    """Return a plan that consists of these steps."""
    return Plan(identity=IDENTITY, steps=steps, operations=operations_of("web", steps, {}, NEEDS), **options)


class TestOperations:
    """Which operations a step leads to."""

    def test_an_unchanged_resource_has_no_operation(self):
        """A plan in which everything matches the spec has no operations."""
        assert graph(planned(NETWORK, lives(*NETWORK))) == {}

    def test_a_resource_being_created_is_waited_for(self):
        """A pending resource has a `wait` operation, on which operations that need it depend as on a create."""
        waits = graph(planned([VCN, GATEWAY], lives(VCN, phase=Phase.PENDING)))
        assert waits == {"wait vcn/main": set(), "create nat-gateway/main": {"wait vcn/main"}}

    def test_a_change_in_place_is_one_operation(self):
        """An update, a start and an adoption are one operation each, without a create or a delete."""
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
        """A stop ends when the instance is stopped, a restart when it has restarted."""
        instance = live(want("container-instance/web-0"))
        for action, goal in ((Action.STOP, Goal.STOPPED), (Action.RESTART, Goal.RESTARTED)):
            step = Step(action=action, key=instance.key, live=instance, changes=(Change("state", "is asked for"),))
            (operation,) = with_steps(step).operations
            assert (operation.id.action, operation.goal, operation.live) == (action, goal, instance)

    def test_a_replacement_is_two_operations(self):
        """A replacement is a create, which knows the OCID that it supersedes, and a delete of that resource."""
        made = {one.id.action: one for one in planned([want("vcn/main", size=2)], lives(VCN)).operations}
        assert made[Action.CREATE].live is None
        assert made[Action.DELETE].live == live(VCN)
        assert made[Action.DELETE].id.resource_id == live_id(VCN.key)
        assert made[Action.CREATE].superseded == {live_id(VCN.key)}
        assert [made[action].goal for action in (Action.CREATE, Action.DELETE)] == [Goal.READY, Goal.GONE]

    def test_a_replacing_replica_must_become_healthy(self):
        """A replica with a predecessor has the goal `healthy`; an additional replica has the goal `ready`."""
        made = planned([*NETWORK, *replicas(2, size=2)], lives(*NETWORK, *replicas(1)))
        first, second = (one for one in made.operations if one.id.action is Action.CREATE)
        (old,) = lives(*replicas(1))
        assert (first.goal, first.predecessor) == (Goal.HEALTHY, old)
        assert (second.goal, second.predecessor) == (Goal.READY, None)

    def test_operations_are_in_the_order_of_one_worker(self):
        """Each operation stands after its needs; of several ready ones the longest chain comes first."""
        made = planned([want("topic/ops"), *NETWORK]).operations
        assert [word(one.id) for one in made] == [
            "create vcn/main",
            "create nat-gateway/main",
            "create route-table/main",
            "create subnet/main",
            "create topic/ops",
        ]

    def test_an_operation_prints_as_one_line(self):
        """`str(operation)` names its action, key, goal and needs."""
        create, delete = planned([want("vcn/main", size=2)], lives(VCN)).operations[::-1]
        assert str(delete) == "delete vcn/main ocid1.vcn.main.1, until gone"
        assert str(create) == "create vcn/main, until ready after delete vcn/main ocid1.vcn.main.1"

    def test_operations_of_two_deployments_differ(self):
        """Operations of the same steps in two deployments have different ids."""
        steps = planned([VCN]).steps
        names = {one.id for name in ("web", "api") for one in operations_of(name, steps, {}, NEEDS)}
        assert {name.deployment for name in names} == {"web", "api"}


class TestNeeds:
    """Which operations must end before another begins."""

    def test_resources_are_created_after_their_needs(self):
        """A create waits for the creates of what it refers to, and not for what exists already."""
        assert graph(planned(NETWORK, lives(VCN))) == {
            "create nat-gateway/main": set(),
            "create route-table/main": {"create nat-gateway/main"},
            "create subnet/main": {"create route-table/main"},
        }

    def test_resources_are_deleted_before_their_needs(self):
        """A delete waits for the deletes of the resources that refer to it."""
        steps = removal(IDENTITY, Snapshot(tuple(lives(*NETWORK))), retained={key("vcn/main"): "is shared"})
        assert graph(with_steps(*steps, is_destroy=True)) == {
            "delete subnet/main 1": set(),
            "delete route-table/main 1": {"delete subnet/main 1"},
            "delete nat-gateway/main 1": {"delete route-table/main 1"},
        }

    def test_a_delete_waits_for_updates_that_drop_references(self):
        """A gateway is deleted after the route table has been updated so that it no longer refers to it."""
        table = want("route-table/main", refers=["vcn/main"])
        waits = graph(planned([VCN, table], lives(VCN, GATEWAY, TABLE)))
        assert waits == {
            "update route-table/main": set(),
            "delete nat-gateway/main 1": {"update route-table/main"},
        }

    def test_a_delete_does_not_wait_for_new_resources(self):
        """The delete of a gateway does not wait for a route table that is only now created."""
        table = want("route-table/main", refers=["vcn/main"])
        waits = graph(planned([want("vcn/main", size=2), table], lives(VCN, GATEWAY)))
        assert waits["delete nat-gateway/main 1"] == set()
        assert waits["delete vcn/main 1"] == {"delete nat-gateway/main 1"}

    def test_without_overlap_the_old_resource_is_deleted_first(self):
        """The create of a VCN waits for the delete of the old one, whose address range is in use until then."""
        waits = graph(planned([want("vcn/main", size=2), GATEWAY], lives(VCN, GATEWAY)))
        assert waits == {
            "delete nat-gateway/main 1": set(),
            "delete vcn/main 1": {"delete nat-gateway/main 1"},
            "create vcn/main": {"delete vcn/main 1"},
            "create nat-gateway/main": {"create vcn/main", "delete nat-gateway/main 1"},
        }

    def test_with_overlap_the_new_instance_is_created_first(self):
        """The delete of the old instance waits for the create of the new one."""
        waits = graph(planned([*NETWORK, *replicas(1, size=2)], lives(*NETWORK, *replicas(1))))
        assert waits == {
            "create container-instance/web-0": set(),
            "delete container-instance/web-0 1": {"create container-instance/web-0"},
        }

    def test_the_replacement_of_a_failed_need_is_no_deadlock(self):
        """The delete of a failed log does not wait for the old instance, which stays until the new log is there."""
        log = want("log/app")
        rollout = Rollout("web", overlap=True)
        instance = want("container-instance/web-0", size=2, rollout=rollout)
        existing = [live(log, phase=Phase.FAILED), live(evolve(instance, sections={"size": 1}))]
        waits = graph(planned([log, instance], existing))
        assert waits["delete log/app 1"] == set()


class TestRollout:
    """How many replicas are unavailable at a time."""

    def order(self, count, **options):
        made = planned(
            [*NETWORK, *replicas(count, size=2, **options)], lives(*NETWORK, *replicas(count, **options))
        )
        return graph(made)

    def test_replicas_are_replaced_one_by_one(self):
        """With overlap each replica is created after the one before it is created and that one's old is deleted."""
        waits = self.order(3)
        assert waits["create container-instance/web-0"] == set()
        for number in (1, 2):
            assert waits[f"create container-instance/web-{number}"] == {
                f"create container-instance/web-{number - 1}",
                f"delete container-instance/web-{number - 1} 1",
            }

    def test_max_unavailable_replicas_are_replaced_at_a_time(self):
        """With max_unavailable=2 the third replica waits for the first and the fourth for the second."""
        waits = self.order(4, max_unavailable=2)
        assert waits["create container-instance/web-1"] == set()
        assert "delete container-instance/web-0 1" in waits["create container-instance/web-2"]
        assert "delete container-instance/web-1 1" in waits["create container-instance/web-3"]

    def test_stop_first_waits_for_the_replica_before(self):
        """Without overlap an old replica is deleted after the new replica before it has been created."""
        waits = self.order(2, overlap=False)
        assert waits["delete container-instance/web-0 1"] == set()
        assert waits["delete container-instance/web-1 1"] == {
            "create container-instance/web-0",
            "delete container-instance/web-0 1",
        }

    def test_replicas_on_a_replaced_network_are_deleted_together(self):
        """When the network is replaced no old replica waits for another, and the subnet's delete waits for all."""
        wanted = [want("vcn/main", size=2), GATEWAY, TABLE, SUBNET, *replicas(2)]
        waits = graph(planned(wanted, lives(*NETWORK, *replicas(2))))
        assert waits["delete container-instance/web-0 1"] == waits["delete container-instance/web-1 1"] == set()
        assert "delete container-instance/web-1 1" in waits["delete subnet/main 1"]


class TestDepth:
    """The depth of operations, by which ready ones are ordered."""

    def test_depth_is_the_longest_chain_of_dependents(self):
        """The depth of an operation is the length of the longest chain of operations that wait for it."""
        depths = {word(one.id): one.depth for one in planned([*NETWORK, want("topic/ops")]).operations}
        assert depths == {
            "create vcn/main": 3,
            "create nat-gateway/main": 2,
            "create route-table/main": 1,
            "create subnet/main": 0,
            "create topic/ops": 0,
        }
