"""From what is wanted and what is live to steps."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.errors import AmbiguousResource
from ocisidecar.plan.diff import removal
from ocisidecar.plan.plan import Action
from ocisidecar.state.desired import Rollout
from ocisidecar.state.observed import Phase, Snapshot
from tests.plan_values import IDENTITY, actions, key, live, steps_of, want

VCN = want("vcn/main")
SUBNET = want("subnet/main", refers=["vcn/main"], refers_mutably=["route-table/main"])
TABLE = want("route-table/main", refers=["vcn/main"])
NETWORK = [VCN, TABLE, SUBNET]
OVERLAP = Rollout("web", overlap=True)
STOP_FIRST = Rollout("web", overlap=False)


def web(**options):
    """Return a wanted instance that is replaced with overlap."""
    return want("container-instance/web-0", **{"refers": ["subnet/main"], "rollout": OVERLAP, **options})


def only(wanted, *existing):
    """Return the one step for one wanted resource."""
    return steps_of([wanted], existing)[str(wanted.key)]


class TestSteps:
    """One key."""

    def test_what_does_not_exist_is_created(self):
        """With the reason, and after what it refers to."""
        step = only(SUBNET)
        assert (step.action, step.reason) == (Action.CREATE, "subnet does not exist yet")
        assert step.needs == {key("vcn/main"), key("route-table/main")}

    def test_what_is_as_wanted_is_left_alone(self):
        """Doing nothing has a reason as well."""
        step = only(VCN, live(VCN))
        assert (step.action, step.reason, step.is_write) == (Action.NOOP, "everything matches the spec", False)
        assert step.live == live(VCN)

    def test_what_is_being_made_is_waited_for_not_doubled(self):
        """The step says so, and counts as a change: should the resource fail, it is created again."""
        step = only(VCN, live(VCN, phase=Phase.PENDING))
        assert (step.action, step.is_write, step.old) == (Action.WAIT, True, ())
        assert step.reason == "lifecycleState is CREATING; apply waits, and creates it again if it fails"

    def test_what_is_going_is_made_anew(self):
        """A resource that is being deleted is as good as gone."""
        assert only(VCN, live(VCN, phase=Phase.GOING)).action is Action.CREATE

    def test_a_field_that_can_change_in_place_is_updated(self):
        """The plan shows the value before and after."""
        step = only(want("vcn/main", title="new"), live(VCN))
        assert (step.action, step.changed_fields) == (Action.UPDATE, {"title"})
        assert step.reason == "title differs: title → new"

    def test_a_field_that_others_changed_is_changed_back(self):
        """Drift is seen by comparing what is live."""
        step = only(VCN, live(VCN, shows={"title": None}))
        assert (step.action, step.reason) == (Action.UPDATE, "title differs: – → title")

    def test_long_values_are_shortened(self):
        """A plan stays readable, whatever a field holds."""
        step = only(want("vcn/main", title="x" * 1000), live(VCN, shows={"title": ["y" * 500]}))
        assert [len(change.before) for change in step.changes] == [500]
        assert step.changes[0].before.startswith('["yyy')
        assert step.changes[0].after.endswith("x…")

    def test_a_field_that_no_list_shows_is_compared_by_hash(self):
        """Its values are not shown: they may be long or nobody's business."""
        step = only(want("alarm/cpu", secret="b"), live(want("alarm/cpu", secret="a")))
        assert (step.action, step.changed_fields, step.reason) == (Action.UPDATE, {"secret"}, "secret differs")

    def test_our_tags_are_put_back(self):
        """A tag that was edited by hand would hide the resource from the next run."""
        step = only(VCN, live(VCN, tags={"ocisidecar-parts": "size=00000000"}))
        assert (step.action, step.changed_fields) == (Action.UPDATE, {"freeformTags"})

    def test_tags_of_others_are_no_difference(self):
        """Tag defaults and users' own tags stay."""
        assert only(VCN, live(VCN, tags={"team": "blue"})).action is Action.NOOP

    def test_a_reference_that_moved_is_updated(self):
        """A subnet whose route table was exchanged by hand gets ours back."""
        steps = steps_of(NETWORK, [live(VCN), live(TABLE), live(SUBNET, shows={"uses": ["ocid1.other"]})])
        assert steps["subnet/main"].changed_fields == {"uses"}

    def test_what_cannot_change_in_place_is_replaced(self):
        """What changed is the reason, as far as it is shown; a kind that cannot exist twice has a downtime."""
        step = only(want("vcn/main", size=2), live(VCN))
        assert (step.action, step.reason, step.has_downtime) == (Action.REPLACE, "size changed: 1 → 2", True)
        assert (step.live, step.old) == (None, (live(VCN),))

    @pytest.mark.parametrize(
        ("known", "changes"),
        [
            ({"size": {"a": 1, "b": 1}}, ["a changed: 1 → 2", "b changed: 1 → –", "c changed: – → 3"]),
            ({"size": {"a": 2, "c": 3}}, ["size changed"]),
            ({"size": 7}, ["size changed"]),
            ({}, ["size changed"]),
        ],
    )
    def test_a_section_is_told_part_by_part_where_it_is_known(self, known, changes):
        """What is not known, or looks the same, is told by the section's name."""
        before = evolve(live(VCN), known=known)
        wanted = evolve(VCN, sections={**VCN.sections, "size": {"a": 2, "c": 3}})
        assert list(map(str, only(wanted, before).changes)) == changes

    def test_a_digest_that_differs_alone_is_a_reason(self):
        """A digest edited by hand, or of a version that hashed otherwise: the content counts as changed."""
        step = only(VCN, live(VCN, tags={"ocisidecar-digest": "other"}))
        assert (step.action, step.reason) == (Action.REPLACE, "content changed")

    @pytest.mark.parametrize(("rollout", "has_downtime"), [(OVERLAP, False), (STOP_FIRST, True)])
    def test_an_instance_is_replaced_as_its_rollout_says(self, rollout, has_downtime):
        """With overlap nothing is missing; with a fixed address the old one goes first."""
        step = only(web(size=2, rollout=rollout), live(web()))
        assert (step.action, step.has_downtime) == (Action.REPLACE, has_downtime)

    def test_what_failed_is_replaced(self):
        """Even though it was made of what is wanted."""
        step = only(VCN, live(VCN, phase=Phase.FAILED))
        assert (step.action, step.reason) == (Action.REPLACE, "lifecycleState is FAILED")

    def test_what_failed_goes_when_another_stands(self):
        """Nothing has to be made anew."""
        failed, good = live(web(), phase=Phase.FAILED), live(web(), number=2)
        step = only(web(), failed, good)
        assert (step.action, step.live, step.old) == (Action.PRUNE, good, (failed,))
        assert step.is_write

    def test_what_is_stopped_is_started(self):
        """An apply brings about a running deployment."""
        step = only(web(title="new"), live(web(), phase=Phase.STOPPED))
        assert (step.action, step.changed_fields) == (Action.START, {"title"})
        assert step.reason == "lifecycleState is INACTIVE; title differs: title → new"

    def test_of_several_equal_instances_the_oldest_stays(self):
        """Runs at the same time may have made two; every run picks the same."""
        first, second = live(web()), live(web(), number=2)
        step = only(web(), second, first)
        assert (step.action, step.live, step.old) == (Action.PRUNE, first, (second,))
        assert step.reason == "container-instance exists 2 times; the extra ones are deleted"

    def test_after_a_replacement_that_was_cut_off_the_new_one_stays(self):
        """The old one goes, the new one is not made again."""
        old, new = live(web()), live(web(size=2), number=2)
        step = only(web(size=2), old, new)
        assert (step.action, step.live, step.old) == (Action.PRUNE, new, (old,))

    def test_two_networks_are_nobodys_guess(self):
        """Which VCN the rest stands in cannot be told, so a person decides."""
        with pytest.raises(
            AmbiguousResource, match=r"vcn/main exists 2 times \(ocid1.vcn.main.1, ocid1.vcn.main.2"
        ):
            only(VCN, live(VCN), live(VCN, number=2))


class TestDiff:
    """All keys together."""

    def test_steps_come_after_what_they_need(self):
        """Whatever the order of the spec."""
        assert list(steps_of(reversed(NETWORK))) == ["vcn/main", "route-table/main", "subnet/main"]

    def test_what_is_no_longer_wanted_goes(self):
        """All of its kind and name."""
        steps = steps_of([VCN], [live(VCN), live(TABLE), live(TABLE, number=2)])
        assert actions(steps) == {"vcn/main": Action.NOOP, "route-table/main": Action.DELETE}
        assert steps["route-table/main"].old == (live(TABLE), live(TABLE, number=2))
        assert steps["route-table/main"].reason == "route-table is no longer in the spec"

    def test_what_is_retained_stays(self):
        """A log group is not dropped because the spec no longer asks for one."""
        group = live(want("log-group/main"))
        step = steps_of([], [group], retained=["log-group/main"])["log-group/main"]
        assert (step.action, step.live, step.reason) == (Action.NOOP, group, "kept holds data")

    def test_what_stands_on_a_replaced_resource_is_replaced(self):
        """The reason names it, and there is a downtime: both cannot stand on the same ground."""
        wanted = [want("vcn/main", size=2), TABLE, SUBNET, web()]
        steps = steps_of(wanted, [live(VCN), live(TABLE), live(SUBNET), live(web())])
        assert set(actions(steps).values()) == {Action.REPLACE}
        assert steps["container-instance/web-0"].reason == "subnet/main is replaced"
        assert steps["container-instance/web-0"].has_downtime

    def test_a_mutable_reference_to_a_replaced_resource_is_updated(self):
        """The plan shows the key where there is no OCID yet."""
        alarm = want("alarm/cpu", refers_mutably=["topic/ops"])
        steps = steps_of([want("topic/ops", size=2), alarm], [live(want("topic/ops")), live(alarm)])
        assert actions(steps) == {"topic/ops": Action.REPLACE, "alarm/cpu": Action.UPDATE}
        assert steps["alarm/cpu"].changes[0].after == "<topic/ops.id>"

    def test_references_to_shared_resources_are_looked_up_in_their_deployment(self):
        """The subnet's table is the platform's; where the platform has none the key stands for it."""
        subnet = want("subnet/main", refers_mutably=["platform:route-table/main"])
        shared = live(TABLE, identity=IDENTITY.sibling("platform"))
        assert only(subnet, live(subnet), shared).action is Action.NOOP
        assert only(subnet, live(subnet)).changes[0].after == "<platform:route-table/main.id>"

    def test_resources_of_other_deployments_are_not_touched(self):
        """Two deployments in one compartment do not see each other."""
        assert steps_of([], [live(VCN, identity=IDENTITY.sibling("api"))]) == {}


class TestRemoval:
    """Taking a deployment down."""

    def test_everything_goes_except_what_is_retained(self):
        """With the reason for keeping."""
        snapshot = Snapshot((live(VCN), live(want("log-group/main"))))
        vcn, group = sorted(
            removal(IDENTITY, snapshot, retained={key("log-group/main"): "holds log lines"}),
            key=lambda step: step.action,
        )
        assert (vcn.action, vcn.old) == (Action.DELETE, (live(VCN),))
        assert (group.action, group.reason) == (Action.NOOP, "kept holds log lines")

    def test_nothing_is_no_error(self):
        """A deployment that does not exist has no steps."""
        assert removal(IDENTITY, Snapshot(), retained={}) == ()
