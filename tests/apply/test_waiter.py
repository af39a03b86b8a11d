"""What is watched, when to look next, and what a look shows."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar.apply.waiter import Waiter, WaitStatus, Watch, interval, poll
from ocisidecar.plan.plan import Action, Goal, OperationId
from ocisidecar.resources.capabilities import HasWorkRequests, HealthChecked
from ocisidecar.resources.kind import Site
from ocisidecar.state.observed import Live, Phase
from tests.plan_values import IDENTITY, STATES, key

SITE = Site(IDENTITY, "eu-frankfurt-1")
STATES_AND_GONE = {**STATES, Phase.GONE: "DELETED"}


class Told(HasWorkRequests, HealthChecked):
    """A kind whose service says what the test tells it to say; counts what it is asked."""

    name = "subnet"

    def __init__(self, *listed, got=None, work=Phase.PENDING, is_healthy=True):
        self.listed = listed
        self.got = got
        self.outcome = work
        self.health = is_healthy
        self.asked = []

    def desire(self, *_):
        return ()

    def address(self, *_):
        return "127.0.0.1"

    def list_live(self, *_):
        self.asked.append("list")
        return self.listed

    def get(self, *_):
        self.asked.append("get")
        return self.got

    def work_phase(self, *_):
        self.asked.append("work")
        return self.outcome

    def failure(self, *_):
        return ("InternalError: no room",)

    def is_healthy(self, *_):
        self.asked.append("health")
        return self.health


class Other(Told):
    """Another kind, with a list of its own."""

    name = "vcn"


class At:
    """A caller that only tells the time."""

    def __init__(self, clock):
        self.clock = clock


def live(phase, *, number=1, name="subnet/main", deployment="web"):
    return Live(key(name), deployment, f"ocid1.{number}", STATES_AND_GONE[phase], phase, {})


def watch(kind, *, goal=Goal.READY, number=1, live_id=None, since=0.0, **options):
    operation = OperationId("web", key(f"subnet/{number}" if number > 1 else "subnet/main"), Action.CREATE)
    identity = f"ocid1.{number}" if live_id is None else live_id
    return Watch(operation, kind, SITE, goal, identity, since, 600.0, **options)


@pytest.fixture
def observation(clock):
    """Looks at one watch and returns what was seen."""

    def observation(watched):
        (seen,) = poll([watched], At(clock))
        return seen

    return observation


class TestLook:
    """What one look shows."""

    @pytest.mark.parametrize(
        ("goal", "phase", "status"),
        [
            (Goal.READY, Phase.READY, WaitStatus.REACHED),
            (Goal.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.READY, Phase.STOPPED, WaitStatus.PENDING),
            (Goal.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.READY, Phase.GOING, WaitStatus.DISAPPEARED),
            (Goal.READY, Phase.GONE, WaitStatus.DISAPPEARED),
            (Goal.STOPPED, Phase.STOPPED, WaitStatus.REACHED),
            (Goal.STOPPED, Phase.READY, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.FAILED, WaitStatus.FAILED),
            (Goal.RESTARTED, Phase.READY, WaitStatus.REACHED),
            (Goal.GONE, Phase.GONE, WaitStatus.REACHED),
            (Goal.GONE, Phase.GOING, WaitStatus.PENDING),
            (Goal.GONE, Phase.READY, WaitStatus.PENDING),
            (Goal.GONE, Phase.FAILED, WaitStatus.PENDING),
        ],
    )
    def test_the_state_decides(self, observation, goal, phase, status):
        """A failed or vanished resource ends the wait at once instead of running into the limit."""
        kind = Told(live(phase))
        seen = observation(watch(kind, goal=goal))
        assert (seen.status, seen.live) == (status, live(phase))
        assert kind.asked == ["list"]

    def test_one_list_answers_for_all(self, clock):
        """Fifty instances cost one request a look, not fifty."""
        kind = Told(*(live(Phase.READY, number=number, name=f"subnet/{number}") for number in range(2, 52)))
        observations = poll([watch(kind, number=number) for number in range(2, 52)], At(clock))
        assert {seen.status for seen in observations} == {WaitStatus.REACHED}
        assert kind.asked == ["list"]

    @pytest.mark.parametrize(
        ("got", "status"), [(Phase.READY, WaitStatus.REACHED), (Phase.GOING, WaitStatus.DISAPPEARED)]
    )
    def test_what_a_list_does_not_show_is_asked_for(self, observation, got, status):
        """Lists lag: absence is believed only when a GET confirms it."""
        kind = Told(got=live(got))
        assert observation(watch(kind)).status is status
        assert kind.asked == ["list", "get"]

    @pytest.mark.parametrize(
        ("goal", "status"), [(Goal.READY, WaitStatus.DISAPPEARED), (Goal.GONE, WaitStatus.REACHED)]
    )
    def test_what_neither_shows_is_gone(self, observation, goal, status):
        """Which is good or bad, depending on what was waited for."""
        seen = observation(watch(Told(), goal=goal))
        assert (seen.status, seen.live) == (status, None)

    def test_failures_carry_their_evidence(self, observation):
        """The work request's errors come along."""
        assert observation(watch(Told(live(Phase.FAILED)))).errors == ("InternalError: no room",)


class TestLookWithoutAnOcid:
    """Some services answer a create without telling the new OCID."""

    def test_it_is_found_by_its_tags(self, observation):
        """Key and deployment identify it; what just went under the same key is not it."""
        others = [
            live(Phase.GONE),
            live(Phase.READY, number=2, deployment="api"),
            live(Phase.READY, number=3, name="subnet/other"),
        ]
        seen = observation(watch(Told(*others, live(Phase.READY, number=4)), live_id=""))
        assert (seen.status, seen.live.id) == (WaitStatus.REACHED, "ocid1.4")

    def test_it_may_take_a_moment(self, observation, clock):
        """For the first seconds nobody asks for the work request."""
        kind = Told(work=Phase.FAILED)
        clock.advance(4.9)
        assert (
            observation(watch(kind, live_id="", since=clock.time() - 4.9, work_request_id="wr")).status
            is WaitStatus.PENDING
        )
        assert kind.asked == ["list"]

    @pytest.mark.parametrize(
        ("work", "status"), [(Phase.FAILED, WaitStatus.FAILED), (Phase.PENDING, WaitStatus.PENDING)]
    )
    def test_after_that_its_work_request_decides(self, observation, clock, work, status):
        """A create that failed never shows up in a list."""
        kind = Told(work=work)
        seen = observation(watch(kind, live_id="", since=clock.time() - 5, work_request_id="wr"))
        assert seen.status is status
        assert bool(seen.errors) == (status is WaitStatus.FAILED)

    def test_without_a_work_request_it_is_waited_for(self, observation, clock):
        """Until the limit."""
        kind = Told(work=Phase.FAILED)
        assert observation(watch(kind, live_id="", since=clock.time() - 60)).status is WaitStatus.PENDING


class TestLookAtWork:
    """Where the state does not tell whether something has happened, the work request does."""

    @pytest.mark.parametrize(
        ("goal", "phase", "work", "status"),
        [
            (Goal.RESTARTED, Phase.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.RESTARTED, Phase.READY, Phase.READY, WaitStatus.REACHED),
            (Goal.RESTARTED, Phase.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.STOPPED, Phase.READY, Phase.PENDING, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.READY, Phase.READY, WaitStatus.PENDING),
            (Goal.STOPPED, Phase.READY, Phase.FAILED, WaitStatus.FAILED),
            (Goal.READY, Phase.STOPPED, Phase.READY, WaitStatus.REACHED),
            (Goal.READY, Phase.STOPPED, Phase.PENDING, WaitStatus.PENDING),
        ],
    )
    def test_work_decides(self, observation, goal, phase, work, status):
        """An instance that ran once and ended was made; one that has not begun to restart is not restarted."""
        kind = Told(live(phase), work=work)
        assert observation(watch(kind, goal=goal, work_request_id="wr")).status is status
        assert kind.asked == ["list", "work"]

    def test_work_is_asked_for_only_in_doubt(self, observation):
        """A state that says it all costs no further request."""
        kind = Told(live(Phase.READY))
        assert observation(watch(kind, work_request_id="wr")).status is WaitStatus.REACHED
        assert kind.asked == ["list"]


class TestLookAtHealth:
    """No list shows health."""

    @pytest.mark.parametrize(("is_healthy", "status"), [(True, WaitStatus.REACHED), (False, WaitStatus.PENDING)])
    def test_a_ready_instance_is_asked_how_it_is(self, observation, is_healthy, status):
        """Without a list, since only this one matters."""
        kind = Told(got=live(Phase.READY), is_healthy=is_healthy)
        assert observation(watch(kind, goal=Goal.HEALTHY)).status is status
        assert kind.asked == ["get", "health"]

    def test_an_instance_that_is_not_ready_is_not_asked(self, observation):
        """It cannot be healthy yet."""
        kind = Told(got=live(Phase.PENDING))
        assert observation(watch(kind, goal=Goal.HEALTHY)).status is WaitStatus.PENDING
        assert kind.asked == ["get"]


class TestWaiter:
    """When to look."""

    def test_nothing_is_due_when_nothing_is_watched(self):
        """The coordinating thread then waits for workers only."""
        waiter = Waiter()
        assert waiter.seconds_until_due(0.0) is None
        assert list(waiter.take_due(0.0)) == []

    def test_the_first_look_comes_soon(self):
        """Much is done when it is answered."""
        waiter = Waiter()
        waiter.add(watch(Told()), 100.0)
        assert waiter.seconds_until_due(100.0) == pytest.approx(interval(0.0, 1))
        assert list(waiter.take_due(100.0)) == []

    def test_what_is_overdue_is_due_now(self):
        """Never a negative time to wait."""
        waiter = Waiter()
        waiter.add(watch(Told()), 100.0)
        assert waiter.seconds_until_due(200.0) == 0.0

    def test_watches_of_a_kind_are_looked_at_together(self):
        """Other kinds, other parents and health are polled at apart."""
        waiter, kind = Waiter(), Told()
        together = [watch(kind), watch(kind, number=2)]
        apart = [
            evolve(watch(Other()), operation=OperationId("web", key("vcn/main"), Action.CREATE)),
            watch(kind, number=3, parent_id="ocid1.9"),
            watch(kind, number=4, goal=Goal.HEALTHY),
            watch(kind, number=5, goal=Goal.HEALTHY),
        ]
        for one in (*together, *apart):
            waiter.add(one, 0.0)
        assert sorted(len(group) for group in waiter.take_due(1.0)) == [1, 1, 1, 1, 2]
        assert len(waiter.watches) == 6

    def test_a_group_is_looked_at_once_at_a_time(self):
        """A slow list is not sent a second time."""
        waiter, one = Waiter(), watch(Told())
        waiter.add(one, 0.0)
        assert list(waiter.take_due(1.0)) == [(one,)]
        assert list(waiter.take_due(2.0)) == []
        assert waiter.seconds_until_due(2.0) is None

    def test_the_next_look_follows_the_time_waited(self):
        """It is planned when the one before has been answered."""
        waiter, one = Waiter(), watch(Told(), since=0.0)
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(interval(60.0, 1))

    def test_health_is_looked_at_less_often(self):
        """Checks have periods of seconds themselves."""
        waiter, one = Waiter(), watch(Told(), goal=Goal.HEALTHY)
        waiter.add(one, 0.0)
        list(waiter.take_due(60.0))
        waiter.polled([one], 60.0)
        assert waiter.seconds_until_due(60.0) == pytest.approx(4 * interval(60.0, 1))

    def test_who_joins_during_a_look_is_looked_at_next(self):
        """The group goes on although all whom the look was for have arrived."""
        waiter, first, second = Waiter(), watch(Told(), since=0.0), watch(Told(), number=2, since=10.0)
        waiter.add(first, 0.0)
        list(waiter.take_due(10.0))
        waiter.add(second, 10.0)
        waiter.remove(first.operation, 10.5)
        waiter.polled([first], 10.5)
        assert waiter.watches == (second,)
        assert waiter.seconds_until_due(10.5) == pytest.approx(interval(0.5, 1, 1, 0.0))

    def test_what_was_reached_is_not_looked_at_again(self):
        """The last one ends the group."""
        waiter, one = Waiter(), watch(Told())
        waiter.add(one, 0.0)
        list(waiter.take_due(1.0))
        waiter.remove(one.operation, 1.0)
        waiter.polled([one], 1.0)
        assert waiter.watches == ()
        assert waiter.seconds_until_due(1.0) is None

    def test_arrivals_call_the_next_look_earlier(self):
        """The crowd's own rate says when the last one may be expected."""
        waiter = Waiter()
        crowd = [watch(Told(), number=number, since=0.0) for number in range(1, 11)]
        for one in crowd:
            waiter.add(one, 0.0)
        list(waiter.take_due(20.0))
        for one in crowd[:8]:
            waiter.remove(one.operation, 19.0)
        waiter.polled(crowd, 20.0)
        assert waiter.seconds_until_due(20.0) == pytest.approx(interval(20.0, 2, 8, 1.0))
        assert interval(20.0, 2, 8, 1.0) < interval(20.0, 2)

    def test_a_later_wave_forgets_the_arrivals_of_an_earlier_one(self):
        """Subnets that come up long after the VCN's other children begin anew."""
        waiter, first, later = Waiter(), watch(Told(), since=0.0), watch(Told(), number=2, since=100.0)
        waiter.add(first, 0.0)
        waiter.remove(first.operation, 1.0)
        waiter.add(later, 100.0)
        list(waiter.take_due(110.0))
        waiter.polled([later], 110.0)
        assert waiter.seconds_until_due(110.0) == pytest.approx(interval(10.0, 1))

    def test_removing_what_is_not_watched_does_nothing(self):
        """A node may fail before it is waited for."""
        waiter = Waiter()
        waiter.add(watch(Told()), 0.0)
        waiter.remove(OperationId("web", key("vcn/main"), Action.CREATE), 1.0)
        assert len(waiter.watches) == 1
