"""What a failed rollout goes back to, as values."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.plan.plan import Action
from ocisidecar.plan.roll_back import no_way_back, plan_roll_back, steps_to_undo
from ocisidecar.state.desired import Rollout
from ocisidecar.state.observed import Phase
from tests.plan_values import key, live, live_id, plan, steps_of, want

ROLLOUT = Rollout("web", overlap=True, is_rolled_back=True)
WEB, SURPLUS = "container-instance/web-0", "container-instance/web-9"


def web(size=1, rollout=ROLLOUT, name=WEB):
    return want(name, size=size, rollout=rollout)


OLD, NEW = live(web(1)), live(web(2), number=2)


def back(made, lives):
    """Return the operations that undo a plan of which nothing has ended, as (action, OCID)."""
    steps = steps_to_undo(made, frozenset())
    found = plan_roll_back(made, steps, {key(WEB): lives})
    return [(one.id.action, one.live.id) for one in found.operations] if found is not None else None


class TestWhatIsKept:
    """Which old instances stay until all replicas work."""

    def test_a_replacement_keeps_what_runs(self):
        """What is not FAILED is kept, also what is stopped or being changed."""
        for phase, is_kept in (
            (Phase.READY, True),
            (Phase.STOPPED, True),
            (Phase.PENDING, True),
            (Phase.FAILED, False),
        ):
            (step,) = steps_of([web(2)], [live(web(1), phase=phase)]).values()
            assert (step.action, step.keeps_old) == (Action.REPLACE, is_kept)

    def test_a_rollout_that_was_cut_off_still_keeps_the_old_one(self):
        """With the new instance there and the old one beside it, the old one is kept."""
        (step,) = steps_of([web(2)], [OLD, NEW]).values()
        assert (step.live, step.kept) == (NEW, (OLD,))

    def test_going_back_by_the_old_spec_keeps_nothing(self):
        """What is newer than the wanted instance is not what ran before it."""
        (step,) = steps_of([web(1)], [OLD, NEW]).values()
        assert (step.live, step.old, step.kept) == (OLD, (NEW,), ())

    def test_without_the_setting_nothing_is_kept(self):
        """`keep` deletes each old instance when its own successor works."""
        (step,) = steps_of([web(2, rollout=Rollout("web", overlap=True))], [OLD]).values()
        assert not step.keeps_old

    @pytest.mark.parametrize(
        ("rollout", "replaced", "said"),
        [
            (ROLLOUT, (), ""),
            (None, [key("subnet/main")], ""),
            (evolve(ROLLOUT, is_rolled_back=False), [key("subnet/main")], ""),
            (ROLLOUT, [key("subnet/main")], "the old one is deleted first, because subnet/main is replaced too"),
            (evolve(ROLLOUT, has_fixed_address=True), (), "because its address is fixed"),
        ],
    )
    def test_the_reason_why_there_is_no_way_back(self, rollout, replaced, said):
        """Only where it was asked for, and the old instance has to go first."""
        reason = no_way_back(rollout, replaced)
        assert said in reason
        assert bool(said) == bool(reason)


class TestTheWayBack:
    """The plan that undoes what was changed."""

    def test_new_instances_are_deleted(self):
        """With overlap the old one was never touched."""
        assert back(plan([web(2)], [OLD]), [OLD, NEW]) == [(Action.DELETE, NEW.id)]

    def test_what_was_stopped_is_started(self):
        """Without overlap the old one is started after the new one is gone; if it is still stopping, after that."""
        made = plan([web(2, rollout=evolve(ROLLOUT, overlap=False))], [OLD])
        stopped, stopping = (live(web(1), phase=phase) for phase in (Phase.STOPPED, Phase.PENDING))
        assert back(made, [stopped, NEW]) == [(Action.DELETE, NEW.id), (Action.START, OLD.id)]
        assert back(made, [stopping]) == [(Action.STOP, OLD.id), (Action.START, OLD.id)]

    def test_nothing_changed_is_nothing_to_undo(self):
        """When the rollout has not begun there is no plan."""
        assert back(plan([web(2)], [OLD]), [OLD]) is None

    def test_without_the_old_one_the_new_one_stays(self):
        """If others deleted the old instance meanwhile, there is nothing to go back to."""
        assert back(plan([web(2)], [OLD]), [NEW]) is None

    def test_what_others_made_stays(self):
        """An instance with another content than the wanted one is not of this rollout."""
        other = live(web(3), number=3)
        assert back(plan([web(2)], [OLD]), [OLD, NEW, other]) == [(Action.DELETE, NEW.id)]

    def test_a_rollout_that_is_proven_is_not_undone(self):
        """When all new instances work, a failure in deleting old ones brings nothing back."""
        made = plan([web(2)], [OLD])
        done = {one.id for one in made.operations if one.id.action is Action.CREATE}
        assert steps_to_undo(made, done) == ()

    def test_surplus_replicas_are_deleted_after_the_proof(self):
        """A replica that the change removes is deleted last."""
        made = plan([web(2)], [OLD, live(web(1, name=SURPLUS))])
        (removal,) = (one for one in made.operations if one.id.key == key(SURPLUS))
        assert {str(need) for need in removal.needs} == {f"create {WEB}"}
        assert removal.id.resource_id == live_id(key(SURPLUS))
