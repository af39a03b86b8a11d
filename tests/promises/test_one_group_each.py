"""Each instance admits exactly its own ports, also where an earlier version made one group for all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import define, evolve, field

from ocisidecar import Action, DeploymentSpec, InstanceSpec, NetworkSpec, Port
from ocisidecar.emulator import Emulator
from tests.former import GROUP, former_plan
from tests.power_loss import ONE_REQUEST_AT_A_TIME, cuts, provisioner, run_with_fuse
from tests.promises.test_crash_safety import emulator, requests_of
from tests.reachability import admitted, let_out

IMAGE = "docker.io/acme/web:1"
FRONT = InstanceSpec("front", image_url=IMAGE, ports=[Port(80, sources=["0.0.0.0/0"])], replicas=2)
ADMIN = InstanceSpec("main", image_url=IMAGE, ports=[80, Port(53, protocol="udp")])
WATCH = InstanceSpec("watch", image_url=IMAGE, ports=[Port(9090, sources=["203.0.113.0/24", "vcn"])])
SPEC = DeploymentSpec("shop", [FRONT, ADMIN, WATCH], network=NetworkSpec.public())
OWN = {
    "front-0": {("6", 80, 80, "0.0.0.0/0")},
    "front-1": {("6", 80, 80, "0.0.0.0/0")},
    "main-0": {("6", 80, 80, "10.0.0.0/16"), ("17", 53, 53, "10.0.0.0/16")},
    "watch-0": {("6", 9090, 9090, "10.0.0.0/16"), ("6", 9090, 9090, "203.0.113.0/24")},
}
EVERYTHING_OUT = ("all", 1, 65535, "0.0.0.0/0")
INSTANCES = [f"container-instance/{name}" for name in OWN]
GROUPS = [f"network-security-group/{name}" for name in ("front", "main.instance", "watch")]


def make_formerly(one, spec=SPEC):
    """Deploy as an earlier version did."""
    one.apply(former_plan(one, spec), wait="ready")


def migrate(one, spec=SPEC):
    one.apply(spec, wait="ready")


def instances_of(cloud: Emulator) -> list[str]:
    return sorted(cloud.live()["container-instance"])


@define
class Watchdog:
    """Lets requests pass, and notes which ports, or the way out, one of them closed though they must stay open."""

    cloud: Emulator
    needed: dict[str, set]
    gaps: list[object] = field(factory=list)

    def send(self, forward: Callable[[], object]) -> object:
        answer = forward()
        now = admitted(self.cloud)
        self.gaps += [(name, opening) for name, wanted in self.needed.items() for opening in wanted - now[name]]
        self.gaps += [name for name, ways in let_out(self.cloud).items() if EVERYTHING_OUT not in ways]
        return answer


def test_an_instance_admits_its_own_ports_only():
    """The public port of one instance opens nothing on another one of the same deployment."""
    with emulator() as cloud, provisioner(cloud) as one:
        one.apply(SPEC, wait="ready")
        assert admitted(cloud) == OWN
        assert not one.plan(SPEC).changes


def test_formerly_all_ports_were_open_on_all_instances():
    """What the following tests begin with has one group, which opens the ports of all instances on each."""
    with emulator() as cloud, provisioner(cloud) as one:
        make_formerly(one)
        assert set(admitted(cloud).values()) == {frozenset().union(*OWN.values())}
        assert len(cloud.live()["network-security-group"]) == 1


class TestMigration:
    """A deployment with one group for all becomes one with a group for each instance."""

    def test_the_plan_changes_vnics_in_place(self):
        """New groups are created, the VNICs of all instances change in place, and the old group is deleted last."""
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            before = instances_of(cloud)
            plan = one.plan(SPEC)
            assert {str(step.key): step.action for step in plan.changes} == {
                **dict.fromkeys(GROUPS, Action.CREATE),
                **dict.fromkeys(INSTANCES, Action.UPDATE),
                str(GROUP): Action.DELETE,
            }
            names = [str(operation.id) for operation in plan.operations]
            assert max(names.index(f"create {name}") for name in GROUPS) < names.index(f"update {INSTANCES[0]}")
            (delete,) = [one for one in plan.operations if one.id.action is Action.DELETE]
            assert {f"update {name}" for name in INSTANCES} <= {str(need) for need in delete.needs}
            migrate(one)
            assert (admitted(cloud), instances_of(cloud)) == (OWN, before)
            assert not one.plan(SPEC).changes

    def test_the_plan_says_what_closes(self):
        """For each instance the plan names what only the ports of others opened on it; the next plan does not."""
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            told = [warning for warning in one.plan(SPEC).warnings if "is closed now" in warning]
            assert [warning.partition(":")[0] for warning in told] == [
                f'instances["{name}"].ports' for name in ("front", "main", "watch")
            ]
            assert "ports: tcp 80 from 10.0.0.0/16, tcp 9090 from 10.0.0.0/16" not in told[0]
            assert "tcp 80 from 0.0.0.0/0 (the internet), tcp 9090 from 10.0.0.0/16" in told[1]
            migrate(one)
            assert "is closed now" not in str(one.plan(SPEC).warnings)

    @pytest.mark.parametrize("workers", [1, 16])
    def test_no_port_is_closed_meanwhile(self, workers):
        """After each request each instance admits all that it admits before and after the migration."""
        with emulator() as cloud:
            with provisioner(cloud) as one:
                make_formerly(one)
            dog = Watchdog(cloud, OWN)
            limits = evolve(ONE_REQUEST_AT_A_TIME, max_workers=workers)
            with provisioner(cloud, dog, limits=limits) as one:
                migrate(one)
            assert dog.gaps == []

    @pytest.mark.parametrize("commits_last", [False, True], ids=["before sending", "after commit"])
    def test_a_cut_migration_converges(self, commits_last):
        """Cut at any request and run again, the migration ends, and no port was closed in between."""
        total = requests_of(make_formerly, migrate)
        for whole in cuts(0, total, at_most=6):
            with emulator() as cloud:
                with provisioner(cloud) as one:
                    make_formerly(one)
                run_with_fuse(cloud, migrate, whole, commits_last=commits_last)
                dog = Watchdog(cloud, OWN)
                with provisioner(cloud, dog) as one:
                    migrate(one)
                    assert (admitted(cloud), dog.gaps) == (OWN, []), f"cut at request {whole} of {total}"
                    assert not one.plan(SPEC).changes

    def test_an_instance_that_is_stopped_is_migrated_too(self):
        """A stopped instance is started and moved to its group before the old group is deleted."""
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            one.get("shop").stop()
            migrate(one)
            assert admitted(cloud) == OWN
            assert not one.plan(SPEC).changes

    def test_replaced_and_removed_instances(self):
        """A new image and a removed instance at the same time: the old group goes after the last of its VNICs."""
        changed = evolve(SPEC, instances=[evolve(FRONT, image_url=f"{IMAGE}.1"), ADMIN])
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            migrate(one, changed)
            assert admitted(cloud) == {name: OWN[name] for name in ("front-0", "front-1", "main-0")}
            assert not one.plan(changed).changes

    def test_in_a_shared_network(self):
        """A deployment in the network of another one is migrated by itself, and so is the other one."""
        guest = DeploymentSpec("guest", [evolve(WATCH, name="guest")], network=NetworkSpec.of("shop"))
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            make_formerly(one, guest)
            for spec in (guest, SPEC):
                migrate(one, spec)
                assert not one.plan(spec).changes
            assert admitted(cloud) == {**OWN, "guest-0": OWN["watch-0"]}

    def test_a_deployment_is_destroyed_without_a_migration(self):
        """Destroy removes what an earlier version made."""
        with emulator() as cloud, provisioner(cloud) as one:
            make_formerly(one)
            one.destroy("shop", purge=True)
            assert cloud.live() == {}


def test_a_removed_instance_takes_its_group_along():
    """The group of an instance that the spec no longer has is deleted after the instance."""
    with emulator() as cloud, provisioner(cloud) as one:
        one.apply(SPEC, wait="ready")
        less = SPEC.without_instance("watch")
        plan = one.plan(less)
        removed = ("container-instance/watch-0", "network-security-group/watch")
        assert {str(step.key): step.action for step in plan.changes} == dict.fromkeys(removed, Action.DELETE)
        assert [str(operation.id.key) for operation in plan.operations] == list(removed)
        one.apply(less, wait="ready")
        assert admitted(cloud) == {name: opened for name, opened in OWN.items() if name != "watch-0"}
