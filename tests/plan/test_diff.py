"""The steps from live to desired resources."""

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
    """Return a desired instance that is replaced with overlap."""
    return want("container-instance/web-0", **{"refers": ["subnet/main"], "rollout": OVERLAP, **options})


def only(wanted, *existing):
    """Return the one step for one desired resource."""
    return steps_of([wanted], existing)[str(wanted.key)]


class TestSteps:
    """The step for one key."""

    def test_a_missing_resource_is_created(self):
        """A create names its reason and needs the keys that the resource refers to."""
        step = only(SUBNET)
        assert (step.action, step.reason) == (Action.CREATE, "subnet does not exist yet")
        assert step.needs == {key("vcn/main"), key("route-table/main")}

    def test_a_resource_that_matches_the_spec_is_unchanged(self):
        """A live resource that matches the spec has a no-op step with that reason."""
        step = only(VCN, live(VCN))
        assert (step.action, step.reason, step.is_write) == (Action.NOOP, "everything matches the spec", False)
        assert step.live == live(VCN)

    def test_a_resource_being_created_is_waited_for(self):
        """A pending resource has a `wait` step that counts as a change, because a failure leads to a create."""
        step = only(VCN, live(VCN, phase=Phase.PENDING))
        assert (step.action, step.is_write, step.old) == (Action.WAIT, True, ())
        assert step.reason == "lifecycleState is CREATING; apply waits, and creates it again if it fails"

    def test_a_resource_being_deleted_is_created_again(self):
        """A resource that is being deleted counts as missing, but its create waits until it is gone."""
        going = live(VCN, phase=Phase.GOING)
        step = only(VCN, going)
        assert (step.action, step.old, step.has_downtime) == (Action.CREATE, (going,), True)
        assert step.reason == "vcn is being deleted; apply waits for that, and creates it again"

    def test_a_mutable_field_is_updated_in_place(self):
        """A differing mutable field gives an update that shows the value before and after."""
        step = only(want("vcn/main", title="new"), live(VCN))
        assert (step.action, step.changed_fields) == (Action.UPDATE, {"title"})
        assert step.reason == "title differs: title → new"

    def test_drift_of_a_mutable_field_is_an_update(self):
        """A mutable field that was cleared by others is updated to the desired value."""
        step = only(VCN, live(VCN, shows={"title": None}))
        assert (step.action, step.reason) == (Action.UPDATE, "title differs: – → title")

    def test_long_values_are_shortened(self):
        """Values in a change have at most 500 characters; a shortened one ends with an ellipsis."""
        step = only(want("vcn/main", title="x" * 1000), live(VCN, shows={"title": ["y" * 500]}))
        assert [len(change.before) for change in step.changes] == [500]
        assert step.changes[0].before.startswith('["yyy')
        assert step.changes[0].after.endswith("x…")

    def test_a_hidden_field_is_compared_by_hash(self):
        """A hidden field that differs gives an update that names the field and shows no value."""
        step = only(want("alarm/cpu", secret="b"), live(want("alarm/cpu", secret="a")))
        assert (step.action, step.changed_fields, step.reason) == (Action.UPDATE, {"secret"}, "secret differs")

    def test_an_edited_tag_of_ours_is_restored(self):
        """A tag of ours that was edited by hand gives an update of the free-form tags."""
        step = only(VCN, live(VCN, tags={"ocisidecar-parts": "size=00000000"}))
        assert (step.action, step.changed_fields) == (Action.UPDATE, {"freeformTags"})

    def test_tags_of_others_are_no_difference(self):
        """A tag that others added to a resource gives a no-op step."""
        assert only(VCN, live(VCN, tags={"team": "blue"})).action is Action.NOOP

    def test_a_changed_mutable_reference_is_updated(self):
        """A subnet that was given another route table by hand is updated to refer to ours."""
        steps = steps_of(NETWORK, [live(VCN), live(TABLE), live(SUBNET, shows={"uses": ["ocid1.other"]})])
        assert steps["subnet/main"].changed_fields == {"uses"}

    def test_a_changed_section_replaces_the_resource(self):
        """A differing section gives a replacement that shows its values, with a downtime without a rollout."""
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
    def test_a_known_section_is_compared_part_by_part(self, known, changes):
        """A known section lists the parts that differ; an unknown or equal one is named as a whole."""
        before = evolve(live(VCN), known=known)
        wanted = evolve(VCN, sections={**VCN.sections, "size": {"a": 2, "c": 3}})
        assert list(map(str, only(wanted, before).changes)) == changes

    def test_a_differing_digest_alone_replaces_the_resource(self):
        """A digest that differs while all sections agree gives a replacement because the content changed."""
        step = only(VCN, live(VCN, tags={"ocisidecar-digest": "other"}))
        assert (step.action, step.reason) == (Action.REPLACE, "content changed")

    @pytest.mark.parametrize(("rollout", "has_downtime"), [(OVERLAP, False), (STOP_FIRST, True)])
    def test_an_instance_is_replaced_as_its_rollout_says(self, rollout, has_downtime):
        """A replacement has a downtime exactly when the rollout has no overlap."""
        step = only(web(size=2, rollout=rollout), live(web()))
        assert (step.action, step.has_downtime) == (Action.REPLACE, has_downtime)

    def test_a_failed_resource_is_replaced(self):
        """A failed resource is replaced although its digest matches the spec."""
        step = only(VCN, live(VCN, phase=Phase.FAILED))
        assert (step.action, step.reason) == (Action.REPLACE, "lifecycleState is FAILED")

    def test_a_failed_resource_is_pruned_beside_a_good_one(self):
        """A failed instance beside one that matches the spec is deleted, and nothing is created."""
        failed, good = live(web(), phase=Phase.FAILED), live(web(), number=2)
        step = only(web(), failed, good)
        assert (step.action, step.live, step.old) == (Action.PRUNE, good, (failed,))
        assert step.is_write

    def test_a_stopped_instance_is_started(self):
        """A stopped instance is started, and mutable fields that differ are updated by the same step."""
        step = only(web(title="new"), live(web(), phase=Phase.STOPPED))
        assert (step.action, step.changed_fields) == (Action.START, {"title"})
        assert step.reason == "lifecycleState is INACTIVE; title differs: title → new"

    def test_the_oldest_of_equal_instances_is_kept(self):
        """Of two instances that match the spec the older one is kept, whatever the order of the list."""
        first, second = live(web()), live(web(), number=2)
        step = only(web(), second, first)
        assert (step.action, step.live, step.old) == (Action.PRUNE, first, (second,))
        assert step.reason == "container-instance exists 2 times; the extra ones are deleted"

    def test_an_interrupted_replacement_keeps_the_new_instance(self):
        """After an interrupted replacement the old instance is deleted and the new one kept."""
        old, new = live(web()), live(web(size=2), number=2)
        step = only(web(size=2), old, new)
        assert (step.action, step.live, step.old) == (Action.PRUNE, new, (old,))

    def test_two_matching_networks_are_ambiguous(self):
        """Two VCNs that match the spec raise AmbiguousResource with both OCIDs."""
        with pytest.raises(
            AmbiguousResource, match=r"vcn/main exists 2 times \(ocid1.vcn.main.1, ocid1.vcn.main.2"
        ):
            only(VCN, live(VCN), live(VCN, number=2))


class TestDiff:
    """The steps for all keys together."""

    def test_steps_come_after_what_they_need(self):
        """A step stands after those that it needs, whatever the order of the spec."""
        assert list(steps_of(reversed(NETWORK))) == ["vcn/main", "route-table/main", "subnet/main"]

    def test_a_key_that_left_the_spec_is_deleted(self):
        """All live resources of a key that is not in the spec are deleted by one step."""
        steps = steps_of([VCN], [live(VCN), live(TABLE), live(TABLE, number=2)])
        assert actions(steps) == {"vcn/main": Action.NOOP, "route-table/main": Action.DELETE}
        assert steps["route-table/main"].old == (live(TABLE), live(TABLE, number=2))
        assert steps["route-table/main"].reason == "route-table is no longer in the spec"

    def test_a_retained_key_is_kept(self):
        """A retained key that is not in the spec has a no-op step with the reason."""
        group = live(want("log-group/main"))
        step = steps_of([], [group], retained=["log-group/main"])["log-group/main"]
        assert (step.action, step.live, step.reason) == (Action.NOOP, group, "kept holds data")

    def test_dependents_of_a_replaced_resource_are_replaced(self):
        """What refers immutably to a replaced resource is replaced too, for that reason and with a downtime."""
        wanted = [want("vcn/main", size=2), TABLE, SUBNET, web()]
        steps = steps_of(wanted, [live(VCN), live(TABLE), live(SUBNET), live(web())])
        assert set(actions(steps).values()) == {Action.REPLACE}
        assert steps["container-instance/web-0"].reason == "subnet/main is replaced"
        assert steps["container-instance/web-0"].has_downtime

    def test_a_mutable_reference_to_a_new_resource_is_updated(self):
        """A mutable reference to a replaced resource is updated; the plan shows the key in place of the OCID."""
        alarm = want("alarm/cpu", refers_mutably=["topic/ops"])
        steps = steps_of([want("topic/ops", size=2), alarm], [live(want("topic/ops")), live(alarm)])
        assert actions(steps) == {"topic/ops": Action.REPLACE, "alarm/cpu": Action.UPDATE}
        assert steps["alarm/cpu"].changes[0].after == "<topic/ops.id>"

    def test_shared_references_resolve_in_their_deployment(self):
        """A shared reference resolves to the OCID in its deployment, or to its key where that lacks it."""
        subnet = want("subnet/main", refers_mutably=["platform:route-table/main"])
        shared = live(TABLE, identity=IDENTITY.sibling("platform"))
        assert only(subnet, live(subnet), shared).action is Action.NOOP
        assert only(subnet, live(subnet)).changes[0].after == "<platform:route-table/main.id>"

    def test_resources_of_other_deployments_are_not_touched(self):
        """A live resource of another deployment has no step."""
        assert steps_of([], [live(VCN, identity=IDENTITY.sibling("api"))]) == {}


class TestRemoval:
    """The steps that destroy a deployment."""

    def test_everything_but_retained_keys_is_deleted(self):
        """Every key is deleted but the retained ones, whose step shows the reason for keeping them."""
        snapshot = Snapshot((live(VCN), live(want("log-group/main"))))
        vcn, group = sorted(
            removal(IDENTITY, snapshot, retained={key("log-group/main"): "holds log lines"}),
            key=lambda step: step.action,
        )
        assert (vcn.action, vcn.old) == (Action.DELETE, (live(VCN),))
        assert (group.action, group.reason) == (Action.NOOP, "kept holds log lines")

    def test_a_missing_deployment_has_no_steps(self):
        """Removing a deployment that does not exist gives no steps and no error."""
        assert removal(IDENTITY, Snapshot(), retained={}) == ()
